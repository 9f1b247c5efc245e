#!/bin/sh
# SPDX-License-Identifier: MIT
# The independent reader itself (reader.jq): an incident that ends in every state that a device can be in is read
# without a difference; then one cell of one meter is spoilt, or one word of the service's, and the reader names that
# device and that cell and nothing else.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

meter=$tools/test/meter/smki-meter
check 'token, certificates' story_setup
check 'twelve meters' stage_meters meters 12 supplier --mix ESME:1
for no in 1 2 3 4 5 6 7 8 9 10 11 12; do
    eval "d$no=$(party_device meters $no)"
done
# The twelfth was not commissioned when it began; of the eleventh the list names one cell.
# shellcheck disable=SC2154 # d1 to d12: set by eval
awk -F, -v OFS=, -v alone="$d12" -v one="$d11" 'NR == 1 { print $0, "cells"; next } $1 == alone { $3 = "pending" }
    { print $0, $1 == one ? "supplier-ds" : "" }' "$work/meters/roster.csv" >"$work/roster.csv"
check 'the service answers' service_start
story_ready recovery
check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/roster.csv"
check 'before anything is decided' story_reads 0
check 'decided' story_decide yes supplier .
check 'nothing is signed yet' story_reads 0
check 'the key is on' story_activate yes
check 'signed, but for a row' story_batch

# Devices 1 to 5 get their command and answer. 6: one cell fails. 7: all fail, it has another root. 8: its answer is
# lost. 9, 10: their command is lost. 11 has its one cell replaced.
some() { # FOLDER N...
    some_into=$work/$1
    shift
    mkdir "$some_into"
    for no; do
        eval "cp \"\$work/commands\"/\"\$d$no\"-*.bin \"\$some_into\""
    done
}
given() { # FOLDER [OPTION...]
    given_folder=$work/$1
    shift
    "$meter" run --state "$work/meters" --commands "$given_folder" --responses "$work/answers.hex" --log "$work/meters.jsonl" "$@"
}
# shellcheck disable=SC2154 # d1 to d12: set by eval
many_fates() {
    ctl --quiet commands export "$batch" --out "$work/commands" && some good 1 2 3 4 5 7 11 && some partly 6 && some lost 8 &&
        stage_pki init --dir "$work/elsewhere" && "$meter" change --state "$work/meters" --cell root="$work/elsewhere/root.pem" "$d7" &&
        given good && cp "$work/answers.hex" "$work/all.hex" && given partly --cell-fail 100 && cat "$work/answers.hex" >>"$work/all.hex" &&
        given lost && ctl --quiet responses add "$incident" "$work/all.hex" &&
        printf '%s,%s,the line broke\n' "$d8" unknown "$d9" unreachable "$d10" excused >"$work/marks" &&
        ctl --quiet devices mark "$incident" "$work/marks"
}
check 'devices fare as they do' many_fates
states() {
    ctl --json devices "$incident" | jq -e '[.devices[].state] == ["success", "success", "success", "success", "success", "partly",
        "failed", "unknown", "unreachable", "excused", "success", "failed-alone"]'
}
check 'one of each state' states
check 'of that the reader finds nothing wrong' story_reads 0
summed=$(tail -n 1 "$work/reader.said")
check 'and has looked at every cell that something is said of' [ "$summed" = 'reader: 12 devices, 25 cells, 0 differences' ]

# --- one cell spoilt ---

mkdir "$work/kept" # one deeper than where meters are looked for
cp -r "$work/meters" "$work/kept/meters"
finds() { # DIFFERENCE...: these, each a beginning, and no others
    story_reads $# || return 1
    for begins; do
        grep -q "^$begins" "$work/reader.said" || return 1
    done
}
# cell_spoilt NAME DEVICE CELL FINDS OPTION...: that change, found; then as before
cell_spoilt() {
    spoilt_name=$1 spoilt_device=$2 spoilt_cell=$3 spoilt_finds=$4
    shift 4
    "$meter" change --state "$work/meters" "$@" "$spoilt_device" >>"$log" 2>&1
    check "spoilt and found: $spoilt_name" finds "$spoilt_device $spoilt_cell: $incident says $spoilt_finds"
    cp "$work/kept/meters"/meters.* "$work/meters"
}
# shellcheck disable=SC2154 # d1 to d12: set by eval
{
    cell_spoilt 'a key that nobody knows where all succeeded' "$d2" supplier-ka \
        'success, it holds supplier-ka-new; it holds a certificate that nobody knows' --unknown supplier-ka
    cell_spoilt 'the compromised one where all succeeded' "$d3" supplier-pp success --cell supplier-pp="$pki/supplier-pp-old.pem"
    cell_spoilt 'the new one where all failed' "$d7" supplier-ds failed --cell supplier-ds="$pki/supplier-ds-new.pem"
    cell_spoilt 'an unknown one where all failed' "$d7" supplier-ka failed --unknown supplier-ka
    cell_spoilt 'the cell that the list names' "$d11" supplier-ds success --cell supplier-ds="$pki/supplier-ds-old.pem"
    failed_cell=$(ctl --json devices "$incident" | jq -r --arg d "$d6" '.devices[] | select(.device == $d) | .cells | to_entries[] | select(.value.status != 0) | .key')
    cell_spoilt 'the new one in the cell that failed' "$d6" "$failed_cell" partly --cell "$failed_cell=$pki/$failed_cell-new.pem"
}
check 'as it was: nothing' story_reads 0

# --- one word of the service's spoilt ---

word_spoilt() { # NAME DEVICE FILTER DIFFERENCE...
    word_name=$1 word_device=$2 word_filter=$3
    shift 3
    said_spoilt "$word_name" ".devices |= map(if .device == \"$word_device\" then $word_filter else . end) | $figured" "$@"
}
# Figures that say the same as the rows.
figured='. as $i | .figures.by_state |= (. as $f | [$i.devices[] | .state | select($f[.])] | group_by(.) | map({key: .[0], value: length}) | from_entries)'
said_spoilt() { # NAME FILTER DIFFERENCE...
    said_name=$1 said_filter=$2
    shift 2
    cp "$work/reader/said" "$work/said.kept"
    jq "$said_filter" "$work/said.kept" >"$work/reader/said"
    check "spoilt and found: $said_name" compared "$@"
    mv "$work/said.kept" "$work/reader/said"
}
compared() {
    story_compare "$work/reader" >"$work/reader.said" || return 1
    cat "$work/reader.said"
    [ "$(wc -l <"$work/reader.said")" -eq $(($# + 1)) ] || return 1
    for begins; do
        grep -q "^$begins" "$work/reader.said" || return 1
    done
}
# shellcheck disable=SC2154 # d1 to d12: set by eval
{
    word_spoilt 'success where the command never came' "$d9" '.state = "success" | .holds = "new" | del(.cells)' \
        "$d9 supplier-ds: $incident says success" "$d9 supplier-ka" "$d9 supplier-pp"
    word_spoilt 'success where a cell failed' "$d6" '.state = "success"' "$d6 $failed_cell"
    word_spoilt 'failed where all is new' "$d1" '.state = "failed"' "$d1 supplier-ds" "$d1 supplier-ka" "$d1 supplier-pp"
    word_spoilt 'partly where all is new' "$d1" '.state = "partly"' "$d1 all"
    word_spoilt 'nothing signed where all is new' "$d1" '.state = "pending" | .counter = 0 | del(.cells, .batch)' "$d1 supplier-ds" "$d1 supplier-ka" "$d1 supplier-pp"
    word_spoilt 'another key in the answer' "$d4" '.cells["supplier-pp"].new_key = "0000000000000001"' "$d4 supplier-pp"
    word_spoilt 'a key in a cell of a device that is excused' "$d10" '.cells["supplier-ds"] = {status: 0, new_key: "0000000000000001"}' "$d10 supplier-ds"
    word_spoilt 'a state that there is not' "$d5" '.state = "fine"' "$d5 all"
    word_spoilt 'a device that no meter is' "$d5" '.device = "00DB1234FFFFFFFF"' '00DB1234FFFFFFFF all' "$d5 supplier-ds: no incident" \
        "$d5 supplier-ka: no incident" "$d5 supplier-pp: no incident"
}
# And what says nothing is no difference: a cell that a further decision asks for; what the eighth device, which nobody
# knows about and which holds the new ones, last said before.
# shellcheck disable=SC2154 # d1 to d12: set by eval
{
    word_spoilt 'nothing, of a cell that is owed' "$d1" '.state = "partly" | .cells["supplier-ka"] |= . + {owed: "D-2", new_key: "0000000000000001"}'
    word_spoilt 'nothing, of what an unknown device said before' "$d8" '.cells["supplier-ds"] = {status: 10, new_key: "0000000000000001"}'
    word_spoilt 'the same of one that has the old ones' "$d9" '.cells["supplier-ds"] = {status: 10, new_key: "0000000000000001"}' "$d9 supplier-ds"
}
# Six have said so, and it is true of the eighth device, too, whose answer was lost.
said_spoilt 'more recovered than is true' '.show.recovered += 2' "- -: $incident says 8 recovered"
said_spoilt 'one more in the figures' '.figures.by_state.failed = 2' "- -: $incident says 2 failed in figures"
# shellcheck disable=SC2154 # d1 to d12: set by eval
said_spoilt 'a device that the service has forgotten' ".devices |= map(select(.device != \"$d11\")) | .show.recovered -= 1 | $figured" \
    "$d11 supplier-ds: no incident says anything of it; it holds supplier-ds-new"
# Asked, the sixth device says that it has one of three: the second had been replaced, and somebody has placed an unknown
# key there since.
# shellcheck disable=SC2154 # d1 to d12: set by eval
asked() {
    kept_cell=$(ctl --json devices "$incident" | jq -r --arg d "$d6" '[.devices[] | select(.device == $d) | .cells | to_entries[]
        | select(.value.status == 0) | .key][0]') && story_misused meters "$kept_cell" "$d6" &&
        echo "$d6,unknown,the line broke" >"$work/marks" && ctl --quiet devices mark "$incident" "$work/marks" &&
        ctl --quiet queries export "$incident" --out "$work/queries" --originator 90B3D51F30050001 &&
        story_asked meters "$work/queries" && ctl --json responses add "$incident" "$work/asked.hex" | jq -e '.resolved == 2 and .success == 1'
}
check 'three are asked what they hold' asked
check 'and what is said of them then is true' story_reads 0
# A second command is carried out, by the seventh device, too, which has its root again; its answers are lost. What was
# said of the first is not held against it.
# shellcheck disable=SC2154 # d1 to d12: set by eval
under_way() {
    "$meter" change --state "$work/meters" --cell root="$pki/root.pem" "$d7" && story_batch --rows unsuccessful && rm -rf "$work/commands" && ctl --quiet commands export "$batch" --out "$work/commands" &&
        given commands && grep -c '"verdict":"accepted"' "$work/meters.jsonl"
}
check 'what is left is signed again and carried out, nobody answers' under_way
check 'nothing false is said of it' story_reads 0
not_reading() { # nothing to read is not nothing wrong
    mv "$work/reader/said" "$work/said.kept"
    ! story_compare "$work/reader"
}
check 'and where it cannot read it says so' not_reading
story_end
