#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 6: supplier X ceased trading, a creditor keeps its HSM, Ofgem gives notice; a supplier of last resort
# takes the devices over. Revocation and transfer of identifiers are deferred for a while.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

x=90B3D51F3002000E solr=90B3D51F3002000F
check 'token, certificates' story_setup
party_supplier x $x
party_supplier solr $solr
check 'meters' stage_meters meters 20 x
cat "$pki"/x-??-old.pem "$pki"/solr-??-new.pem >"$work/bundle.pem"
check 'the service answers' service_start
story_ready recovery
roster=$work/meters/roster.csv

check 'the creditor writes' story_open --initiator subscriber --subscriber $x --notice 'owner of the data centre' 'Supplier X: we keep the HSM'
refuse 'the creditor as if it were the supplier' incident.third-party \
    event confirm --evidence 'letter' --facts notifier_authenticated,notifier_third_party
check 'rejected' event reject --evidence 'not the supplier'
check 'closed' event close
creditor=$incident
check 'Ofgem gives notice' story_open --initiator ofgem --subscriber $x --replacement $solr --notice 'Ofgem notice 2026/7' 'Supplier X ceased trading'
check 'confirmed' event confirm --evidence 'by the known contact' --facts notifier_authenticated
check 'certificates' ctl --quiet certificates add "$incident" "$work/bundle.pem"
check 'devices' ctl --quiet roster add "$incident" "$roster"
refuse 'a file in the name of the supplier that has gone' incident.actor event receive-file --as ofgem --evidence 'file'
check 'the DCC files' event receive-file --as dcc --evidence 'Organisation Compromise Notification File 6'

lost='.initiator = "ofgem" | .notice = "Ofgem notice 2026/7" | .compromised[].cause = "lost-control"'
defer="$lost | .outcome = \"defer-revocation\""
bounds=".end_condition = \"all prepayment customers safe\" | .review = \"$(rehearsal_at '+1 month')\""
weighed='.risk_weighed = "The creditor has shown no wish to use the keys; 312 prepayment customers would lose supply."'
refuse 'a deferral without end' incident.deferral-unbounded story_spoilt "$defer | $weighed" x
refuse 'a deferral that was to be reviewed long ago' incident.deferral-unbounded \
    story_spoilt "$defer | $weighed | .end_condition = \"soon\" | .review = \"$(rehearsal_at yesterday)\"" x
refuse 'a deferral while the holder may be hostile, risk not weighed' incident.deferral-risk story_spoilt "$defer | $bounds" x
refuse 'the end of a deferral that is not' incident.no-deferral event end-deferral --evidence 'over'
check 'revocation is deferred' story_decide later x "$defer | $bounds | $weighed"
check 'transfer of identifiers too, to be reviewed soon' story_decide ids x \
    "$lost | .outcome = \"defer-id-transfer\" | $bounds | $weighed | .review = \"$(rehearsal_at '+30 seconds')\""
check 'both stand in the story, with review and end' shows '.deferrals | map(.outcome) == ["defer-id-transfer", "defer-revocation"]
    and all(.review != null and .end_condition == "all prepayment customers safe")'
noticed() { # noticed TO KIND FILTER: the last such notice
    jq -es --arg to "$1" --arg kind "$2" --arg incident "$incident" \
        "map(select(.to == \$to and .kind == \$kind and .incident == \$incident)) | last | .body | $3" "$work/service/outbox"/*.json
}
for to in subscriber ofgem solr parties; do
    check "$to is told, with the reason why" noticed $to DEFERRAL_STARTED '.event == "defer-id-transfer" and (.because.source | test("MP185"))
        and (.facts.deferrals | length == 2) and (.text | test("Put off: defer-revocation"))'
done
check 'suspension is asked for' event ask-suspension --as dcc --evidence 'no supplier is left'
check 'suspended' event devices-suspended --evidence 'all twenty'
refuse 'revocation as if nothing were deferred' incident.deferral-live event recovery-set --evidence 'all twenty'
check 'revocation is skipped, as deferred' event skip-revocation --evidence 'all twenty'
check 'to the PMA' event refer-to-pma --evidence 'letter'
refuse 'revocation while it is deferred' incident.deferral-live event revoked --evidence 'list 45'

m3="$lost | .replacement_subscriber = \"$solr\" | .replacements = [new(\"supplier-ds\"; \"solr-ds-new\"), new(\"supplier-ka\"; \"solr-ka-new\"), new(\"supplier-pp\"; \"solr-pp-new\")]"
refuse 'certificates of the new supplier before its appointment' request.appointment story_spoilt "$m3" x
refuse 'a decision without the notice' request.notice story_spoilt "$m3 | del(.notice) | .appointment = \"Ofgem 2026/8\"" x
refuse 'new keys in the HSM that the creditor keeps' replacement.origin \
    story_spoilt "$m3 | .appointment = \"Ofgem 2026/8\" | .replacements[].key_origin = \"same\"" x
check 'appointed, decided, signed, answered' story_run solr x "$m3 | .appointment = \"Ofgem direction 2026/8\"" meters
check 'all twenty have the new supplier' shows '.recovered == 20'
check 'the review is due: an alarm, once' eventually audited \
    'map(select(.kind == "DEADLINE_PASSED" and .data.alarm == "deferral-review" and .data.deferral.outcome == "defer-id-transfer")) | length == 1'
check 'the story says so' shows '.deferrals | map(.rang) == [true, false]'
review_waits() {
    ctl --json status | jq -e '[.waits[] | select(.what == "deferral" and .state == "due" and (.why | test("^defer-id-transfer of")))] | length == 1'
}
check 'status says so' review_waits
for to in dcc pma ofgem solr; do
    check "$to is told" eventually noticed $to DEFERRAL_REVIEW_DUE '.end_condition == "all prepayment customers safe"'
done
check 'executed' event executed --evidence 'twenty answers'
refuse 'closing while the deferral lives' incident.deferral-live event close
check 'the deferral ends' event end-deferral --evidence 'all prepayment customers are safe'
refuse 'closing before the certificates are revoked' incident.not-revoked event close
check 'revoked' event revoked --evidence 'list 46'
check 'closed' event close
check 'what the notice says of the devices is what became of them' noticed solr CLOSED \
    '.facts.devices | to_entries | map(.value.success) | add == 20'
check 'and of the list' noticed solr CLOSED ".facts.list.sha256 == \"$(sha256sum "$roster" | cut -d' ' -f1)\""
check 'cause and certificates' noticed solr CLOSED '(.facts.cause | all(.cause == "lost-control")) and (.facts.certificates | map(.what) | index("compromised") != null)'
check 'notice and appointment are on record' sh -c "jq -e '.notice == \"Ofgem notice 2026/7\" and .appointment != null' '$work/solr.json'"
check 'begin and end of the deferral are on record' audited 'map(.data.event) | index("defer-revocation") != null and index("end-deferral") != null'
story_tell "$creditor" "$incident"
story_end
