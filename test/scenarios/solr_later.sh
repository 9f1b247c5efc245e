#!/bin/sh
# SPDX-License-Identifier: MIT
# The supplier of last resort is named later: while the PMA considers; after a notice that named it without an
# appointment; after a first decision.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

solr=90B3D51F3002000F devices=4
check 'token, certificates' story_setup
party_supplier solr $solr
for part in 1 2 3; do
    check "meters $part" stage_meters "meters-$part" $devices supplier --first "00DB12340${part}000000" --seed $part
done
check 'the service answers' service_start
story_ready recovery
cat "$pki"/supplier-??-old.pem "$pki"/solr-??-new.pem >"$work/solr.pem"
cat "$pki"/supplier-??-old.pem "$pki/acb-ds.pem" "$pki/acb-ka.pem" >"$work/acb.pem"
replaced='.replacements = [new("supplier-ds"; "solr-ds-new"), new("supplier-ka"; "solr-ka-new"), new("supplier-pp"; "solr-pp-new")]'
to_solr=".replacement_subscriber = \"$solr\" | .appointment = \"Ofgem direction 12\" | $replaced"
ofgem='.notice = "Ofgem notice 11"'
opened() { # PART BUNDLE [OPTION...]
    opened_part=$1 opened_bundle=$2
    shift 2
    story_open --initiator ofgem --subscriber "$stage_supplier" --notice 'Ofgem notice 11' "$@" "Supplier Ltd ceased trading, part $opened_part" &&
        rehearsal_to_pma "$opened_bundle" "$work/meters-$opened_part/roster.csv" dcc
}
hold_all() { # PART
    for cell in ds ka pp; do
        story_hold "meters-$1" supplier-$cell solr-$cell-new $devices || return 1
    done
}

echo '# Named after suspension'
check 'nobody is named yet; to the PMA' opened 1 "$work/solr.pem"
check 'nobody' shows '.replacement_subscriber == ""'
refuse 'certificates of whoever may come' request.appointment story_spoilt "$ofgem | .replacement_subscriber = \"$solr\" | $replaced"
check 'the PMA names it' story_appoint named supplier $solr 'Ofgem direction 12'
check 'the incident is with the PMA still' shows ".state == \"WITH_PMA\" and .replacement_subscriber == \"$solr\""
check 'certificates of the one that ceased' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
refuse 'a decision that gives the devices back' decision.replacement-subscriber story_spoilt "$ofgem | del(.replacement_subscriber)"
check 'certificates of the new one' ctl --quiet certificates add "$incident" "$work/solr.pem"
check 'decided, signed, answered' story_run one supplier "$ofgem | $to_solr" meters-1
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
check 'every meter holds certificates of the new supplier, as it says itself' hold_all 1
first=$incident

echo '# Named in the notice, appointed after Method 2'
check 'the notice names it; to the PMA' opened 2 "$work/acb.pem" --replacement $solr
check 'keys of the ACB first' story_run two supplier "$ofgem | del(.replacement_subscriber) | .method = \"M2\"
    | .replacements = [new(\"supplier-ds\"; \"acb-ds\"), new(\"supplier-ka\"; \"acb-ka\"), new(\"supplier-pp\"; \"acb-ka\")]" meters-2
check 'executed' event executed --evidence 'all answered'
check 'certificates of the new one' ctl --quiet certificates add "$incident" "$work/solr.pem"
check "an officer's instruction says what the notice said" story_instruct back supplier "$to_solr" dcc-1
decision=$(jq -r .id "$work/back.json")
refuse 'hand-back before the PMA has named it' incident.solr-appointment ctl --yes batch start "$incident" "$decision"
check 'the PMA names it' story_appoint named supplier $solr 'Ofgem direction 12'
check 'signed by the ACB key' story_batch
check 'devices take them and answer' story_exchange meters-2
check 'handed back' event handed-back --evidence 'Recovery Progress File 2'
check 'closed' event close
check 'every meter holds certificates of the new supplier, as it says itself' hold_all 2
second=$incident

echo '# Named after a first decision'
check 'nobody is named yet; to the PMA' opened 3 "$pki/bundle.pem"
check 'decided: the old one goes on' story_decide three supplier "$ofgem"
refuse 'an appointment while that decision stands' incident.no-transition story_appoint named supplier $solr 'Ofgem direction 12'
ended=$decision
check 'the PMA takes it back' story_decide ended supplier "$ofgem | .outcome = \"refuse\" | .supersedes = \"$ended\""
check 'it is HALTED' in_state HALTED
ended=$decision
check 'certificates of the new one' ctl --quiet certificates add "$incident" "$work/solr.pem"
check 'a decision names it, with the appointment; signed, answered' story_run four supplier "$ofgem | $to_solr | .supersedes = \"$ended\"" meters-3
check 'the incident says so' shows ".replacement_subscriber == \"$solr\""
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
check 'every meter holds certificates of the new supplier, as it says itself' hold_all 3
story_tell "$first" "$second" "$incident"
story_end
