#!/bin/sh
# SPDX-License-Identifier: MIT
# One person, one hat in one matter, on the real service under real logins: hats.sh BUILD SOURCE. TAP.
# Each refusal names the person and both hats, and leaves batches and incident as they were.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    scene_skip 'needs root and setpriv'
fi
pki=$scene/pki
approver=3101 custodian=3102 requester=3103 again=3104 nobody=3105 second=3106

as() { # as UID CTL-ARGUMENT...: of this group, so that the socket lets it in
    as_uid=$1
    shift
    setpriv --reuid "$as_uid" --regid "$(id -g)" --clear-groups --no-new-privs -- \
        "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}
login() { # login SECTION UID: one more of that person
    sed -i "s/^\[Person \"$1\"\]/&\nUsers=$2/" "$scene/recovery.conf.d/people.conf"
}

must stage_make 6
must scene_set Service TwoPersonSec=86400
cat >>"$scene/recovery.conf" <<END
[Authority "supplier"]
Anchor=$pki/org-anchor.pem
Threshold=1
Members=2
Organisation=$stage_supplier
END
must scene_set 'Role "operator"' "Users=$(id -u) $approver $custodian $requester $again $nobody $second"
chmod 711 "$scene"
login pma-1 $approver
login custodian-1 $custodian
login org-1 $requester
login operator $again
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
as $second --version >/dev/null 2>&1 || scene_skip 'other users cannot reach the build directory'
must service_start
must scene_referred

refused() { # refused RULE WORDS COMMAND...
    refused_rule=$1 refused_words=$2
    shift 2
    get "/v1/incidents/$incident" | jq -S 'del(.refusals, .audit)' >"$scene/before"
    get /v1/batches >>"$scene/before"
    if "$@" >"$scene/out" 2>&1; then
        echo 'done'
        return 1
    fi
    cat "$scene/out"
    get "/v1/incidents/$incident" | jq -S 'del(.refusals, .audit)' >"$scene/after"
    get /v1/batches >>"$scene/after"
    grep -qx "  rule    $refused_rule" "$scene/out" && grep -qF "$refused_words" "$scene/out" &&
        diff "$scene/before" "$scene/after"
}

# --- the decision ---

must scene_decide '.requester = "member two"'
t 'requester and approver: refused' refused decision.quorum '"Member Two": is requester and approver' \
    ctl decision submit "$incident" "$scene/decision.cms"
must scene_decide '.requester = "Member Twelve"'
t 'a requester whom nobody knows: refused' refused decision.unknown-person '"Member Twelve"' \
    ctl decision submit "$incident" "$scene/decision.cms"
must scene_decide '.conflicts = [{holder: "Operator Two", reason: "employed by the supplier"}]'
chmod 644 "$scene/decision.cms"
t 'an approver hands it in: refused' refused incident.operator '"Member One" is approver and operator' \
    as $approver decision submit "$incident" "$scene/decision.cms"
# from here on Operator Two is conflicted; another decision sets him free again
t 'somebody else hands it in' ctl decision submit "$incident" "$scene/decision.cms"
decision=$(jq -r .id "$scene/decision.json")
must rehearsal_event call-custodians --evidence 'three called'

# --- the activation ---

activation() { # activation NAME...
    rehearsal_activation "$scene/decision.json" >"$scene/activation.json" &&
        rehearsal_sign "$scene/activation.json" "$scene/activation.cms" "$@" &&
        chmod 644 "$scene/activation.cms"
}
cp "$pki/pma-1.key" "$pki/hat.key"
must stage_pki person --dir "$pki" --anchor custodian-anchor --out "$pki/hat.pem" --key "$pki/hat.key" --reuse \
    --cn 'Member One' --seat custodian --organisation Independent
must eventually signers_ready
must activation hat custodian-2
t 'approver and custodian: refused' refused activation.people '"Member One" is approver and custodian' \
    ctl decision submit "$incident" "$scene/activation.cms"
must activation custodian-1 custodian-2
t 'a custodian hands it in: refused' refused incident.operator '"Custodian One" is custodian and operator' \
    as $custodian decision submit "$incident" "$scene/activation.cms"
t 'somebody else hands it in' ctl decision submit "$incident" "$scene/activation.cms"

# --- the batch ---

start() {
    as "$1" --yes batch start "$incident" "$decision"
}
t 'approver and operator: refused' refused incident.operator '"Member One" is approver and operator' start $approver
t 'custodian and operator: refused' refused incident.operator '"Custodian One" is custodian and operator' start $custodian
t 'requester and operator: refused' refused incident.operator '"Officer One" is requester and operator' start $requester
t 'conflicted and operator: refused' refused incident.operator '"Operator Two" is conflicted and operator' start $second
t 'a login of nobody: refused' refused incident.operator "uid $nobody is the login of no [Person]" start $nobody
asked() {
    scene_batch all && batch_is waiting
}
t 'an operator who is nothing else asks' asked
confirm() {
    as "$1" --yes batch confirm "$batch"
}
t 'both operators, by another login of his: refused' refused batch.second-person \
    '"Operator One" is operator and second operator' confirm $again
t 'approver and second operator: refused' refused incident.operator '"Member One" is approver and second operator' \
    confirm $approver
t 'custodian and second operator: refused' refused incident.operator '"Custodian One" is custodian and second operator' \
    confirm $custodian
t 'conflicted and second operator: refused' refused incident.operator '"Operator Two" is conflicted and second operator' \
    confirm $second
t 'a login of nobody confirms: refused' refused incident.operator "uid $nobody is the login of no [Person]" confirm $nobody
must service_stop
stage_login cleo 'Operator Three' 3107 >>"$scene/recovery.conf.d/people.conf"
sed -i 's/^Users=.* 3106/& 3107/' "$scene/recovery.conf"
must service_start
t 'a second operator who is nothing else confirms' confirm 3107
signed_all() {
    eventually batch_is 'done' && same "$(signed)" 6
}
t 'and it is signed' signed_all

# --- what was notified changes ---

notify() { # notify FILE [AMENDS]: signed by the supplier's officer, handed in
    notify_old=$(openssl x509 -in "$pki/supplier-ds-old.pem" -noout -serial | sed 's/.*=//')
    {
        printf 'format,smki-recovery/file/1\nkind,organisation-notification\nfile,%s\nincident,%s\n' "$1" "$incident"
        [ -z "${2:-}" ] || printf 'amends,%s\n' "$2"
        printf 'subscriber,%s\ncertificate,Z1,%s,%s,supplier-ds\n' "$stage_supplier" "$notify_old" "$stage_supplier"
        printf 'certainty,suspected\nfound,%s\nmethod,3\nsuspend,no\nanticipated,ESME,1\n' "$(rehearsal_at yesterday)"
        printf 'signer,supplier Ltd,aro,Officer One\n\ndevice,type,cells,old,new\n00DB1234000A0000,ESME,supplier-ds,%s,\n' "$notify_old"
    } >"$scene/file.csv"
    openssl cms -sign -binary -md sha256 -in "$scene/file.csv" -signer "$pki/org-1.pem" -inkey "$pki/org-1.key" \
        -outform DER -out "$scene/file.p7s" && ctl file add "$incident" "$scene/file.csv" "$scene/file.p7s"
}
must rehearsal_notice
must rehearsal_event confirm --evidence 'called back' --facts notifier_authenticated
must notify F-1
must notify F-2 F-1
amendment() {
    as "$1" incident event "$incident" confirm-amendment --evidence 'called back'
}
t 'who handed an amendment in confirms it, by another login of his: refused' refused batch.second-person \
    '"Operator One" is operator and second operator' amendment $again
t 'a login of nobody confirms it: refused' refused incident.operator "uid $nobody is the login of no [Person]" amendment $nobody
t 'a second person confirms it' amendment 3107
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

# --- one login is one person's ---

login pma-2 $again
twice() {
    ! "$tools/daemon/smki-recoveryd" --config "$scene/recovery.conf" --check >"$scene/out" 2>&1 &&
        grep -q 'login 3104 is named twice' "$scene/out"
}
t 'a login of two people: nothing starts' twice
plan
