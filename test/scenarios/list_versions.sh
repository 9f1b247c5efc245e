#!/bin/sh
# SPDX-License-Identifier: MIT
# A list is a document with versions: corrected after half of its devices had answered; two regions by two decisions
# of one incident; a shorter list put on file while answers come in. Whatever becomes of the list, a device that a
# decision named is counted until it is done or excused by name.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
check 'ten meters' stage_meters meters 10 supplier
check 'eight of two regions' stage_meters regions 8 supplier --first 00DB123400100000
check 'six more' stage_meters six 6 supplier --first 00DB123400200000
check 'the service answers' service_start
story_ready recovery

# list_of METERS NAME LINE...: those devices of the meters' list, by number.
list_of() {
    list_meters=$work/$1/roster.csv list_name=$work/$2.csv
    shift 2
    {
        head -n 1 "$list_meters"
        for no; do sed -n "$((no + 1))p" "$list_meters"; done
    } >"$list_name"
}
# device METERS N: the name of that device.
device() {
    sed -n "$(($2 + 1))p" "$work/$1/roster.csv" | cut -d , -f 1
}
# deliver METERS N...: the commands of $batch for those devices only, and their answers back.
deliver() {
    deliver_meters=$1
    shift
    rm -rf "$work/all" "$work/commands"
    mkdir "$work/commands"
    ctl --quiet commands export "$batch" --out "$work/all" || return 1
    for no; do cp "$work/all/$(device "$deliver_meters" "$no")"-*.bin "$work/commands/" || return 1; done
    "$tools/test/meter/smki-meter" run --state "$work/$deliver_meters" --commands "$work/commands" \
        --responses "$work/responses.hex" --log "$work/meters.jsonl" --json >"$work/verdict.json" && ctl --quiet responses add "$incident" "$work/responses.hex"
}
opened() { # LIST TITLE
    story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' "$2" &&
        rehearsal_to_pma "$pki/bundle.pem" "$work/$1.csv"
}
signed() { # NAME [FILTER] [OPTION...]: decided, activated, signed
    signed_name=$1 signed_filter=$2
    shift 2
    story_decide "$signed_name" supplier "$signed_filter" && story_activate "$signed_name" && story_batch "$@"
}
key_off() {
    event deactivate-key --evidence 'the custodians left'
}
figures_are() { # FILTER
    ctl --json figures "$incident" | jq -e "$1" >/dev/null
}
state_of() { # DEVICE STATE
    ctl --json devices "$incident" | jq -e --arg d "$1" --arg s "$2" '.devices | map(select(.device == $d and .state == $s)) | length == 1' >/dev/null
}

echo '# Corrected after half had answered: one that is done and one that is not are left out, two are new'
list_of meters first 1 2 3 4 5 6 7 8
list_of meters second 2 3 4 5 6 8 9 10
check 'an incident about eight devices' opened first 'Supplier Ltd: keys exposed'
check 'decided, signed' signed one .
check 'four of eight have answered' deliver meters 1 2 3 4
check 'the correction is handed in' ctl --json roster add "$incident" "$work/second.csv"
proposed() {
    shows '.rosters | length == 2 and .[1].state == "proposed" and .[1].added == 2 and .[1].removed == 2 and .[1].changed == 0'
}
check 'it is proposed, with its difference' proposed
check 'and nothing has changed' figures_are '.devices == 8 and .by_state == {success: 4}'
refuse 'a correction without a reason' request.member curl -fsS --unix-socket "$socket" -X POST -H 'Content-Type: application/json' \
    -d '{"version":2}' "http://x/v1/incidents/$incident/roster/confirm"
refuse 'a version that is not proposed' roster.proposal ctl roster confirm "$incident" 1 --reason x
check 'it is confirmed' ctl roster confirm "$incident" 2 --reason 'two meters were forgotten, two were sold'
check 'ten devices count, four of them done' figures_are '.devices == 10 and .by_state == {success: 4}'
check 'the list of before can be had' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' roster get '$incident' --number 1 | cmp - '$work/first.csv'"
check 'more answers come, of a device that the list does not have any more too' deliver meters 5 6 8
check 'every one counts' figures_are '.by_state == {success: 7} and .set_aside == {}'
check 'the key is off' key_off
refuse 'a decision about the list of before' decision.roster ctl decision submit "$incident" "$work/one.cms"
first_decision=$decision
check 'decided anew about the list that is on file, the rest is signed' signed two ".supersedes = \"$first_decision\"" --rows unfinished
check 'two devices, no more' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json batch show $batch | jq -e '.signed == 2'"
check 'they answer' deliver meters 9 10
check 'the key is off' key_off
check 'the one that was left out waits still' state_of "$(device meters 7)" sent
known() {
    ctl --json devices "$incident" | jq -e --arg gone "$(device meters 7)" --arg new "$(device meters 9)" '
        [.devices[] | select(.device == $gone)][0] as $g | [.devices[] | select(.device == $new)][0] as $n
        | ($g.list == 1 and ($g.on_file | not) and $n.list == 2 and $n.on_file and $g.decision_sha256 != $n.decision_sha256)' >/dev/null
}
check 'each outcome knows decision, batch and list' known
refuse 'executed while it does' incident.rows-pending event executed --evidence 'everybody on the list'
excuse() {
    printf '%s,excused,sold and taken down\n' "$(device meters 7)" >"$work/marks.csv"
    ctl --quiet devices mark "$incident" "$work/marks.csv"
}
check 'it is excused by name' excuse
check 'executed' event executed --evidence 'every device of both lists'
check 'closed' event close
check 'ten devices: nine done, one excused' figures_are '.devices == 10 and .by_state == {success: 9, excused: 1}'
refuse 'a list for a closed incident' incident.closed ctl roster add "$incident" "$work/first.csv"
refuse 'a mark' incident.closed ctl devices mark "$incident" "$work/marks.csv"
answers() {
    ctl responses add "$incident" "$work/responses.hex"
}
refuse 'answers' incident.closed answers
first=$incident
evidence() { # each decision finds its list in the folder
    ctl --quiet evidence export "$incident" --out "$work/evidence"
    for d in "$work/evidence"/decision-*-D*.json; do
        jq -e '.document.kind == "decision"' "$d" >/dev/null || continue
        named=$(jq -r .document.roster.sha256 "$d")
        sha256sum "$work/evidence"/roster*.csv | grep "^$named" || return 1
    done
    [ -f "$work/evidence/roster-1.csv" ]
}
check 'the evidence has the list of each decision' evidence

echo '# Two regions, by two decisions of one incident'
list_of regions north 1 2 3 4
list_of regions south 5 6 7 8
check 'an incident about the north' opened north 'Supplier Ltd: keys exposed in two regions'
check 'decided, signed' signed north .
check 'the north has answered' deliver regions 1 2 3 4
check 'the key is off' key_off
check 'the list of the south' ctl --quiet roster add "$incident" "$work/south.csv"
check 'it follows that of the north' ctl --quiet roster confirm "$incident" 2 --reason 'the second region'
refuse 'executed before the south' incident.rows-pending event executed --evidence 'the north'
north=$decision
check 'decided and signed for the south' signed south ".supersedes = \"$north\""
check 'three of the south have answered' deliver regions 5 6 7
check 'the key is off' key_off
refuse 'executed while one is missing' incident.rows-pending event executed --evidence 'seven of eight'
check 'the last one answers' deliver regions 8
check 'both regions are counted' figures_are '.devices == 8 and .by_state == {success: 8}'
check 'executed' event executed --evidence 'both regions'
check 'closed' event close
second=$incident

echo '# A shorter list on file while answers come in'
list_of six all 1 2 3 4 5 6
list_of six shorter 1 2 3
check 'an incident about six devices' opened all 'Supplier Ltd: keys exposed once more'
check 'decided, signed' signed six .
check 'two have answered' deliver six 1 6
check 'a shorter list' ctl --quiet roster add "$incident" "$work/shorter.csv"
check 'is on file' ctl --quiet roster confirm "$incident" 2 --reason 'three of them were thought to be another supplier'"'"'s'
check 'the others answer' deliver six 2 3 4 5
check 'every answer counts, for the devices that gave it' figures_are '.devices == 6 and .by_state == {success: 6} and .set_aside == {}'
check 'the key is off' key_off
check 'executed' event executed --evidence 'all six'
check 'closed' event close
story_tell "$first" "$second" "$incident"
story_end
