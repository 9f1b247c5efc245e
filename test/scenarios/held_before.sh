#!/bin/sh
# SPDX-License-Identifier: MIT
# Who held the cells before: devices are asked beforehand what they hold, and three have changed supplier; three more
# change between signature and delivery; three cells hold a key that somebody placed with the one that was kept. By
# their own word each is counted, told to whom it concerns, and stands in the story.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

tcos=90B3D51F30050001
check 'token, certificates' story_setup
party_supplier other 90B3D51F30020002
check 'eight meters' stage_meters meters 8 supplier
check 'six more' stage_meters later 6 supplier --first 00DB123400100000
check 'and six' stage_meters kept 6 supplier --first 00DB123400200000
check 'the service answers' service_start
story_ready recovery

opened() { # METERS TITLE
    story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' "$2" &&
        rehearsal_to_pma "$pki/bundle.pem" "$work/$1/roster.csv"
}
figures_are() { # FILTER
    ctl --json figures "$incident" | jq -e "$1" >/dev/null
}
told_by_device() { # MEMBER VALUE N: so many devices say so
    ctl --json devices "$incident" | jq -e --arg m "$1" --arg v "$2" --argjson n "$3" \
        '[.devices[] | getpath($m | split(".")) | select(. == $v)] | length == $n' >/dev/null
}
alarmed() { # HELD N
    ctl --json status | jq -e --arg i "$incident" --arg h "$1" --argjson n "$2" \
        '.alarms | map(select(.incident == $i and .alarm == $h and .devices == $n)) | length == 1' >/dev/null
}
noticed() { # HELD N: everybody was told of this incident, once
    jq -es --arg i "$incident" --arg h "$1" --argjson n "$2" 'map(select(.incident == $i and .kind == "DEVICES_HOLD_OTHERWISE"
        and .body[$h] == $n) | .to) | sort == ["dcc", "parties", "pma", "rdp", "subscriber"]' "$work/service/outbox"/*.json >/dev/null
}
questions() { # NAME [OPTION...]
    questions_to=$work/$1
    shift
    ctl --quiet queries export "$incident" --originator "$tcos" --out "$questions_to" --before "$@" &&
        find "$questions_to" -name '*.bin' | wc -l >"$work/asked.n"
}
asked_are() { # N
    [ "$(cat "$work/asked.n")" -eq "$1" ]
}
key_off() {
    event deactivate-key --evidence 'the custodians left'
}
executed() {
    event executed --evidence 'every device' && event close
}

echo '# Asked beforehand: three have changed supplier'
check 'three customers have changed supplier' story_moved meters other "$(party_device meters 1)" "$(party_device meters 4)" "$(party_device meters 7)"
check 'an incident about eight devices' opened meters 'Supplier Ltd: keys exposed'
check 'a sample of the list is asked: one device in four' questions sample --every 4
check 'that is two questions' asked_are 2
check 'the two answer before anything is decided' story_asked meters "$work/sample"
sampled() {
    ctl --json responses add "$incident" "$work/asked.hex" >"$work/taken" && cat "$work/taken" &&
        jq -e '.lines == 2 and .told == 2 and .unfit == 0 and .held_before == {}' "$work/taken"
}
check 'nobody has said which cells it is about' sampled
check 'decided' story_decide meters supplier .
check 'the decision has: one of the two is another party'"'"'s' figures_are '.preflight == {"answered": 2, "expected": 1, "another-party": 1}'
check 'everybody concerned is told' noticed another-party 1
check 'the key is on' story_activate meters
check 'every device is asked' questions questions
check 'that is eight questions' asked_are 8
check 'the devices answer' story_asked meters "$work/questions"
answered() {
    ctl --json responses add "$incident" "$work/asked.hex" >"$work/taken" && cat "$work/taken" &&
        jq -e '.lines == 8 and .told == 8 and .unfit == 0 and .held_before == {"expected": 5, "another-party": 3}' "$work/taken"
}
check 'every answer is what a device holds; three are another party'"'"'s' answered
check 'figures say so' figures_are '.preflight == {"answered": 8, "expected": 5, "another-party": 3} and .answered == 0'
check 'so does each device' told_by_device preflight.held another-party 3
check 'an alarm stands' alarmed another-party 3
check 'everybody concerned is told' noticed another-party 3
in_story() {
    ctl incident show "$incident" | grep "3 devices: another party's certificates, by their own word; the first: $(party_device meters 1)"
}
check 'it is in the story' in_story
refuse 'a batch that would take their cells from the supplier of now' batch.another-party ctl --yes batch start "$incident" "$decision"
excuse() {
    for no in 1 4 7; do printf '%s,excused,changed supplier\n' "$(party_device meters $no)"; done >"$work/marks.csv"
    ctl --quiet devices mark "$incident" "$work/marks.csv"
}
check 'the three are excused by name' excuse
check 'the others are signed' story_batch
check 'five commands, no more' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json batch show $batch | jq -e '.signed == 5'"
check 'they answer' story_exchange meters
check 'what lay there was expected' figures_are '.by_state == {success: 5, excused: 3} and .held_before == {expected: 5}'
check 'the key is off' key_off
check 'executed, closed' executed
first=$incident

echo '# Three change supplier between the signature and the command'
check 'an incident about six devices' opened later 'Supplier Ltd: keys exposed, customers on the move'
check 'decided' story_decide later supplier .
check 'the key is on' story_activate later
check 'signed' story_batch
check 'three customers change supplier' story_moved later other "$(party_device later 2)" "$(party_device later 3)" "$(party_device later 6)"
check 'the commands come, and answers' story_exchange later
check 'three say that another party was there' figures_are '.by_state == {success: 6} and .held_before == {"expected": 3, "another-party": 3}'
check 'so does each device' told_by_device held_before another-party 3
check 'an alarm stands' alarmed another-party 3
check 'everybody concerned is told' noticed another-party 3
check 'the key is off' key_off
check 'executed, closed' executed
gone() {
    ! alarmed another-party 3
}
check 'with the incident the alarm is over' gone
second=$incident

echo '# Three cells that somebody changed with the key that was kept'
check 'somebody uses the kept key' story_misused kept supplier-ds "$(party_device kept 1)" "$(party_device kept 2)" "$(party_device kept 5)"
check 'an incident about six devices' opened kept 'Supplier Ltd: a key that a creditor kept'
check 'decided' story_decide kept supplier '.compromised |= map(.cause = "lost-control") | .risk_weighed = "the holder may use it"'
check 'the key is on' story_activate kept
check 'signed' story_batch
check 'answered' story_exchange kept
check 'the proof: three held a key that nobody named' figures_are '.by_state == {success: 6} and .held_before == {"expected": 3, "unknown-key": 3}'
named() {
    ctl --json devices "$incident" | jq -e --arg d "$(party_device kept 5)" '.devices[] | select(.device == $d)
        | .held_before == "unknown-key" and .cells["supplier-ds"].held == "unknown-key" and .cells["supplier-ka"].held == "expected"
        and .cells["supplier-ds"].old_key != .cells["supplier-ds"].new_key'
}
check 'device and cell are named, with the key' named
check 'an alarm stands' alarmed unknown-key 3
check 'everybody concerned is told' noticed unknown-key 3
check 'it is on record' audited 'map(select(.kind == "DEVICES_HOLD_OTHERWISE") | .data) == [{"another-party": 1}, {"another-party": 3}, {"another-party": 3}, {"unknown-key": 3}]'
check 'the key is off' key_off
check 'executed, closed' executed
story_tell "$first" "$second" "$incident"
story_end
