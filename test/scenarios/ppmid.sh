#!/bin/sh
# SPDX-License-Identifier: MIT
# The ACB's key-agreement key is compromised: the DCC recovers ESME, GSME and PPMID in one event.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
party_issue acb-ka-new 04 $acb ka
check 'meters of three kinds' stage_meters meters 24 supplier --mix ESME:1,GSME:1,PPMID:1
check 'the service answers' service_start
story_ready recovery
party_issue tcos-ds-new 05 90B3D51F30050001 ds
cat "$pki/acb-ka.pem" "$pki/acb-ka-new.pem" >"$work/bundle.pem"
cat "$pki/tcos-ds.pem" "$pki/tcos-ds-new.pem" >"$work/tcos.pem"
# One PPMID was not commissioned when it began.
awk -F, -v OFS=, '$2 == "PPMID" && !seen { $3 = "installed-not-commissioned"; seen = 1 } { print }' "$work/meters/roster.csv" >"$work/roster.csv"
ppmids=$(grep -c ,PPMID, "$work/roster.csv")

check 'a supplier would like its PPMIDs recovered' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/roster.csv"
refuse 'a PPMID for a compromised supplier key' device.ppmid-key story_spoilt '.device_types = ["ESME", "GSME", "PPMID"]'
refuse 'a list with PPMIDs that the decision does not name' device.ppmid-key story_spoilt .
party_issue network-ds-new 03 90B3D51F30030001 ds
cat "$pki/network-ds.pem" "$pki/network-ds-new.pem" >"$work/network.pem"
check 'certificates of a network operator' ctl --quiet certificates add "$incident" "$work/network.pem"
refuse 'a PPMID for a compromised network key' device.ppmid-key story_spoilt '.subscriber = "90B3D51F30030001"
    | .compromised = [bad("network-ds"; "network-ds")] | .replacements = [new("network-ds"; "network-ds-new")]
    | .device_types = ["ESME", "GSME", "PPMID"]'
check 'the supplier withdraws' event withdraw --as subscriber --evidence 'by the DCC, then'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'reconnection' event reconnect --evidence 'same keys certified anew'
check 'reconnected' event reconnected --evidence 'inventory read back'
check 'closed' event close
first=$incident

check 'the DCC opens its own' story_open --initiator dcc --subscriber $acb --notice 'DCC security operations' 'ACB key agreement key exposed'
sed 's/,PPMID,/,IHD,/' "$work/roster.csv" >"$work/ihd.csv"
refuse 'in-home displays of the same homes' roster.type2 ctl roster add "$incident" "$work/ihd.csv"
check 'to the PMA' rehearsal_to_pma "$work/bundle.pem" "$work/roster.csv" dcc
acb_only='.method = "dcc" | .compromised = [bad("acb-ka"; "acb-ka")] | .replacements = [new("acb-ka"; "acb-ka-new")] | .device_types = ["ESME", "GSME", "PPMID"]'
grep -e '^device,' -e ,PPMID, "$work/roster.csv" >"$work/alone.csv"
check 'a list of PPMIDs alone' ctl --quiet roster add "$incident" "$work/alone.csv"
refuse 'PPMIDs alone' device.ppmid-wider story_spoilt "$acb_only | .device_types = [\"PPMID\"]"
check 'the whole list again' ctl --quiet roster add "$incident" "$work/roster.csv"
refuse 'a PPMID in the name of a supplier' request.initiator story_spoilt "$acb_only | .initiator = \"subscriber\""
refuse 'Type 2 devices' device.type2 story_spoilt "$acb_only | .device_types += [\"CAD\"]"
refuse 'a PPMID in the name of a network operator' request.initiator story_spoilt "$acb_only | .initiator = \"subscriber\" | .subscriber = \"90B3D51F30030001\""
refuse 'a network cell along with it' compromised.method story_spoilt "$acb_only | .compromised += [bad(\"network-ds\"; \"acb-ka\")] | .replacements += [new(\"network-ds\"; \"acb-ka-new\")]"
check 'certificates of the change of supplier' ctl --quiet certificates add "$incident" "$work/tcos.pem"
refuse 'a cell of the change of supplier on a PPMID' device.ppmid-key story_spoilt '.method = "dcc" | .device_types = ["ESME", "GSME", "PPMID"]
    | .compromised = [bad("tcos-ds"; "tcos-ds")] | .replacements = [new("tcos-ds"; "tcos-ds-new")]'
check 'the right certificates again' ctl --quiet certificates add "$incident" "$work/bundle.pem"
refuse 'a supplier cell along with it' compromised.method story_spoilt "$acb_only | .compromised += [bad(\"supplier-ds\"; \"acb-ka\")] | .replacements += [new(\"supplier-ds\"; \"acb-ka-new\")]"
decided() {
    story_decide yes supplier "$acb_only" >"$work/submitted" 2>&1
}
check 'decided' decided
foretold() {
    grep 'PPMID: 1 will get none by row.status; the first: row [0-9]*: the device was ' "$work/submitted"
}
check 'which device will get no command, and why, is said beforehand' foretold
signed() {
    story_activate yes && story_batch && story_exchange meters && event deactivate-key --evidence 'the custodians left'
}
check 'signed, answered' signed
check 'every device but one has the new key, PPMIDs among them' json_is "$work/verdict.json" '.commands == 23 and .accepted == 23'
check 'the PPMIDs answered with success' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json figures '$incident' |
    jq -e '.by_type.PPMID.success == $((ppmids - 1))'"
check 'the exit status of its batch says that a row is left' story_rows_left "$batch"
told() {
    ctl incident show "$incident" | grep 'not signed: 1 by row.status; the first: row [0-9]*: the device was '
}
check 'the story says why' told
refused 'the PPMID that was not commissioned' row.status audited 'map(select(.kind == "ROWS_FAILED") | .data) | map(select(.rule == "row.status" and .count == 1)) | length == 1'
refuse 'executed while one row waits unexcused' incident.rows-pending event executed --evidence 'all but one'
check 'it is excused, by name' story_excuse 'not commissioned yet'
check 'executed, the one is excused' event executed --evidence 'all but one, which is excused'
check 'closed' event close
story_tell "$first" "$incident"
story_end
