#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 2: an actual compromise is reported, devices are suspended, the PMA considers; then the supplier
# withdraws. Variant: the withdrawal comes after signing began.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=20
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
uses_before=$(uses recovery)
roster=$work/meters/roster.csv

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'suspension, revocation, notice to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"
refuse 'a confirmation before anybody withdrew' incident.evidence \
    event confirm-withdrawal --evidence '{"confirmation":"called back"}' --facts withdrawer_authenticated
refuse 'a withdrawal by the registration data provider' incident.actor event withdraw --as rdp --evidence 'call'
check 'the supplier withdraws' event withdraw --as subscriber --evidence 'the log was misread'
refuse 'a withdrawal by somebody who was not authenticated' incident.withdrawal-person \
    event confirm-withdrawal --evidence 'a voice on the telephone'
refuse 'a withdrawal signed with the suspect certificate alone' incident.withdrawal-key \
    event confirm-withdrawal --evidence 'signed by the old key' --facts withdrawal_by_suspect_key,withdrawer_authenticated
check 'the withdrawal is confirmed over a second channel' event confirm-withdrawal --evidence 'called back' \
    --facts withdrawer_authenticated,withdrawal_by_suspect_key=no
check 'it is FALSE_ALARM' in_state FALSE_ALARM
story_decision late supplier .
check 'the PMA had already signed' story_sign late pma-1 pma-2 pma-3
refuse 'a decision to authorise that comes too late' incident.no-transition ctl decision submit "$incident" "$work/late.cms"
refuse 'signing after the alarm' decision.none ctl --yes batch start "$incident" "$(jq -r .id "$work/late.json")"
refuse 'taken up again without anything new' incident.evidence event reopen
check 'the key is seen elsewhere: taken up again' event reopen --evidence 'the key was seen elsewhere'
check 'from the start' in_state CONFIRMED_SUSPECTED
refuse 'the withdrawal of before, confirmed once more' incident.no-withdrawal \
    event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'it was another key: withdrawn again' event withdraw --as subscriber --evidence 'it was another key'
check 'and confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'FALSE_ALARM again' in_state FALSE_ALARM
refuse 'reconnection without a route' incident.evidence event reconnect
refuse 'closing while the devices are cut off' incident.devices-suspended event close
first=$incident
check 'another incident meanwhile' story_open --initiator dcc --notice 'analysis' 'TCoS key'
refuse 'a list with a device of the first incident' incident.device-elsewhere ctl roster add "$incident" "$roster"
check 'the other one is rejected' event reject --evidence 'nobody there'
check 'and closed' event close
incident=$first
check 'reconnection begins' event reconnect --evidence 'certificates issued again to the same keys'
refuse 'closing before all are connected' incident.no-transition event close
check 'every device is as before' event reconnected --evidence 'inventory read back'
statuses_kept() {
    ctl roster get "$incident" | awk -F, 'NR > 1 && $3 != "commissioned" { bad = 1 } END { exit bad }'
}
check 'the status before the incident is on file for every device' statuses_kept
check 'closed' event close
check 'the record says how they came back' audited 'map(select(.data.event == "reconnect")) | .[0].data.evidence["reconnection-route"] | length > 0'
check 'the decision was aborted, on record' audited 'map(.kind) | index("DECISION_ABORTED") != null'
check 'the Recovery key was not used' uses_are "$uses_before"

echo '# Variant: the withdrawal comes after signing began'
check 'a second notice' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: again'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"
check 'authorised' story_decide go supplier .
check 'the key is on' story_activate go
check 'signed' story_batch
check 'half of the devices answer' story_exchange meters --unreachable 50
check 'the supplier withdraws' event withdraw --as subscriber --evidence 'it was a drill'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'nothing is rolled back: HALTED' in_state HALTED
refuse 'signing while halted' incident.may-not-sign ctl --yes batch start --rows unfinished "$incident" "$decision"
refuse 'reconnection as if nothing had been signed' incident.no-transition event reconnect --evidence 'as before'
check 'key off' event deactivate-key --evidence 'the custodians left'
again() {
    story_decision spoilt supplier . && story_sign spoilt pma-1 pma-2 pma-3 && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'a new decision that does not supersede the old one' incident.supersedes again
old=$decision
check 'the PMA decides anew: finish' story_decide finish supplier ".supersedes = \"$old\""
check 'the old decision stands no more' shows ".decisions | map(select(.id == \"$old\")) | .[0].state == \"superseded\""
check 'the key is on again' story_activate finish
check 'the others are signed' story_batch --rows unfinished
check 'and answer' story_exchange meters
check 'key off again' event deactivate-key --evidence 'the custodians left'
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
story_tell "$first" "$incident"
story_end
