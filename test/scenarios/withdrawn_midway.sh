#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 2, after signing began: some of 4000 commands are out when the supplier withdraws. Nothing is called a
# false alarm: each device is settled by what it holds, and only then are they connected again.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=4000
check 'token, certificates' story_setup
# one signer: the commands are made in the order of the list
sed -i 's/^Workers=.*/Workers=1/;s/^\[Signer\]/&\nCallTimeoutSec=600/' "$work/recovery.conf"
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
roster=$work/meters/roster.csv

# figures_are FILTER
figures_are() {
    ctl --json figures "$incident" >"$work/figures.json" && cat "$work/figures.json" && json_is "$work/figures.json" "$1"
}
# device_is N FILTER: the N-th of the list, as `devices` shows it.
device_is() {
    device_from=$(party_device meters $(($1 - 1)))
    [ "$1" -gt 1 ] || device_from=
    ctl --json devices "$incident" ${device_from:+--from "$device_from"} --limit 1 >"$work/device.json" &&
        cat "$work/device.json" && json_is "$work/device.json" ".devices[0] | $2"
}
# The meters' own word: how many hold the supplier's new certificate in every cell, how many the old one.
meters_hold() { # NEW OLD
    rehearsal_digests && "$tools/test/meter/smki-meter" cells --state "$work/meters" |
        jq -es --slurpfile d "$work/digests.json" --argjson new "$1" --argjson old "$2" '
            def holds($age): map(select([.cells | ["ds", "ka", "pp"][] as $u | .["supplier-" + $u].certificate
                == $d[0]["supplier-" + $u + "-" + $age]] | all)) | length;
            [holds("new"), holds("old")] == [$new, $old]'
}

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'suspension, revocation, notice to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"
check 'every device is in recovery now' figures_are ".smi_status == {recovery: $devices} and .pending == $devices"
check 'which each of them shows, beside what it was before' device_is 1 \
    '.smi_status == "recovery" and .status == "commissioned" and .holds == "old"'
check 'authorised' story_decide go supplier .
check 'the key is on' story_activate go

echo '# The first commands go out; then the signer is held up'
check 'the signer will stand at the 300th' gate_shut recovery 300
check 'a batch is asked for' ctl --quiet --yes batch start "$incident" "$decision"
batch=$(ctl --json batch list | jq -r '.batches[-1].id')
batch_is() {
    ctl --json batch show "$batch" | jq -e "$1" >/dev/null
}
check 'the signer stands at it' eventually gate_reached recovery
slice_is_out() { # the orders before that one; on disk with the next request that changes anything
    ctl --quiet devices mark "$incident" /dev/null && slice=$(ctl --json batch show "$batch" | jq .signed) && [ "$slice" -ge 20 ]
}
check 'some are out' slice_is_out
new=$((slice - 1)) told=$((slice - 6))

check 'somebody withdraws' event withdraw --as subscriber --evidence 'a call'
check 'nobody at the supplier knows of it: rejected' event reject-withdrawal --evidence 'called back: no'
check 'it goes on where it stood' in_state EXECUTING
refuse 'a withdrawal that was rejected, confirmed' incident.no-withdrawal \
    event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'the supplier withdraws' event withdraw --as subscriber --evidence 'it was a drill'
refuse 'nobody has authenticated this one yet' incident.withdrawal-person \
    event confirm-withdrawal --evidence 'called back'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'a decision is ended by the PMA alone: HALTED' in_state HALTED
check 'the batch is stopped, no row more was signed' batch_is ".state == \"stopped\" and .signed == $slice"
check 'the signer is let go' gate_open recovery
check 'key off' event deactivate-key --evidence 'the custodians left'
refuse 'reconnection before the PMA has ended its decision' incident.no-transition event reconnect --evidence 'as before'

echo '# Devices answer; five answers are lost'
check 'the commands that are out' ctl --quiet commands export "$batch" --out "$work/commands"
some_answer() {
    find "$work/commands" -name '*.bin' | sort | tail -n 1 >"$work/last" && xargs rm <"$work/last" &&
        "$tools/test/meter/smki-meter" run --state "$work/meters" --commands "$work/commands" \
            --responses "$work/all.hex" --log "$work/meters.jsonl" &&
        head -n $told "$work/all.hex" >"$work/some.hex" && ctl --quiet responses add "$incident" "$work/some.hex"
}
check 'one command is lost on its way, five answers on their way back' some_answer
check 'the meters say: all but one of these new, all others old' meters_hold $new $((devices - new))
check 'the service says: six of them unclear, all others old' figures_are \
    ".holds == {new: $told, unclear: 6, old: $((devices - slice))} and .by_key == {recovery: $told}"

over() {
    story_decision over supplier ".outcome = \"abort\" | .supersedes = \"$decision\"" && story_sign over pma-1 pma-2 pma-3 &&
        ctl --quiet decision submit "$incident" "$work/over.cms"
}
check 'the PMA ends it' over
check 'no false alarm: STOPPED_MIDWAY' in_state STOPPED_MIDWAY
check 'the story says how many hold what' shows ".holds == {new: $told, unclear: 6, old: $((devices - slice))}"
told_so() {
    ctl incident show "$incident" | grep -q "what the devices of the list hold: .*new=$told.*unclear=6"
}
check 'in words, too' told_so
route='{"reconnection-route":"as before","new-certificates":"Officer One: those keep the new ones, both keys are in use"}'
refuse 'reconnection while six are unclear' incident.devices-unclear event reconnect --evidence "$route"
refuse 'closing while six are unclear' incident.devices-unclear event close --evidence "$route"

echo '# The unclear ones are asked'
unclear() { # MARK FIRST LAST: devices of the list, marked
    sed -n "$(($2 + 1)),$(($3 + 1))s/,.*/,$1,no answer came/p" "$roster" >"$work/marks" &&
        ctl --quiet devices mark "$incident" "$work/marks"
}
check 'six are marked' unclear unknown $((slice - 5)) $slice
check 'a question for each' ctl --quiet queries export "$incident" --out "$work/queries" \
    --originator 90B3D51F30050001
check 'they are asked' story_asked meters "$work/queries"
five_tell() {
    sed 4d "$work/asked.hex" >"$work/told.hex" && ctl --quiet responses add "$incident" "$work/told.hex"
}
check 'five answers come' five_tell
check 'one is left, four are new, one is old' figures_are \
    ".holds == {new: $((slice - 2)), unclear: 1, old: $((devices - new))}"
refuse 'reconnection while the fate of one is unknown' incident.rows-unknown event reconnect --evidence "$route"
check 'it is excused, by name' unclear excused $((slice - 2)) $((slice - 2))
check 'so that nothing is unclear' figures_are ".holds == {new: $((slice - 2)), excused: 1, old: $((devices - new))}"
refuse 'reconnection without a word on those that hold the new ones' incident.evidence \
    event reconnect --evidence '{"reconnection-route":"as before"}'
check 'reconnection begins' event reconnect --evidence "$route"
check 'they are in recovery still' device_is 1 '.smi_status == "recovery" and .holds == "new"'
check 'every device is as before' event reconnected --evidence 'inventory read back'
check 'that is their status' figures_are ".smi_status == {commissioned: $devices}"
check 'closed' event close
check 'the meters say what the service says' meters_hold $new $((devices - new))
check 'and the story of the closed incident says it' shows ".holds == {new: $((slice - 2)), excused: 1, old: $((devices - new))}"
first=$incident

echo '# Where the subscriber may end it, and where it is taken up again'
check 'twelve other meters' stage_meters others 12 supplier --first 00DB1234F0000000 --seed 2
service_stop
sed -i 's/^Exercise=.*/&\nEndDecision=subscriber/' "$work/recovery.conf"
check 'the service answers' service_start
check 'a second notice' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: again'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/others/roster.csv"
check 'authorised' story_decide again supplier .
check 'the key is on' story_activate again
check 'signed' story_batch
check 'half of the devices answer' story_exchange others --unreachable 50
refuse 'a withdrawal by the DCC in its own name' incident.speaks-for event withdraw --evidence 'we think not'
check 'the supplier withdraws' event withdraw --as subscriber --evidence 'it was a drill'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'that ends it: STOPPED_MIDWAY' in_state STOPPED_MIDWAY
check 'the decision is void with it' shows ".decisions | map(select(.id == \"$decision\")) | .[0].state == \"void\""
check 'on record' audited "map(select(.incident == \"$incident\" and .kind == \"DECISION_ABORTED\") | .data.decision) == [\"$decision\"]"
refuse 'signing what is left' decision.revoked ctl --yes batch start --rows unfinished "$incident" "$decision"
check 'key off' event deactivate-key --evidence 'the custodians left'
refuse 'taken up again without anything new' incident.evidence event reopen --evidence '{"pma-notice":"letter 8"}'
check 'it was no drill: taken up again' event reopen --evidence 'the key was seen elsewhere'
check 'the PMA considers' in_state WITH_PMA
check 'and authorises anew' story_decide finish supplier .
check 'the key is on again' story_activate finish
check 'the others are signed' story_batch --rows unfinished
check 'and answer' story_exchange others
check 'key off again' event deactivate-key --evidence 'the custodians left'
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
check 'all twelve hold the new ones' figures_are '.holds == {new: 12} and .smi_status == {commissioned: 12}'
story_tell "$first" "$incident"
story_end
