#!/bin/sh
# SPDX-License-Identifier: MIT
# How what lies in this folder was made: by the programs of the last version whose database had schema 7, with
# simulated meters, test certificates and a throw-away token. Not a test, and not run again: what it made stands for
# files out in the field.
#
#   faketime '-30 days' make.sh BUILD SOURCE METER OUT     BUILD and SOURCE of then, METER of now
#
#   store.sql    the database, as text
#   rosters/     the lists of devices
#   story.json   what the programs of then told of it a month later: {incidents: {ID: {show, figures, devices}},
#                audit: SHA-256 of the trail, records: how many}
#   late-ID.hex  answers that came after that: of a device that had not answered, of one that had; of the three whose
#                list was corrected meanwhile
set -u
meter=$3 out=$4
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"
# shellcheck source=test/integration/store_7/tell.sh
. "$(dirname "$0")/tell.sh"

make_meters() { # FOLDER N FIRST
    stage_meters "$1" "$2" supplier --first "$3" && roster=$scene/$1/roster.csv
}
device() { # device N: of the list
    sed -n "$(($1 + 1))s/,.*//p" "$roster"
}
# The commands of these devices, carried out; answers go to answers.hex.
given() { # given METERS 'N...' [OPTION...]
    given_meters=$scene/$1
    rm -rf "$scene/some" && mkdir "$scene/some"
    for no in $2; do
        cp "$scene/commands/$(device "$no")"-*.bin "$scene/some"
    done
    shift 2
    "$meter" run --state "$given_meters" --commands "$scene/some" --responses "$scene/given.hex" --log "$scene/meters.jsonl" "$@" &&
        cat "$scene/given.hex" >>"$scene/answers.hex"
}
# notice TITLE ROSTER: to the PMA
noticed() {
    incident=$(ctl --json incident open --exercise --initiator subscriber --subscriber "$stage_supplier" \
        --notice 'Officer One, by telephone' "$1" | jq -r .id) && rehearsal_to_pma "$pki/bundle.pem" "$2"
}
signed() { # decided, switched on, signed to its end; commands out
    scene_decide ".id = \"$incident-D1\" | .attempts = 2" && scene_activate && scene_batch all && eventually batch_ended && rm -rf "$scene/commands" "$scene/answers.hex" &&
        commands_out "$scene/commands"
}
batch_ended() {
    batch_is 'done'
}
answered() {
    ctl --quiet responses add "$incident" "$scene/answers.hex"
}

must stage_make 1
must service_start

# One that ended well, with one device excused. Two lists: the first named a device too many.
must make_meters closed 6 00DB123400100000
must noticed 'Supplier Ltd: keys exposed, all recovered but one' "$roster"
cp "$roster" "$scene/six.csv"
head -n 6 "$scene/six.csv" >"$scene/five.csv"
must ctl --quiet roster add "$incident" "$scene/five.csv"
roster=$scene/five.csv
must signed
must given closed '1 2 3 4'
must answered
printf '%s,excused,the house was pulled down\n' "$(device 5)" >"$scene/marks"
must ctl --quiet devices mark "$incident" "$scene/marks"
must rehearsal_event deactivate-key --evidence 'the custodians left'
must rehearsal_event executed --evidence 'exception list 1' --facts exceptions_listed
must rehearsal_event close

# One in which devices fare in every way, and answers come that do not fit.
must make_meters open 9 00DB123400200000
awk -F, -v OFS=, 'NR == 1 { print $0, "cells"; next } NR == 10 { $3 = "pending" } { print $0, NR == 4 ? "supplier-ds" : "" }' "$roster" >"$scene/open.csv"
roster=$scene/open.csv
must noticed 'Supplier Ltd: keys exposed, devices fare in every way' "$roster"
must signed
must given open '1 2'
must given open '3 4' --cell-fail 100
must given open '5'
sed '$d' "$scene/answers.hex" >"$scene/answers.part" # the fifth was carried out; its answer is lost
{
    cat "$scene/answers.part"
    head -n 1 "$scene/answers.part"
    echo 'no message'
    sed -n '2s/[0-7]$/8/;2s/[9A-F]$/0/;2p' "$scene/answers.part"
} >"$scene/answers.hex"
must not answered # some do not fit
printf '%s,%s,%s\n' "$(device 5)" unknown 'the line broke' "$(device 6)" unreachable 'no answer' \
    "$(device 7)" excused 'exchanged last week' >"$scene/marks"
must ctl --quiet devices mark "$incident" "$scene/marks"
must given open '8'
{
    cat "$scene/given.hex"
    head -n 1 "$scene/answers.hex"
} >"$scene/late-$incident.hex"
must rehearsal_event deactivate-key --evidence 'the custodians left'

# One whose list was corrected after half had answered: the first device is not on it any more.
must make_meters moved 6 00DB123400300000
must noticed 'Supplier Ltd: keys exposed, the list corrected too late' "$roster"
must signed
must given moved '1 2 3'
must answered
must given moved '4 5 6'
cp "$scene/given.hex" "$scene/late-$incident.hex"
sed 2d "$roster" >"$scene/later.csv"
must ctl --quiet roster add "$incident" "$scene/later.csv"
must rehearsal_event deactivate-key --evidence 'the custodians left'

# The same where nobody had answered.
must make_meters silent 4 00DB123400400000
must noticed 'Supplier Ltd: keys exposed, the list corrected before any answer' "$roster"
must signed
sed 2d "$roster" >"$scene/later.csv"
must ctl --quiet roster add "$incident" "$scene/later.csv"
must rehearsal_event deactivate-key --evidence 'the custodians left'

# A month later, as told by the programs of then: no window is open any more.
must service_stop
unset LD_PRELOAD FAKETIME FAKETIME_SHARED
must service_start
rm -rf "$out/rosters"
mkdir -p "$out/rosters"
cp "$scene/service/rosters"/*.csv "$out/rosters"
cp "$scene"/late-*.hex "$out"
must ctl --quiet audit export --out "$scene/audit.jsonl"
story_told >"$scene/told" || echo 'not told'
jq -S -n --slurpfile told "$scene/told" --arg sha256 "$(sha256sum <"$scene/audit.jsonl" | cut -d ' ' -f 1)" \
    --argjson records "$(wc -l <"$scene/audit.jsonl")" '{incidents: $told[0], audit: $sha256, records: $records}' >"$out/story.json"
must service_stop
sqlite3 "$scene/service/recovery.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
{
    sqlite3 "$scene/service/recovery.db" .dump
    echo "PRAGMA user_version=$(sqlite3 "$scene/service/recovery.db" 'PRAGMA user_version');"
} >"$out/store.sql"
