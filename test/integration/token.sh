#!/bin/sh
# SPDX-License-Identifier: MIT
# The token goes, comes back, hangs, lies, and has seen more than the database: token.sh BUILD
# SOURCE. TAP.
#
#   SMKI_DEVICES=N  only the loss in the middle of a batch of so many, for ten seconds
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
devices=${SMKI_DEVICES:-6000}
# shellcheck source=test/fake/shim.sh
. "$top/test/fake/shim.sh"

must stage_make "$devices"
must scene_set 'Token "rehearsal"' "Module=$shim"
must scene_set 'Token "rehearsal"' Workers=1
must scene_set Signer CallTimeoutSec=600
must scene_set Signer TokenLostSec=3600
second=3106 # another operator, where there can be one
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
chmod 711 "$scene"

overall() {
    get /v1/status | jq -e --arg state "$1" '.state == $state' >/dev/null
}
trouble() { # trouble STATE RULE: every signer
    get /v1/status | jq -e --arg state "$1" --arg rule "$2" \
        '.signers | length > 0 and all(.state == $state and (.trouble | contains($rule)))' >/dev/null
}
away() {
    mv "$scene/tokens" "$scene/elsewhere" && mkdir "$scene/tokens"
}
back() {
    rmdir "$scene/tokens" && mv "$scene/elsewhere" "$scene/tokens"
}

# --- absent at the start ---

must away
t 'the service starts without its token' service_start
t 'status says that it is absent' eventually overall 'token absent'
t 'and why' eventually trouble absent token.not-found
by_command() {
    ctl status >"$scene/out" && grep -q 'token absent' "$scene/out" && grep -q token.not-found "$scene/out"
}
t 'the command shows both' eventually by_command
t 'an incident can be opened meanwhile' scene_referred
must back
t 'it goes on when the token is back' eventually overall ready

# --- lost in the middle of a batch ---

must scene_decide '.attempts = 9'
must scene_activate
gate_shut recovery 2000
must scene_batch all
must eventually gate_reached recovery
must eventually signed_above 0
lose() {
    away && signers_kill && gate_open recovery && eventually trouble absent token.not-found && batch_is running && not signed_above $((devices - 1))
}
t 'the token is lost in the middle of a batch: the batch stays, nothing else signs' lose
[ -z "${SMKI_DEVICES:-}" ] || sleep 10
stage_now
began=$stage_now
must back
t 'the batch is finished when the token is back' eventually batch_is 'done'
stage_now
echo "# $devices devices: done $((stage_now - began)) s after the token was back"
all_out() {
    rm -rf "$scene/out.d" && commands_out "$scene/out.d" && commands_are "$scene/out.d" "$devices" &&
        devices_once "$scene/out.d" && counters_once "$scene/out.d" && chain_whole && audited "$scene/out.d"
}
t 'every device has its command, no counter stands twice' all_out
t 'orders that were lost are on record' grep -q '"kind":"ORDER_LOST"' "$scene/audit.jsonl"
if [ -n "${SMKI_DEVICES:-}" ]; then
    plan
    exit
fi

# --- a wrong PIN ---

must service_stop
must scene_set 'Token "rehearsal"' Workers=2
cp "$scene/pin" "$scene/pin.good"
echo 00000000 >"$scene/pin"
P11_SHIM_LOGIN_FILE=$scene/logins
export P11_SHIM_LOGIN_FILE
t 'the service starts with a wrong PIN' service_start
t 'the signers are barred' eventually overall 'token needs a person'
t 'and say why' eventually trouble barred token.pin-
one_try() {
    same "$(wc -c <"$scene/logins")" 1
}
t 'the PIN was tried once, for both' one_try
pin_advice() {
    ctl status >"$scene/out" && grep -q token.pin-wrong "$scene/out" &&
        ctl policy explain token.pin-wrong | grep -q "Try no PIN by hand"
}
t 'status names the rule, the rule says what to do' pin_advice
must service_stop
must service_start
t 'started anew they are barred, and say the same' eventually trouble barred token.pin-wrong
must service_stop
must scene_set 'Token "rehearsal"' AllowLowPinCount=yes
must service_start
t 'whatever the token remembers' eventually trouble barred token.pin-wrong
pin_retry() { # pin_retry WORDS: it says so, and that something bars the login
    "$tools/pkcs11/smki-recovery-ceremony" pin-retry --config "$scene/recovery.conf" >"$scene/said" 2>&1
    same $? 78 && cat "$scene/said" && grep -qF "$1" "$scene/said"
}
t 'the bar of a PIN that is still there is not lifted' pin_retry 'still the wrong one'
must service_stop
: >"$(echo "$scene"/signer/token-*.wrong-pin)"
must service_start
t 'a bar that a crash has cut stands' eventually trouble barred token.pin-blocked
t 'the PIN was not tried again' one_try
must service_stop
cp "$scene/pin.good" "$scene/pin"
must scene_set 'Token "rehearsal"' AllowLowPinCount=no
t 'the bar is lifted, and what the token remembers is said' pin_retry '[token.pin-low]'
must service_start
t 'which bars the signers' eventually trouble barred token.pin-low
t 'no try was spent on that' one_try
must service_stop
must scene_set 'Token "rehearsal"' AllowLowPinCount=yes
t 'the service starts with the right PIN' service_start
t 'and the signers with it' eventually overall ready
must service_stop
must scene_set 'Token "rehearsal"' Workers=1
unset P11_SHIM_LOGIN_FILE

# --- a call that hangs ---

must scene_set Signer CallTimeoutSec=10
must service_start P11_SHIM_PLAN=C_Sign:4500=hang
must eventually signers_ready
again() {
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && [ "$batch" -gt 0 ]
}
must again
t 'a call into the module hangs: the batch is finished all the same' eventually batch_is 'done'
t 'the signer was ended by its alarm' grep -q 'signal 14 (a call into the module hung)' "$scene/service.log"
t 'every device has its command once more' all_out
must service_stop

# --- a wrong signature ---

cp -a "$scene/service" "$scene/service.old" # for the end of this story
must service_start P11_SHIM_PLAN=C_Sign:2000=spoil
must eventually signers_ready
must again
t 'a wrong signature: the batch is held' eventually batch_is held
lied() {
    field "/v1/batches/$batch" .reason | grep '^token.bad-signature' && overall 'token needs a person' &&
        trouble barred 'does not verify'
}
t 'the token is out of service, status says why' lied
kept=$(signed)
nothing_kept() {
    rm -rf "$scene/held.d" && commands_out "$scene/held.d" && commands_are "$scene/held.d" "$kept" &&
        [ "$kept" -lt 2000 ] && meters_accept "$scene/held.d"
}
t 'nothing of that order was kept' nothing_kept
t 'it stays so' batch_is held
must service_stop
must service_start
must eventually signers_ready
t 'held it stays with a sound token until a person says so' batch_is held
must ctl batch resume "$batch"
t 'resumed, it is finished' eventually batch_is 'done'
t 'every device has its command again' all_out
mv "$scene/out.d" "$scene/before.d"

# --- a restored older database ---

must service_stop
must rm -rf "$scene/service"
must mv "$scene/service.old" "$scene/service"
must service_start
must eventually signers_ready
must again
t 'an older database: the batch is held' eventually batch_is held
rolled_back() {
    reason=$(field "/v1/batches/$batch" .reason) && echo "$reason" | grep '^ledger.rolled-back' &&
        mark=$(echo "$reason" | sed 's/.*up to \([0-9]*\), the ledger.*/\1/') && [ "$mark" -gt 1000 ] &&
        same "$(signed)" 0
}
t 'nothing was signed; the reason names the mark of the token' rolled_back
resumed() {
    ctl batch resume "$batch" && eventually batch_is held && same "$(signed)" 0
}
t 'resumed without more it is held again' resumed
as_second() {
    setpriv --reuid $second --regid "$(id -g)" --clear-groups --no-new-privs -- \
        "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}
asked() {
    ctl --yes counter raise 90B3D51F30010001 "$mark" --ceremony 'Rehearsal 2: the audit trail of the token' \
        2>"$scene/cost" && cat "$scene/cost" && ctl batch resume "$batch" && eventually batch_is held && same "$(signed)" 0
}
ceremony() {
    as_second --yes counter confirm 90B3D51F30010001 2>"$scene/cost.2" && cat "$scene/cost.2" &&
        same "$(grep -c 'counters are lost for good' "$scene/cost" "$scene/cost.2" | grep -c ':1$')" 2 &&
        grep -q 'Rehearsal 2' "$scene/cost.2" && ctl batch resume "$batch"
}
t 'one operator asks for the ledger to be raised: the batch is held all the same' asked
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && as_second --version >"$scene/log" 2>&1; then
    t 'with a second operator it is; both have seen what it costs' ceremony
    t 'then it is finished' eventually batch_is 'done'
    t 'every device has its command' all_out
    t 'no counter was used under both databases' counters_once "$scene/out.d" "$scene/before.d"
    t 'the ceremony is on record' grep -q '"kind":"COUNTER_RAISED"' "$scene/audit.jsonl"
else
    skip 'with a second operator it is' 'needs root and setpriv'
fi
t 'the service ends in order' service_stop

# --- keys on two tokens ---

must scene_set 'Token "second"' Module=/usr/lib/softhsm/libsofthsm2.so
must scene_set 'Token "second"' Label=second
must scene_set 'Token "second"' Serial=0123456789abcdef
must scene_set 'Token "second"' "PinFile=$scene/pin"
must scene_set 'Key "other"' Token=second
must scene_set 'Key "other"' Id=77
must scene_set 'Key "other"' "Certificate=$scene/pki/supplier-ds-old.pem"
two_tokens() {
    service_launch
    eventually service_gone && service_wait
    same "$service_status" 78 && tail -n 1 "$scene/service.log" | grep 'one service signs with one token'
}
t 'keys on two tokens: it does not start, and says why' two_tokens

plan
