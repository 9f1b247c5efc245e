#!/bin/sh
# SPDX-License-Identifier: MIT
# Refusals that belong to every story: who asks, who decides, when, twice, and what happens when the house itself
# is in trouble (no disk, no token).
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=20
check 'token, certificates' story_setup
sed -i 's/^TwoPersonSec=.*/&\nDecisionAlarmSec=1/;s/^\[Signer\]/&\nTokenLostSec=3600/' "$work/recovery.conf"
# Who operates has a certificate of the PMA's, too; and the chair a second one.
stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/pma-operator.pem" --key "$pki/pma-operator.key" \
    --cn 'Operator One' --seat specialist >>"$log" 2>&1
stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/pma-again.pem" --key "$pki/pma-again.key" \
    --cn "$(party_name pma-1 subject)" --seat chair >>"$log" 2>&1
for person in operator:pma-operator pma-1:pma-again; do
    printf '[Person "%s"]\nKeys=%s\n' "${person%:*}" "$(stage_key "$pki/${person#*:}.pem")"
done >"$work/recovery.conf.d/people-more.conf"
check 'meters' stage_meters meters $devices supplier
chmod 755 "$work" "$work/run"
check 'the service answers' service_start
story_ready recovery
# One device was not commissioned when it began.
awk -F, -v OFS=, 'NR == 2 { $3 = "pending" } { print }' "$work/meters/roster.csv" >"$work/roster.csv"
roster=$work/roster.csv
check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'

# Another user of this machine, with no role at all.
install -m 755 "$tools/daemon/smki-recoveryctl" "$work/run/ctl"
stranger() { # GROUP COMMAND...
    stranger_group=$1
    shift
    setpriv --reuid 65534 --regid "$stranger_group" --clear-groups "$work/run/ctl" --socket "$socket" "$@"
}
no_way_in() {
    stranger 65534 incident list
    [ $? -eq 6 ]
}
if [ "$(id -u)" -eq 0 ]; then
    refused 'a user outside the group of the socket' client.not-permitted no_way_in
    refuse 'a user without a role who tells of an event' request.role stranger 0 incident event "$incident" reject --evidence x
    refuse 'a user without a role who reads the audit trail' request.role stranger 0 audit export
fi
refuse 'the PMA in words of the operator' incident.by-document event refuse --as pma --evidence 'they said no'
refuse 'the custodians in words of the operator' incident.by-document event activate-key --as custodians --evidence 'they came'
refuse 'a live incident at a rehearsal' incident.exercise ctl incident open --initiator subscriber --notice x 'Live'
refuse 'the same incident opened twice' incident.id-taken ctl incident open --exercise --id "$incident" --initiator dcc --notice x 'Again'
refuse 'a fact that nobody may declare' incident.fact event confirm --evidence x --facts decision_live
refuse 'evidence of an unknown kind' incident.evidence event confirm --evidence '{"rumour":"x"}' --facts notifier_authenticated
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"

signed_by() {
    story_decision spoilt supplier . && story_sign spoilt "$@" && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'a decision that nobody of the PMA signed' decision.quorum signed_by custodian-1 custodian-2 custodian-3
refuse 'a decision below the threshold' decision.quorum signed_by pma-1 pma-2
refuse 'a decision outside its window' decision.window story_spoilt \
    ".valid_from = \"$(rehearsal_at '-2 days')\" | .valid_to = \"$(rehearsal_at yesterday)\""
refuse 'one approver with two keys' decision.quorum signed_by pma-1 pma-again pma-2
operator_approves() { # who was at the meeting, too
    story_decision spoilt supplier '.meeting.members += [{holder: "Operator One", seat: "specialist", alternate: false}]' &&
        story_sign spoilt pma-1 pma-2 pma-operator && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'an approver who is also the operator' incident.operator operator_approves
refuse 'an approver who asked for it' decision.quorum story_spoilt ".requester = \"$(party_name pma-2 subject)\""
refuse 'an approver with a conflict of interest' decision.quorum \
    story_spoilt ".conflicts = [{holder: \"$(party_name pma-3 subject)\", reason: \"employed by the supplier\"}]"
refuse 'a window longer than is allowed' decision.window-length story_spoilt ".valid_to = \"$(rehearsal_at '+5 years')\""
refuse 'no factor weighed' decision.schema story_spoilt '.guidance.shall = []'
refuse 'a member that the schema does not know' decision.schema story_spoilt '.hurry = true'
refuse 'a method of the operator alone' method.decider story_spoilt '.method = "M1" | .mode = "supplierBySupplier"'
altered() {
    story_decision spoilt supplier . && story_sign spoilt pma-1 pma-2 pma-3 &&
        sed 's/Rehearsal 1/Rehearsal 2/' "$work/spoilt.cms" >"$work/altered.cms" && ctl decision submit "$incident" "$work/altered.cms"
}
refuse 'a decision altered after it was signed' decision.quorum altered
trailing() {
    { cat "$work/spoilt.cms"; echo; } >"$work/more.cms"
    ctl decision submit "$incident" "$work/more.cms"
}
refuse 'octets behind a decision' decision.trailing trailing

check 'the PMA takes longer than it should: an alarm, once' eventually audited \
    'map(select(.kind == "DEADLINE_PASSED" and .data.alarm == "decision")) | length == 1'
check 'authorised, one command for each device' story_decide yes supplier '.attempts = 1'
check 'the key is on' story_activate yes

echo '# The token is logged out'
service_kill
P11_SHIM_PLAN='C_SignInit:1+=0x101'
export P11_SHIM_PLAN
check 'the service answers' service_start
key=$(openssl rand -hex 8)
first=$(ctl --json --yes --key "$key" batch start "$incident" "$decision" | jq -r .id)
logged_out() {
    ctl --json status | jq -e '[.signers[].trouble] | any(test("CKR_USER_NOT_LOGGED_IN"))' >/dev/null &&
        ctl --json batch show "$first" | jq -e '.signed == 0' >/dev/null
}
refused 'signing while the token is logged out' token.refused eventually logged_out
check 'the key was not used' uses_are 0
service_kill
unset P11_SHIM_PLAN
check 'the service answers' service_start
check 'logged in again, the batch is signed, but for a row' story_rows_left "$first"
refused 'the device that was not commissioned' row.status audited 'map(select(.kind == "ROWS_FAILED") | .data) | map(select(.rule == "row.status" and .count == 1)) | length == 1'
check 'the same request again gets the same answer' sh -c "[ \"\$('$tools/daemon/smki-recoveryctl' --socket '$socket' --json --yes --key '$key' batch start '$incident' '$decision' | jq -r .id)\" = $first ]"
check 'and nothing is signed twice' audited "map(select(.kind == \"BATCH_SIGNED\") | .data.count) | add == $((devices - 1))"
refuse 'the key of that request for another one' request.key-reused ctl --key "$key" --yes batch start --rows unfinished "$incident" "$decision"
refuse 'rows that are signed, signed again' decision.attempts ctl --yes batch start "$incident" "$decision"
batch=$first
check 'answers' story_exchange meters
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'it is excused, by name' story_excuse 'not commissioned yet'
check 'executed, the one is excused' event executed --evidence 'all but one, which is excused'
check 'closed' event close

echo '# Live'
service_stop
cp "$work/recovery.conf" "$work/exercise.conf"
sed -i -e 's/^Exercise=.*/Exercise=no/' -e "s|^StateDirectory=$work/|&live-|" "$work/recovery.conf"
mkdir "$work/live-service" "$work/live-signer"
check 'a live service answers' service_start
told_rolled_back() {
    get /v1/status | jq -e '[.alarms[].alarm] == ["ledger.rolled-back"]'
}
check 'it has no record, the token has counted: that is told' eventually told_rolled_back
rehearsed=$incident
refuse 'an exercise in the live service' incident.exercise ctl incident open --exercise --initiator dcc --notice x 'Exercise'
incident=$(ctl --json incident open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed' | jq -r .id)
check 'a live incident to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"
refuse 'the decision of an exercise for the live key' decision.exercise story_spoilt '.exercise = true'
check 'nothing is signed there' audited 'map(select(.kind == "BATCH_SIGNED")) == []'
service_stop
mv "$work/exercise.conf" "$work/recovery.conf"
incident=$rehearsed
check 'the exercise again' service_start

echo '# The house in trouble'
records=$(ctl audit export | wc -l)
# How much goes onto the disk before it is full is up to the file system.
outcome_records=$records outcome_incidents=$(ctl --json incident list | jq -r '.incidents[].id')
service_stop
# No file of the service may grow beyond what it has now: a full disk.
size=$(find "$work/service" -type f -printf '%k\n' | sort -n | tail -n 1)
full_disk() (
    trap '' XFSZ
    ulimit -f $((size * 2 + 40))
    exec "$tools/daemon/smki-recoveryd" --config "$work/recovery.conf" </dev/null >>"$work/service.log" 2>&1
)
on_full_disk() {
    full_disk &
    echo $! >"$work/service.pid"
    eventually ctl status 2>>"$log"
}
on_full_disk
fill() {
    i=0
    while [ $i -lt 400 ]; do
        ctl --quiet incident open --exercise --initiator dcc --notice "$(printf '%1900d' 0)" "Filler $i" || return 0
        i=$((i + 1))
    done
    return 1
}
refused 'a step while the disk is full' store.failed fill
stopped() {
    service_wait
    [ $service_status -ne 0 ] && [ $service_status -ne 137 ]
}
check 'the service stops rather than go on without a record' stopped
on_full_disk
# Each refusal is a record; the one that cannot be written ends the service.
unrecorded() {
    i=0
    while [ $i -lt 600 ]; do
        ctl --quiet incident event "$incident" close --evidence "$(printf '%900d' $i)" 2>"$work/said"
        [ $? -ne 1 ] && return 0
        i=$((i + 1))
    done
    return 1
}
refused 'a request while the audit trail cannot be written' store.failed unrecorded
check 'it stops here too' stopped
check 'with room again it starts' service_start
check 'and has every record' sh -c "[ \$('$tools/daemon/smki-recoveryctl' --socket '$socket' audit export | wc -l) -ge $records ]"
story_tell "$incident"
story_end
