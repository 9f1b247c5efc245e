#!/bin/sh
# SPDX-License-Identifier: MIT
# Signers that are coming back: what asks for a key waits for them, is told to come again when
# they stay away, and is refused only on their word: ready.sh BUILD SOURCE. TAP.
#
# The signer's program waits at a gate, so that "in the gap" is a place and not a moment.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"

must stage_make 10
must scene_gated
shut() {
    : >"$scene/gate-is-shut"
}
open() {
    rm "$scene/gate-is-shut"
}
overall() {
    get /v1/status | jq -e --arg state "$1" '.state == $state' >/dev/null
}

# activation NAME: the custodians' document, under an id of its own.
activation() {
    jq --arg name "$1" '.id += "-" + $name' "$scene/activation.json" >"$scene/$1.json" &&
        rehearsal_sign "$scene/$1.json" "$scene/$1.cms" custodian-1 custodian-2
}
submit() { # and be told so, should it have to be done again
    ctl_once decision submit "$incident" "$scene/$1.cms"
}
# answered STATUS RULE COMMAND...: is answered so.
answered() {
    answered_want=$1 answered_rule=$2 answered_status=0
    shift 2
    "$@" >"$scene/said" 2>&1 || answered_status=$?
    cat "$scene/said"
    same $answered_status "$answered_want" && grep -q "rule *$answered_rule\$" "$scene/said"
}
on_record() {
    field "/v1/incidents/$incident" '.refusals[-1].rule' | grep -qx "$1"
}

# --- a signer that stays away ---

shut
t 'the service starts, its signers do not' service_start
t 'status: they are starting, the token is not missed' overall 'signers starting'
must scene_referred
must scene_decide .
decided() {
    decision=$(jq -r .id "$scene/decision.json") && ctl decision submit "$incident" "$scene/decision.cms" &&
        rehearsal_event call-custodians --evidence 'three called, two on their way' &&
        rehearsal_activation "$scene/decision.json" >"$scene/activation.json"
}
must decided
must activation away
t 'an activation: try again, with advice of its own' answered 5 signer.not-ready submit away
t 'that is on record' on_record signer.not-ready
t 'and changes nothing' state_is CUSTODIANS_CALLED
by_hand() {
    curl -sS --unix-socket "$socket" -D "$scene/head" -o "$scene/body" -H 'Content-Type: application/cms' \
        --data-binary "@$scene/away.cms" "http://localhost/v1/incidents/$incident/decisions" &&
        grep -q '^HTTP/1.1 503' "$scene/head" && grep -qi '^retry-after: [1-9]' "$scene/head" &&
        jq -e '.id == "signer.not-ready" and (.advice | startswith("Try again"))' "$scene/body"
}
t 'the socket says when' by_hand

# --- one that comes back ---

# held NAME: hand it in while the gate is shut; when the service says that it waits, open. That is
# no answer to "try again" where the signer took its time even so: then once more.
held() {
    held_times=0
    while [ $held_times -lt 10 ]; do
        held_times=$((held_times + 1))
        held_before=$(grep -c 'waits for a signer' "$scene/service.log")
        submit "$1" >"$scene/said" 2>&1 &
        held_client=$!
        eventually waits_again && get /v1/status >/dev/null && open || return 1
        held_status=0
        wait $held_client || held_status=$?
        cat "$scene/said"
        [ $held_status -eq 5 ] || return $held_status
        eventually signers_ready && shut && signers_kill || return 1
    done
    false
}
waits_again() {
    [ "$(grep -c 'waits for a signer' "$scene/service.log")" -gt "$held_before" ]
}
t 'an activation is held, and goes through when the signer has proved its key' held away
t 'the key is on' state_is KEY_ACTIVE

shut
t 'the key is switched off: the signers start anew' rehearsal_event deactivate-key --evidence 'noon'
must activation gap
t 'an activation in the gap is held, and goes through' held gap
t 'the key is on again' state_is KEY_ACTIVE

# --- a token that is away says so, and is asked again at once ---

must rehearsal_event deactivate-key --evidence 'evening'
must eventually signers_ready
must mv "$scene/tokens" "$scene/elsewhere"
must mkdir "$scene/tokens"
must signers_kill
absent() {
    overall 'token absent' && [ "$(field /v1/status '.signers[0].restarts')" -gt "$1" ]
}
# their pauses are long by now
must eventually absent $(($(field /v1/status '.signers[0].restarts') + 4))
must activation night
t 'an activation without the token' answered 1 incident.token-key stage_patient submit night
must rmdir "$scene/tokens"
must mv "$scene/elsewhere" "$scene/tokens"
t 'the token is back: an activation need not wait for the pause to end' stage_patient submit night
t 'and is on' state_is KEY_ACTIVE

# --- another key ---

must rehearsal_event deactivate-key --evidence 'morning'
must service_stop
must scene_set 'Key "recovery"' Id=0D
must "$tools/pkcs11/smki-recovery-ceremony" generate --config "$scene/recovery.conf" --key recovery
must service_start
must eventually signers_ready
must activation other
t 'another key under that name is refused at once' answered 1 incident.token-key submit other
t 'and stays so' state_is CUSTODIANS_CALLED
t 'the trail is whole' chain_whole

plan
