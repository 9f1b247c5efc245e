#!/bin/sh
# SPDX-License-Identifier: MIT
# A key switched off and its incident closed in one go, while no signer is there: what ended reaches
# the signer when it comes, and its old papers open no more: ended.sh BUILD SOURCE. TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"

must stage_make 3
must scene_gated
list=$(sed -n '/^\[Signer\]/,/^\[/s/^StateDirectory=//p' "$scene/recovery.conf")/revoked

signers_away() {
    : >"$scene/gate-is-shut"
    signers_kill
}
untold() { # untold N: of each signer
    get /v1/status | jq -e --argjson n "$1" '[.signers[].untold] | length > 0 and all(. == $n)' >/dev/null
}
answered() {
    commands_out "$scene/commands" && "$tools/test/meter/smki-meter" run --state "$scene/meters" \
        --commands "$scene/commands" --responses "$scene/responses.hex" --log "$scene/meters.jsonl" &&
        ctl responses add "$incident" "$scene/responses.hex"
}
knows() { # knows DOCUMENT: the signers' list has it, once
    same "$(grep -c "^$(sha256sum <"$1" | cut -d ' ' -f 1) " "$list")" 1
}
knows_not() {
    ! grep "^$(sha256sum <"$1" | cut -d ' ' -f 1)" "$list"
}

must service_start
must scene_active
must scene_batch all
must eventually batch_is 'done'
must answered
t 'nothing has ended: nothing is to be told' untold 0

signers_away
t 'the key is switched off and the incident closed in one go' rehearsal_close
t 'it is closed' state_is CLOSED
t 'status: decision and activation wait for the signer' untold 2
t 'it does not know of the decision' knows_not "$scene/decision.json"
t 'nor of the activation' knows_not "$scene/activation.json"
must service_kill
must service_start
rm "$scene/gate-is-shut"
t 'the service was killed meanwhile; the signer comes and is told' eventually untold 0
t 'it has the decision on disk' knows "$scene/decision.json"
t 'and the activation' knows "$scene/activation.json"

must signers_away
must rm "$list"
: >"$list" # what it knew is gone, and with it the list's id
rm "$scene/gate-is-shut"
t 'with a new list it is another signer, which is told everything' eventually knows "$scene/decision.json"
t 'both of them' eventually knows "$scene/activation.json"

closed=$scene/closed
mkdir "$closed"
cp "$scene/decision.json" "$scene/activation.json" "$closed"
t 'another incident is decided' scene_active
must scene_batch all
t 'and signed: what ended takes nothing else with it' eventually batch_is 'done'
t 'its key is switched off with signers there' rehearsal_event deactivate-key --evidence 'noon'
t 'they are told at once' eventually knows "$scene/activation.json"
t 'the decision stands' knows_not "$scene/decision.json"
t 'the trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
