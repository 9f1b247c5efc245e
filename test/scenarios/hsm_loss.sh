#!/bin/sh
# SPDX-License-Identifier: MIT
# Loss of the HSM: what each loss leaves open; then a token that goes in the middle of a batch and comes back.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=300
left() { # ROUTES LOST...
    routes=$1
    shift
    ctl --json hsm-loss "$@" | jq -e --arg routes "$routes" '.routes == ($routes | split(" ")) or ($routes == "" and .routes == [])'
}
plain() {
    ! ctl hsm-loss recovery-key contingency-key >"$work/plain" && grep -q 'no remote remedy' "$work/plain"
}
check "a user's HSM: Method 2 or 3" left 'method-2 method-3' supplier
check "a provider's HSM: the same for each of its users" left 'method-2 method-3 shared-event' srp
check 'the ACB keys: the Recovery key replaces them' left 'method-3' acb
check 'the Recovery HSM, backup whole: restore it' sh -c "'$tools/daemon/smki-recoveryctl' --json hsm-loss recovery-token | jq -e '.rebuild and .routes == []'"
check 'the Recovery key, no backup: contingency only' left 'contingency' recovery-key
check 'Recovery and contingency: no remote remedy, said plainly' plain

check 'token, certificates' story_setup
sed -i -e 's/^\[Signer\]/&\nTokenLostSec=20\nProbeIntervalSec=1\nCallTimeoutSec=600/' -e 's/^Workers=.*/Workers=1/' "$work/recovery.conf"
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
check 'authorised' story_decide yes supplier .
check 'the key is on' story_activate yes
gate_shut recovery 0
batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id)
# Beyond the first orders, however large they are: those are answered, what is under way will fail.
gate_shut recovery 270
in_the_middle() {
    gate_reached recovery && ctl --json batch show "$batch" | jq -e '.signed > 0'
}
token_goes() { # and with it who is using it
    mv "$work/tokens" "$work/tokens-away" && kill -KILL "$(ctl --json status | jq -r '.signers[0].pid')" && gate_open recovery
}
check 'some rows are signed, others are under way' eventually in_the_middle
check 'the token goes' token_goes
batch_state() {
    ctl --json batch show "$batch" | jq -e --arg state "$1" '.state == $state' >/dev/null
}
check 'in the middle of the batch the token is gone: the batch is held' eventually batch_state held
check 'the incident is TOKEN_LOST' eventually in_state TOKEN_LOST
check 'part of the rows is signed, part is not' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json batch show '$batch' | jq -e '.signed > 0 and .signed < .rows'"
reserved() {
    ctl --json status | jq -r '.counters[] | select(.originator == "90B3D51F30010001") | .reserved_up_to'
}
mark=$(reserved)
refuse 'signing without the token' incident.may-not-sign ctl batch resume "$batch"
party_activation back yes
check 'custodians sign that it is back' story_sign back custodian-1 custodian-2
refuse 'a ceremony that is not proved by the token' incident.token-key ctl decision submit "$incident" "$work/back.cms"

echo '# A key in a file, a token with another key'
service_kill
cp "$pki/supplier-ds-old.key" "$work/soft.key"
sed "/^\[Key \"recovery\"\]/a KeyFile=$work/soft.key" "$work/recovery.conf" >"$work/soft.conf"
soft_key() {
    ! "$tools/daemon/smki-recoveryd" --config "$work/soft.conf" </dev/null >"$work/said" 2>&1 &&
        grep 'KeyFile.*config.key' "$work/said"
}
refused 'a key in a file in the place of the token' config.key soft_key
mkdir "$work/tokens"
softhsm2-util --init-token --free --label rehearsal --pin "$(cat "$work/pin")" --so-pin "$(cat "$work/so-pin")" >>"$log" 2>&1
"$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --all >>"$log" 2>&1
check 'the service answers' service_start
no_key() {
    ctl --json status | jq -e '[.signers[] | select(.trouble != "")] | length > 0' >/dev/null
}
check 'its signers say what is wrong' eventually no_key
refuse 'a token of another serial, however labelled' incident.token-key ctl decision submit "$incident" "$work/back.cms"
refused 'no key was made in it, and none is usable' token.not-found sh -c \
    "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json status | jq -e '[.keys[].usable] | any | not'"
service_kill
rm -rf "$work/tokens"
mv "$work/tokens-away" "$work/tokens"

echo '# Restored'
check 'the service answers' service_start
check 'the token proves itself' story_ready recovery
party_activation alone yes
check 'one custodian signs' story_sign alone custodian-1
refuse 'a restoration by one custodian' decision.quorum ctl decision submit "$incident" "$work/alone.cms"
check 'two custodians bring it back' ctl --quiet decision submit "$incident" "$work/back.cms"
check 'they are at hand: CUSTODIANS_CALLED' in_state CUSTODIANS_CALLED
party_activation again yes
check 'and sign again' story_sign again custodian-1 custodian-3
check 'the key is on' ctl --quiet decision submit "$incident" "$work/again.cms"
# As it is now: a backup, which somebody will put back when more counters are gone.
service_kill
cp -a "$work/service" "$work/backup"
check 'the service answers' service_start
story_ready recovery
check 'the batch goes on' ctl --quiet batch resume "$batch"
check 'to its end' ctl --quiet batch watch "$batch"
check 'it is EXECUTING' in_state EXECUTING
check 'the counters go on above what was reserved' [ "$(reserved)" -ge "$mark" ]
check 'devices take every command' story_exchange meters
check "$devices accepted, none twice" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"

echo '# The backup put back'
service_kill
mv "$work/service" "$work/newest"
mv "$work/backup" "$work/service"
check 'the service answers' service_start
story_ready recovery
uses_now=$(uses recovery)
held_back() {
    ctl --json batch show "$batch" | jq -e '.state == "held" and (.reason | startswith("ledger.rolled-back"))' &&
        uses_are "$uses_now"
}
check 'the batch of before, resumed' ctl --quiet batch resume "$batch"
refused 'counters that the token has seen' ledger.rolled-back eventually held_back
check 'the token counts as lost' event lose-token
party_activation behind yes
check 'custodians sign that it is back' story_sign behind custodian-1 custodian-2
refuse 'a token above the counters of the ledger' incident.counter ctl decision submit "$incident" "$work/behind.cms"
service_kill
rm -rf "$work/service"
mv "$work/newest" "$work/service"
check 'the service answers' service_start
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
story_tell "$incident"
story_end
