#!/bin/sh
# SPDX-License-Identifier: MIT
# The Recovery key itself is compromised: what uses it stops at once; it signs its own replacement, and no more.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
party_issue recovery-ds-new 01 90B3D51F30010001 ds
check 'meters of a supplier' stage_meters meters 10 supplier
check 'the other meters' stage_meters others 20 supplier --first 00DB1234F0000000 --seed 2
check 'the service answers' service_start
story_ready recovery
cat "$pki/recovery-ds-new.pem" "$pki/recovery-ds.pem" >"$work/bundle.pem"

check 'a supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
supplier=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
check 'authorised' story_decide m3 supplier .
m3=$decision
check 'the key is on' story_activate m3
open_by_supplier() {
    ctl incident open --exercise --route recovery-key --initiator subscriber --notice x 'Recovery key?'
}
refuse 'a supplier who opens an incident about the Recovery key' incident.actor open_by_supplier
check 'the DCC suspects the Recovery key' story_open --route recovery-key --initiator dcc --notice 'DCC security operations' 'Recovery key exposed'
key=$incident
check 'confirmed' event confirm --evidence 'two people, in person' --facts notifier_authenticated
incident=$supplier
check 'in the same step the supplier incident stands still' in_state HALTED
refuse 'its batch' incident.may-not-sign ctl --yes batch start "$supplier" "$m3"
check 'its key is switched off' event deactivate-key --evidence 'frozen'
incident=$key
check 'certificates' ctl --quiet certificates add "$incident" "$work/bundle.pem"
check 'devices' ctl --quiet roster add "$incident" "$work/others/roster.csv"
check 'to the PMA' event refer-to-pma --evidence 'Other Compromise Notification File 1'
self='.method = "recovery-key" | .subscriber = "90B3D51F30010001" | .initiator = "dcc" | .compromised = [bad("recovery-ds"; "recovery-ds")] | .replacements = [new("recovery-ds"; "recovery-ds-new")]'
refuse 'the same decision to replace supplier keys as well' compromised.method \
    story_spoilt "$self | .compromised += [bad(\"supplier-ds\"; \"recovery-ds\")] | .replacements += [new(\"supplier-ds\"; \"recovery-ds-new\")]"
refuse 'Method 3 in an incident about the Recovery key' request.initiator story_spoilt "$self | .method = \"M3\""
refuse 'the compromised certificate as its own successor' replacement.key \
    story_spoilt "$self | .replacements[0].certificate = \$d[\"recovery-ds\"]"
check 'decided, signed by itself, answered' story_run self supplier "$self" others
check 'twenty devices hold the new Recovery certificate' shows '.recovered == 20'
incident=$supplier
check 'the supplier incident is decided anew' story_decide m3b supplier ".supersedes = \"$m3\""
check 'custodians are called' event call-custodians --evidence 'called'
party_activation m3b-key m3b
check 'and have signed' story_sign m3b-key custodian-1 custodian-2
refuse 'the compromised key switched on for the supplier' incident.recovery-key-suspect ctl decision submit "$incident" "$work/m3b-key.cms"
incident=$key
check 'executed' event executed --evidence 'twenty answers'
refuse 'closing before the old Recovery certificate is revoked' incident.not-revoked event close
check 'revoked' event revoked --evidence 'list 47'
check 'closed' event close
story_tell "$key" "$supplier"
story_end
