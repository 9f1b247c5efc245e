#!/bin/sh
# SPDX-License-Identifier: MIT
# Batches in waves: prepayment first, then a region, then all others; no faster than the plan lets them leave; who does
# not answer is asked again. The service is killed between two waves and goes on.
# shellcheck disable=SC2016,SC1010 # $ in single quotes is awk's; a batch that is done is no loop
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
check 'twelve meters' stage_meters meters 12 supplier
check 'the service answers' service_start
story_ready recovery

# Two in a row of twelve pay in advance, one in three lives in the north.
awk -F, -v OFS=, 'NR == 1 { print $0, "payment", "region"; next }
    { print $0, (NR % 6 < 2 ? "prepayment" : "credit"), (NR % 3 == 0 ? "north" : "south") }' "$work/meters/roster.csv" >"$work/list.csv"
devices() { # devices AWK-CONDITION: their names, in order
    awk -F, "NR > 1 && ($1) { print \$1 }" "$work/list.csv"
}
paying='$(NF - 1) == "prepayment"' north='$(NF - 1) != "prepayment" && $NF == "north"'
rest='$(NF - 1) != "prepayment" && $NF != "north"'
plan() { # plan NAME JSON
    printf '%s\n' "$2" >"$work/$1.json"
}
commanded() { # commanded AWK-CONDITION: the commands that were taken out last are theirs alone
    find "$work/commands" -name '*.bin' -exec basename {} \; | cut -d- -f1 | sort >"$work/have"
    devices "$1" | sort | diff - "$work/have"
}
wave_is() { # wave_is NUMBER NAME STATE
    ctl --json incident show "$incident" | jq -e --argjson n "$1" --arg name "$2" --arg state "$3" \
        '.waves.waves[$n - 1] | .wave == $name and .state == $state' >/dev/null &&
        batch=$(ctl --json incident show "$incident" | jq --argjson n "$1" '.waves.waves[$n - 1].batch')
}

check 'keys exposed' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'keys exposed'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/list.csv"
check 'decided' story_decide yes supplier '.attempts = 3'
check 'the key is on' story_activate yes

plan odd '{"schema": "smki-recovery/waves/1",
 "waves": [{"name": "prepayment",
            "payment": "prepaid"}]}'
odd() {
    ctl --yes batch start --waves "$work/odd.json" "$incident" "$decision" 2>"$work/odd.txt"
    grep 'line 3: waves\[0\].payment' "$work/odd.txt"
}
check 'a plan with a mistake is refused, by line and member' odd
refuse 'by the service too' waves.plan curl --silent --fail-with-body --unix-socket "$socket" -H 'Content-Type: application/json' \
    -d "$(jq -c --arg i "$incident" --arg d "$decision" '{incident: $i, decision: $d, waves: .}' "$work/odd.json")" http://localhost/v1/batches

plan slow '{"schema": "smki-recovery/waves/1", "waves": [{"name": "prepayment", "payment": "prepayment"},
    {"name": "north", "regions": ["north"]}], "commands_per_hour": 1, "at_once": 4}'
check 'the first wave' story_batch --waves "$work/slow.json"
check 'it is those who pay in advance' wave_is 1 prepayment done
check 'its commands leave, and are answered' story_exchange meters
check 'they are theirs alone' commanded "$paying"
check 'the next wave begins by itself' eventually wave_is 2 north done
early() { # it is refused, and says from when on
    ctl commands export "$batch" --out "$work/early" 2>"$work/early.txt" && return 1
    grep 'may leave from' "$work/early.txt" && grep waves.pace "$work/early.txt"
}
check 'its commands do not leave before their time' early
check 'killed between two waves' service_kill
check 'and back' service_start
check 'a start gives nothing away' early
paced() { # and whoever looks is told what the next wave waits for
    shows '.waves | .state == "running" and .rule == "waves.pace" and (.reason | contains("may leave from"))'
}
check 'the next wave says what it waits for' eventually paced
refuse 'a second plan beside it' waves.one-at-a-time ctl --yes batch start --waves "$work/slow.json" "$incident" "$decision"
check 'an operator stops the waves' ctl --quiet batch stop-waves "$incident"
refuse 'and stops what is stopped' waves.none ctl batch stop-waves "$incident"
check 'what was signed leaves then' story_exchange meters
check 'it is the north' commanded "$north"

plan free '{"schema": "smki-recovery/waves/1", "waves": [{"name": "prepayment", "payment": "prepayment"},
    {"name": "north", "regions": ["north"]}], "again": {"after_hours": 0, "times": 1}}'
check 'a plan without a pace: waves that are done are passed over' story_batch --waves "$work/free.json"
check 'the rest' wave_is 1 rest done
check 'the custodians leave' event deactivate-key --evidence 'the custodians left'
silent=$(devices "$rest" | head -n 1)
some() { # the answers of all but one
    rm -rf "$work/commands"
    ctl --quiet commands export "$batch" --out "$work/commands" && rm "$work/commands/$silent"-*.bin &&
        "$tools/test/meter/smki-meter" run --state "$work/meters" --commands "$work/commands" \
            --responses "$work/responses.hex" --log "$work/meters.jsonl" --json >"$work/verdict.json" &&
        ctl --quiet responses add "$incident" "$work/responses.hex"
}
check 'one of them does not answer' some
service_kill
check 'killed, and back' service_start
off() {
    shows '.waves | .state == "running" and .rule == "incident.may-not-sign" and (.waves | length == 1)'
}
check 'nobody is asked again while the key is off, and it says so' eventually off
key_again() {
    event call-custodians --evidence 'two on their way' && party_activation later yes &&
        story_sign later custodian-1 custodian-2 && ctl --quiet decision submit "$incident" "$work/later.cms"
}
check 'the key is on again' key_again
check 'whoever has not answered is asked again' eventually wave_is 2 'again 1' done
alone() {
    shows '.waves | .reason == "commands of batch \(.waves[1].batch) are not exported yet" and .waves[1].rows == 1'
}
check 'nobody else is, and its commands are waited for' eventually alone
check 'and answers' story_exchange meters
asked_again() {
    [ -e "$(echo "$work/commands/$silent"-*.bin)" ]
}
check 'that one too' asked_again
over() {
    ctl --json figures "$incident" | jq -e '.waves.state == "done" and .by_state.success == 12' >/dev/null
}
check 'the waves are done: nobody is left' eventually over
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'every wave is on record' audited 'map(select(.kind == "WAVE_BEGUN") | .data.wave) == ["prepayment", "north", "rest", "again 1"]'
check 'executed' event executed --evidence 'twelve answers'
story_tell "$incident"
story_end
