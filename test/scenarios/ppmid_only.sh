#!/bin/sh
# SPDX-License-Identifier: MIT
# PPMID only: whether PPMIDs are recovered goes by the list, not by the types that a decision names.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
party_issue acb-ka-new 04 "$acb" ka
check 'meters of three kinds' stage_meters meters 12 supplier --mix ESME:1,GSME:1,PPMID:1
check 'the service answers' service_start
story_ready recovery
cat "$pki/acb-ka.pem" "$pki/acb-ka-new.pem" >"$work/bundle.pem"
grep -v ,PPMID, "$work/meters/roster.csv" >"$work/homes.csv"
grep -e '^device,' -e ,PPMID, "$work/meters/roster.csv" >"$work/ppmids.csv"
ppmids=$(grep -c ,PPMID, "$work/ppmids.csv") homes=$(grep -c SME, "$work/homes.csv")
named='.device_types = ["ESME", "GSME", "PPMID"]'

check 'the DCC reports a key of the ACB' story_open --initiator dcc --subscriber "$acb" --notice 'DCC security operations' 'ACB key agreement key exposed'
check 'to the PMA, with PPMIDs alone' rehearsal_to_pma "$work/bundle.pem" "$work/ppmids.csv" dcc
acb_only=".method = \"dcc\" | .compromised = [bad(\"acb-ka\"; \"acb-ka\")] | .replacements = [new(\"acb-ka\"; \"acb-ka-new\")] | $named"
refuse 'PPMIDs alone, under a decision that names meters too' device.ppmid-wider story_spoilt "$acb_only"
reviewed() {
    story_decision early supplier "$acb_only" || return 1
    ctl decision review --ask "$work/early.json" >"$work/reviewed" 2>&1
    [ $? -eq 1 ] && grep 'the list has PPMIDs and no ' "$work/reviewed"
}
check 'its authors are told so before they sign it' reviewed
check 'the PMA allows them alone' story_run alone supplier "$acb_only | .ppmid_only = true" meters
check "the $ppmids PPMIDs are done" shows ".recovered == $ppmids"
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
first=$incident

check 'a supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA, with the whole homes' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
refuse 'PPMIDs on the list of a supplier, which the decision names' device.ppmid-key story_spoilt "$named"
refuse 'PPMIDs on the list of a supplier, which it does not name' device.ppmid-key story_spoilt .
check 'a list without them' ctl --quiet roster add "$incident" "$work/homes.csv"
check 'the decision may name what is not there' story_run homes supplier "$named" meters
check "the $homes meters are done" shows ".recovered == $homes"
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
check 'every PPMID holds the new key of the ACB, and no meter does, as they say themselves' story_hold meters acb-ka acb-ka-new "$ppmids"
check 'every meter holds its new certificate, as it says itself' story_hold meters supplier-ds supplier-ds-new "$homes"
story_tell "$first" "$incident"
story_end
