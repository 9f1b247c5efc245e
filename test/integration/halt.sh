#!/bin/sh
# SPDX-License-Identifier: MIT
# The PMA says no while its batch is being signed: halt.sh BUILD SOURCE. TAP. $SMKI_HALT_DEVICES: how large a batch.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
devices=${SMKI_HALT_DEVICES:-20000}

must stage_make $devices
# every use of the key is counted, in the module itself; a quarter of what is to come passes the gate
# shellcheck source=test/fake/shim.sh
. "$top/test/fake/shim.sh"
must scene_set 'Token "rehearsal"' "Module=$shim"
must scene_set Signer CallTimeoutSec=600
must service_start
must scene_active

refusal() { # a document to refuse, by three of five
    ctl --quiet decision draft "$incident" --outcome refuse >"$scene/draft.json" &&
        rehearsal_decision "$scene/draft.json" "$scene/no.json" supplier ".id = \"D-no\" | .supersedes = \"$decision\"" &&
        rehearsal_sign "$scene/no.json" "$scene/no.cms" pma-1 pma-2 pma-3
}
must refusal
gate_shut recovery $((devices / 4))
must scene_batch all
must eventually gate_reached recovery
must eventually signed_above 0
say_no() {
    ctl decision submit "$incident" "$scene/no.cms" && at_no=$(uses recovery) && signed_at_no=$(signed)
}
t 'the refusal is taken while the batch is being signed' say_no
in_the_middle() {
    [ "$signed_at_no" -gt 0 ] && [ "$signed_at_no" -lt $devices ]
}
t 'in the middle' in_the_middle
t 'the batch is stopped' batch_is stopped
t 'the incident is halted' state_is HALTED
must gate_open recovery
quiet() { # nobody owes an answer, and no use of the key since the last look
    last=$now
    now=$(uses recovery)
    [ "$now" -eq "$last" ] && [ "$(field /v1/status '[.signers[].waiting] | add')" -eq 0 ]
}
now=0
must eventually quiet
one_chunk() {
    echo "$((now - at_no)) signatures" && [ $((now - at_no)) -le 1024 ]
}
t 'the key made no more than 1024 signatures after it' one_chunk
none_kept() {
    same "$(signed)" "$signed_at_no"
}
t 'none of these was kept' none_kept
echo "# the refusal was taken at $signed_at_no of $devices rows; $((now - at_no)) signatures after it, none of them kept"
order() { # rows signed before and after the refusal
    chain_whole && jq -s --argjson batch "$batch" --argjson kept "$signed_at_no" '
        (map(.kind == "DOCUMENT_ACCEPTED" and .data.id == "D-no") | index(true)) as $no
        | def rows: map(select(.kind == "BATCH_SIGNED" and .data.batch == $batch) | .data.count) | add // 0;
        [(.[:$no] | rows), (.[$no:] | rows)] == [$kept, 0]' "$scene/audit.jsonl" | grep -x true
}
t 'the audit trail has no signature after the refusal' order
jq -r --argjson batch "$batch" 'select((.kind == "BATCH_SIGNED" or .kind == "BATCH_STOPPED") and .data.batch == $batch
    or .kind == "DOCUMENT_ACCEPTED" and .data.id == "D-no") | "# record \(.seq) \(.at) \(.kind) \(.data.count // .data.id // "")"' \
    "$scene/audit.jsonl" | tail -n 3
not_again() {
    ! ctl --yes batch start "$incident" "$decision" 2>"$scene/err" && grep 'rule    decision.revoked' "$scene/err" &&
        ! ctl batch resume "$batch" 2>"$scene/err" && grep 'rule    batch.state' "$scene/err"
}
t 'nothing more is signed under the old decision' not_again

# --- what is signed stays; the rest waits for another decision ---

answered() {
    commands_out "$scene/first.d" && commands_are "$scene/first.d" "$signed_at_no" &&
        "$tools/test/meter/smki-meter" run --state "$scene/meters" --commands "$scene/first.d" \
            --responses "$scene/responses.hex" --log "$scene/meters.jsonl" &&
        ctl responses add "$incident" "$scene/responses.hex"
}
t 'the meters carry out and answer what was signed before' answered
no_word() {
    scene_decide '.id = "D-maybe"' &&
        not ctl decision submit "$incident" "$scene/decision.cms" 2>"$scene/err" &&
        grep 'rule    incident.supersedes' "$scene/err"
}
must rehearsal_event deactivate-key --evidence 'the custodians left'
t 'a decision that does not supersede the refusal is none' no_word
must scene_decide '.id = "D-yes" | .supersedes = "D-no"'
t 'a superseding decision and its activation' scene_activate
t 'a batch for the rest' scene_batch unfinished
t 'is signed' eventually batch_is 'done'
the_rest() {
    same "$(signed)" $((devices - signed_at_no)) && commands_out "$scene/second.d" &&
        devices_once "$scene/first.d" "$scene/second.d" && counters_once "$scene/first.d" "$scene/second.d" &&
        commands_are "$scene/second.d" $((devices - signed_at_no)) && meters_accept "$scene/second.d"
}
t 'every device has one command, under one counter' the_rest
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
