#!/bin/sh
# SPDX-License-Identifier: MIT
# Hand-back to B: after Method 2 one officer's instruction does not give A's devices to B. The PMA's appointment does,
# and from then on nothing goes back to A.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

b=90B3D51F3002000B devices=8
check 'token, certificates' story_setup
party_supplier b $b
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
cat "$pki"/supplier-??-old.pem "$pki/acb-ds.pem" "$pki/acb-ka.pem" >"$work/acb.pem"
cat "$work/acb.pem" "$pki"/supplier-??-new.pem >"$work/to-a.pem"
cat "$work/to-a.pem" "$pki"/b-??-new.pem >"$work/to-b.pem"

check 'A reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$work/acb.pem" "$work/meters/roster.csv"
check 'the keys of the ACB are in place' story_run m2 supplier \
    '.method = "M2" | .replacements = [new("supplier-ds"; "acb-ds"), new("supplier-ka"; "acb-ka"), new("supplier-pp"; "acb-ka")]' meters
check 'executed' event executed --evidence 'all answered'
check 'certificates of A' ctl --quiet certificates add "$incident" "$work/to-a.pem"
check "an officer's instruction to hand back to A" story_instruct early supplier . dcc-1
check 'certificates of B' ctl --quiet certificates add "$incident" "$work/to-b.pem"
to_b=".replacement_subscriber = \"$b\" | .appointment = \"Ofgem direction 9\" | .replacements = [new(\"supplier-ds\"; \"b-ds-new\"), new(\"supplier-ka\"; \"b-ka-new\"), new(\"supplier-pp\"; \"b-pp-new\")]"
refuse "one officer's instruction to hand back to B" decision.replacement-subscriber story_instruct odd supplier "$to_b" dcc-1
refuse 'an appointment that somebody answers for' incident.fact event revoked --evidence 'list 43' --facts solr_appointed
refuse 'an appointment in words of the operator' incident.by-document event appoint --as pma --evidence 'they said so'
refuse 'an appointment by one officer' decision.replacement-subscriber story_instruct odd supplier "$to_b | .outcome = \"appoint\"" dcc-1
refuse 'an appointment without reference' decision.schema story_spoilt ".outcome = \"appoint\" | .replacement_subscriber = \"$b\""
check 'the PMA names B, with the appointment' story_appoint named supplier $b 'Ofgem direction 9'
check 'which the incident says from here on' shows ".replacement_subscriber == \"$b\" and .state == \"ACB_IN_PLACE\""
check 'with the document on record' audited "map(select(.kind == \"REPLACEMENT_APPOINTED\") | .data) | map([.replacement, .appointment]) == [[\"$b\", \"Ofgem direction 9\"]]"
refuse 'what was instructed before' decision.replacement-subscriber ctl --yes batch start "$incident" "$(jq -r .id "$work/early.json")"
check 'certificates of A alone' ctl --quiet certificates add "$incident" "$work/to-a.pem"
refuse 'hand-back to A after that' decision.replacement-subscriber story_instruct odd supplier 'del(.replacement_subscriber)' dcc-1
check 'certificates of B again' ctl --quiet certificates add "$incident" "$work/to-b.pem"
check 'the same instruction goes now' story_instruct back supplier "$to_b" dcc-1
decision=$(jq -r .id "$work/back.json")
check 'signed by the ACB key' story_batch
check 'devices take them and answer' story_exchange meters
check 'handed back' event handed-back --evidence 'Recovery Progress File 2'
check 'closed' event close
for cell in ds ka pp; do
    check "every meter holds B's certificate in supplier-$cell, as it says itself" story_hold meters supplier-$cell b-$cell-new $devices
done
story_tell "$incident"
story_end
