#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 1: a suspected compromise; the supplier replaces its certificates with its own key and reports by
# progress files. The Recovery key is not touched. Variant: it stalls, and recovery is asked for the devices
# that remain.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=30
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
uses_before=$(uses recovery)
roster=$work/meters/roster.csv

check 'the supplier suspects its signing key' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One, by telephone' 'Supplier Ltd: signing key perhaps exposed'
refuse 'an unconfirmed notifier' incident.notifier event confirm --evidence 'nobody answered'
check 'the notifier is confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
check 'certificates' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
check 'devices' ctl --quiet roster add "$incident" "$roster"
party_notify N1 supplier "$stage_supplier" "$roster" 1 no
# The same officer, but the certificate is over the very key that is compromised.
cp "$pki/supplier-ds-old.key" "$pki/suspect.key"
stage_pki person --dir "$pki" --anchor org-anchor --out "$pki/suspect.pem" --key "$pki/suspect.key" --reuse \
    --cn "$(party_name org-1 subject)" >>"$log" 2>&1
refuse 'a notification signed with the compromised key' file.compromised-signer story_file N1 suspect
refuse 'a notification signed by somebody of the PMA' file.chain story_file N1 pma-1
refuse 'a notification that another officer signed' file.signer story_file N1 org-2
cp "$work/N1.csv" "$work/N0.csv"
sed -i "s/^subscriber,.*/subscriber,90B3D51F30020099/" "$work/N0.csv"
refuse 'a notification of another supplier' file.party story_file N0
check 'the notification file comes in' story_file N1
check 'the file makes it FILE_RECEIVED' in_state FILE_RECEIVED
on_register() {
    ctl --json keys list | jq -e --arg i "$incident" --arg serial "$(party_serial supplier-ds-old)" '[.keys[] | select(.incident == $i)]
        | length == 3 and all(.what == "compromised" and .source == "file " + $i + "-N1") and any(.serial == $serial)'
}
check 'and puts its certificates on the register of keys' on_register
check 'Method 1 is elected' event elect-method-1 --as subscriber --evidence 'method 1 in the file'
check 'the PMA is informed' event inform-pma --evidence 'letter 7'
refuse 'recovery signing under Method 1' decision.none ctl --yes batch start "$incident" anything
story_decision early supplier .
check 'a decision is signed all the same' story_sign early pma-1 pma-2 pma-3
refuse 'a decision to authorise recovery under Method 1' incident.no-transition ctl decision submit "$incident" "$work/early.cms"

party_progress P1 supplier "$stage_supplier" "$roster" 10
refuse 'progress signed with the compromised key' file.compromised-signer story_file P1 suspect
cp "$work/P1.csv" "$work/P0.csv"
sed -i 's/^total,success,10/total,success,11/' "$work/P0.csv"
refuse 'progress whose counts do not agree' file.count story_file P0
party_progress P0 supplier "$stage_supplier" "$roster" 10
sed -i 's/^00DB123400000000,/00DB1233FFFFFFFF,/' "$work/P0.csv"
refuse 'progress about a device that was not notified' file.not-notified story_file P0
party_progress P0 supplier "$stage_supplier" "$roster" 10
sed -i 's/,pending,$/,perhaps,/' "$work/P0.csv"
refuse 'progress in a state that is none' file.state story_file P0
check 'first progress file: 10 devices' story_file P1
check 'it is M1_IN_PROGRESS' in_state M1_IN_PROGRESS
refuse 'the same progress file again' file.replayed story_file P1
party_progress P2 supplier "$stage_supplier" "$roster" 9
refuse 'progress that goes backwards' file.backwards story_file P2
refuse 'complete while 20 devices wait and no exception is listed' incident.rows-pending \
    event complete --as subscriber --evidence 'we are done'
refuse 'closing while devices wait' incident.no-transition event close
party_progress P3 supplier "$stage_supplier" "$roster" $devices
openssl cms -sign -binary -md sha256 -in "$work/P1.csv" -signer "$pki/org-1.pem" -inkey "$pki/org-1.key" -outform DER -out "$work/P1.p7s"
refuse "another file's signature" file.signature ctl file add "$incident" "$work/P3.csv" "$work/P1.p7s"
check "last progress file: $devices devices" story_file P3
check 'complete' event complete --as subscriber --evidence "progress file $incident-P3"
check 'it is M1_COMPLETE' in_state M1_COMPLETE
refuse 'closing before the old certificate is revoked' incident.not-revoked event close
check 'the old certificate is revoked' event revoked --evidence 'revocation list 43'
check 'closed' event close
check 'no device was suspended' shows '[.events[].event] | index("devices-suspended") == null'
check 'the PMA was informed, on record' audited "map(select(.incident == \"$incident\") | .kind) | index(\"PMA_INFORMED\") != null"
check 'the Recovery key was not used once' uses_are "$uses_before"
first=$incident

echo '# Variant: Method 1 stalls'
check 'a second notice' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: again'
check 'confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
check 'certificates again' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
check 'devices again' ctl --quiet roster add "$incident" "$roster"
party_notify N4 supplier "$stage_supplier" "$roster" 1 no
check 'notification' story_file N4
check 'Method 1 again' event elect-method-1 --as subscriber --evidence 'method 1 in the file'
party_progress P4 supplier "$stage_supplier" "$roster" 18
check '18 devices are done, then it stalls' story_file P4
check 'the supplier gives up' event ask-suspension --as subscriber --evidence 'recovery of the others'
for done_event in devices-suspended recovery-set revoked refer-to-pma; do
    check "$done_event" event $done_event --evidence 'the twelve that remain'
done
with_all() {
    story_decision all supplier . && story_sign all pma-1 pma-2 pma-3 && ctl decision submit "$incident" "$work/all.cms"
}
refuse 'a decision that names the 18 as well' incident.already-replaced with_all
awk 'NR == 1 || NR > 19' "$roster" >"$work/rest.csv"
check 'the list of the twelve that remain' ctl --quiet roster add "$incident" "$work/rest.csv"
check 'the PMA authorises Method 3 for the twelve' story_decide rest supplier .
check 'the custodians switch the key on' story_activate rest
check 'signed' story_batch
check 'devices take them and answer' story_exchange meters
check 'twelve commands, not one more' json_is "$work/verdict.json" '.commands == 12 and .accepted == 12'
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'executed' event executed --evidence 'twelve answers'
check 'closed again' event close
story_tell "$first" "$incident"
story_end
