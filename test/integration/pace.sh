#!/bin/sh
# SPDX-License-Identifier: MIT
# A token of any speed, and any failure after READY: pace.sh BUILD SOURCE. TAP.
#
#   SMKI_DEVICES=N     so many (default 8), signed once at each speed
#   SMKI_SPEEDS=LIST   milliseconds a signature (default "50 500 5000")
#   SMKI_FAULT_EACH=N  each so-manieth signature gives a vendor's code (default 5)
#
# Figures are printed; none of them decides.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
devices=${SMKI_DEVICES:-8} speeds=${SMKI_SPEEDS:-50 500 5000} each=${SMKI_FAULT_EACH:-5}
# shellcheck source=test/fake/shim.sh
. "$top/test/fake/shim.sh"
P11_SHIM_SLOW_FILE=$scene/slow
P11_SHIM_LOGIN_FILE=$scene/logins
export P11_SHIM_SLOW_FILE P11_SHIM_LOGIN_FILE

must stage_make "$devices"
must scene_set 'Token "rehearsal"' "Module=$shim"
must scene_set 'Token "rehearsal"' Workers=2
must scene_set Signer ProbeIntervalSec=3600 # nothing below is found by a probe, or at its tick
must service_start
must scene_referred
must scene_decide '.attempts = 20'
must scene_activate

overall() {
    same "$(field /v1/status .state)" "$1"
}
restarts() {
    field /v1/status '[.signers[].restarts] | add'
}
reserved() { # the highest counter that was set aside
    field /v1/status '[.counters[].reserved_up_to] | max // 999'
}
logins() {
    if [ -e "$scene/logins" ]; then wc -c <"$scene/logins"; else echo 0; fi
}
again() {
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && [ "$batch" -gt 0 ]
}
in_state() { # in_state STATE: or another end, which is told
    batch_is "$1" || { field "/v1/batches/$batch" .reason && false; }
}
over() {
    field "/v1/batches/$batch" .state | grep -Eq '^(done|held|stopped)$'
}
ends() { # ends STATE
    eventually over && in_state "$1"
}
all_out() {
    rm -rf "$scene/out.d" && commands_out "$scene/out.d" && commands_are "$scene/out.d" "$devices" &&
        devices_once "$scene/out.d" && counters_once "$scene/out.d" && chain_whole && audited "$scene/out.d"
}

# --- slow ---

frugal() { # at most two in a hundred are thrown away
    spent=$(($(reserved) - before))
    echo "$spent counters for $devices rows"
    [ $((spent * 100)) -le $((devices * 102)) ]
}
must eventually signers_ready
for ms in $speeds; do
    echo "$ms" >"$scene/slow"
    before=$(reserved)
    stage_now
    began=$stage_now
    must again
    t "$ms ms a signature: every row is signed" ends 'done'
    stage_now
    echo "# $devices rows in $((stage_now - began)) s"
    t "$ms ms: no signer was killed" same "$(restarts)" 0
    t "$ms ms: no more counters than rows, but for two in a hundred" frugal
    t "$ms ms: every device has its command" all_out
done
rm "$scene/slow"

# --- stopped ---

must service_stop
must scene_set Signer CallTimeoutSec=2
must service_start
must eventually signers_ready
must eventually overall ready
cp "$scene/recovery.conf" "$scene/recovery.conf.before"
stopped() {
    gate_shut recovery 2 && again && eventually gate_reached recovery &&
        stopped_pid=$(field /v1/status '[.signers[] | select(.waiting > 0)][0].pid') && kill -STOP "$stopped_pid"
}
replaced() {
    get /v1/status | jq -e --argjson pid "$stopped_pid" 'all(.signers[]; .pid != $pid)' >/dev/null
}
asked_meanwhile() { # how long answers take until it is replaced, milliseconds each
    : >"$scene/asked"
    stage_now
    began=$stage_now
    until replaced; do
        curl -sS -o "$scene/answer" -w '%{time_total}\n' --unix-socket "$socket" http://localhost/v1/status >>"$scene/asked" || return 1
    done
    stage_now
    stopped_s=$((stage_now - began))
    jq -es 'sort | length > 0' "$scene/asked"
}
must stopped
t 'a signer that is stopped as a whole is replaced, status answers meanwhile' asked_meanwhile
echo "# replaced after $stopped_s s (a call 2 s, an answer 3 s, and at most 1); status: $(jq -rs \
    'sort | "\(length) answers, p99 \(.[(length * 99 / 100 | floor)] * 1000 | round) ms"' "$scene/asked")"
must gate_open recovery
t 'and the batch is finished' ends 'done'
t 'every device has its command, no counter stands twice' all_out
must service_stop
must scene_set Signer CallTimeoutSec=30

# --- a vendor's code ---

few_restarts() {
    same "$(field /v1/status '[.signers[].restarts] | max')" 0 && all_out
}
must service_start "P11_SHIM_PLAN=C_Sign:$each*=0x80000103"
must eventually signers_ready
must again
t "a vendor code at every ${each}th signature: all rows are signed" ends 'done'
t 'no signer was started anew for it' few_restarts
must service_stop

rm -f "$scene/logins"
must service_start P11_SHIM_PLAN='C_Sign:2+=0x80000103' # 1 is the probe
must eventually signers_ready
must again
stage_now
began=$stage_now
t 'every signature but the probe fails: the batch is held' ends held
stage_now
echo "# held after $((stage_now - began)) s"
says_why() {
    field "/v1/batches/$batch" .reason | grep -q '^token.unknown-code: C_Sign: unknown code 0x80000103' &&
        get /v1/status | jq -e '.fault.rule == "token.unknown-code" and (.fault.advice | length > 0)'
}
t 'with the first reason, and status has it too' says_why
not_ready() {
    field /v1/status .state | grep -E '^(orders fail|signers coming back|token needs a person)$'
}
t 'status does not say ready' not_ready
t 'a few logins and no more' [ "$(logins)" -le 10 ]
echo "# $(logins) logins, $(restarts) restarts"
must service_stop
rm -f "$scene"/signer/*.rebuilt
must service_start
must eventually signers_ready
must ctl batch resume "$batch"
t 'with a sound token it is resumed and finished' ends 'done'
t 'every device has its command once more' all_out
must service_stop

# --- a refusal that a person has to mend ---

rm -f "$scene/logins"
must service_start P11_SHIM_PLAN='C_SignInit:2+=0x68'
must eventually signers_ready
must again
t 'the token does not let the key sign: the batch is held' ends held
barred() {
    field "/v1/batches/$batch" .reason | grep -q '^token.refused' && overall 'token needs a person' &&
        get /v1/status | jq -e 'all(.signers[]; .state == "barred" and .rule == "token.refused" and (.advice | length > 0) and .again == null)'
}
t 'its signers are barred, with advice' barred
t 'each has logged in once' same "$(logins)" 2
must service_stop

# --- the token is lost, to the second ---

must scene_set Signer TokenLostSec=2
must scene_set 'Token "rehearsal"' Workers=1
must service_start
must eventually signers_ready
gate_shut recovery 1
must ctl batch resume "$batch"
must eventually gate_reached recovery
lost() {
    mv "$scene/tokens" "$scene/elsewhere" && mkdir "$scene/tokens" && signers_kill && gate_open recovery && ends held &&
        field "/v1/batches/$batch" .reason | grep -q '^token.lost'
}
t 'with no signer the batch is held after TokenLostSec, long before the next probe' lost
states() {
    get /v1/status | jq -e '.state == "token absent" and .signers[0].state == "absent" and .signers[0].rule == "token.not-found"'
}
t 'the signer is absent, and says why' eventually states
t 'so does the incident: the token is lost' state_is TOKEN_LOST
rmdir "$scene/tokens" && mv "$scene/elsewhere" "$scene/tokens"
t 'back again it is ready' eventually overall ready

# --- SIGHUP ---

hung_up() {
    # shellcheck disable=SC2046 # a list of numbers
    kill -HUP "$(service_pid)" $(signer_pids) && eventually grep -q 'SIGHUP is ignored.*restart smki-recovery.service;' "$scene/service.log" &&
        eventually grep -q 'SIGHUP is ignored.*restart smki-recovery.service$' "$scene/service.log" && overall ready
}
t 'SIGHUP ends neither service nor signer, and both say what to do instead' hung_up

plan
