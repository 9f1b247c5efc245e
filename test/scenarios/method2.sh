#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 4, Method 2: the Recovery key puts the ACB's certificates into the supplier's cells and is switched off;
# later the ACB's own key hands the devices back to the supplier's new certificates: commands of mode 2 with the
# ACB's signature and the ACB's MAC.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=30
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
roster=$work/meters/roster.csv
cat "$pki"/supplier-??-old.pem "$pki/acb-ds.pem" "$pki/acb-ka.pem" >"$work/acb.pem"

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed, no new ones yet'
check 'to the PMA' rehearsal_to_pma "$work/acb.pem" "$roster"
m2='.method = "M2" | .replacements = [new("supplier-ds"; "acb-ds"), new("supplier-ka"; "acb-ka"), new("supplier-pp"; "acb-ka")]'
cat "$pki"/supplier-??-old.pem "$pki/acb-ds.pem" "$pki/acb-ka.pem" "$pki/supplier-ds-new.pem" >"$work/mixed.pem"
check 'a bundle with one certificate too many' ctl --quiet certificates add "$incident" "$work/mixed.pem"
refuse "a supplier's certificate under Method 2" replacement.role story_spoilt "$m2 | .replacements[0].certificate = \$d[\"supplier-ds-new\"]"
check 'the right bundle' ctl --quiet certificates add "$incident" "$work/acb.pem"
refuse 'an agreement key in the place of a signing key' replacement.usage story_spoilt "$m2 | .replacements[0].certificate = \$d[\"acb-ka\"]"
check 'decided, signed, answered, Recovery key off' story_run m2 supplier "$m2" meters
m2_id=$decision
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
uses_after=$(uses recovery)
check 'every answer is in' event executed --evidence 'all answered'
check 'it is ACB_IN_PLACE' in_state ACB_IN_PLACE
refuse 'closing with ACB certificates in the supplier cells' incident.no-transition event close

check 'the new certificates of the supplier' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
refuse 'hand-back on the word of the supplier alone' decision.quorum story_instruct odd supplier . org-1
refuse 'hand-back by the Recovery key' key.authority story_instruct odd supplier '.key = "recovery" | .key_certificate = $d["recovery-ds"]' dcc-1
refuse 'hand-back as a recovery command' method.mode story_instruct odd supplier '.mode = "anyExceptAbnormalRootByRecovery"' dcc-1
refuse 'a batch of hand-back under the PMA decision' incident.may-not-sign ctl --yes batch start "$incident" "$m2_id"
check "the DCC's officer instructs" story_instruct back supplier . dcc-1
decision=$(jq -r .id "$work/back.json")
check 'signed by the ACB key' story_batch
check 'it is HANDBACK' in_state HANDBACK
refuse 'handed back before any device answered' incident.rows-pending event handed-back --evidence 'we think so'
check 'devices take them; a third cannot be reached' story_exchange meters --unreachable 30
refuse 'handed back while some hold the ACB certificate' incident.rows-pending event handed-back --evidence 'nearly all'
check 'the others are signed again' story_batch --rows unfinished
check 'devices take them and answer' story_exchange meters
check 'no more than were left' json_is "$work/verdict.json" ".commands < $devices and .accepted == .commands"
check 'every one is done' shows ".recovered == $devices"
one_of_mode_2() {
    command=$(find "$work/commands" -name '*.bin' | sort | head -n 1)
    "$source/packaging/verify-command.sh" "$command" "$pki/acb-ds.pem" | grep 'code 0102'
}
check 'a sample: code 0102, good by the ACB certificate, by stock openssl' one_of_mode_2
check 'the Recovery key slept meanwhile' uses_are "$uses_after"
check 'handed back' event handed-back --evidence 'Recovery Progress File 2'
check 'closed' event close
check 'a progress file of the service' ctl file progress "$incident" --id F-1 --organisation DCC --role officer --officer 'DCC Officer 1' --out "$work/progress.csv"
check 'which counts every device' grep -qx "total,success,$devices" "$work/progress.csv"
story_tell "$incident"

echo '# Devices whose agreement keys the list does not have; and a PMA that calls it off too late'
check 'other devices' stage_meters others 4 supplier --first 00DB123400100000
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "ka") gone = i }
    { line = ""; for (i = 1; i <= NF; i++) if (i != gone) line = line (line == "" ? "" : ",") $i; print line }' \
    "$work/others/roster.csv" >"$work/no-ka.csv"
check 'the supplier reports its keys once more' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' \
    'Supplier Ltd: the devices that were forgotten'
check 'to the PMA' rehearsal_to_pma "$work/acb.pem" "$work/no-ka.csv"
check 'decided, signed, answered, Recovery key off' story_run others supplier "$m2" others
called_off() { # NAME: the PMA refuses
    story_decision "$1" supplier ".outcome = \"refuse\" | .supersedes = \"$decision\"" && story_sign "$1" pma-1 pma-2 pma-3 &&
        ctl --quiet decision submit "$incident" "$work/$1.cms"
}
check 'the PMA refuses: it is halted' called_off halt
check 'it is HALTED' in_state HALTED
refuse "an end while the ACB's certificates are in place" incident.acb-in-place called_off ended
check 'executed all the same' event executed --evidence 'all answered'
cat "$work/acb.pem" "$pki"/supplier-??-new.pem >"$work/both.pem"
check 'the new certificates of the supplier, beside those that the decision named' ctl --quiet certificates add "$incident" "$work/both.pem"
check "the DCC's officer instructs" story_instruct again supplier . dcc-1
decision=$(jq -r .id "$work/again.json")
started() {
    ctl --yes batch start "$incident" "$decision" >"$work/started" 2>&1 && batch=$(awk '$1 == "id:" { print $2 }' "$work/started")
}
check 'the batch begins' started
check 'that no command will be made, and why, is said before any is' grep -q 'ESME: [0-9]* will get none by row.no-agreement-key' "$work/started"
no_mac() {
    ctl batch watch "$batch" >"$work/watched" 2>&1
    [ $? -eq 9 ] && grep -q 'rows were not signed by row.no-agreement-key; the first: row 0: ' "$work/watched" &&
        ctl incident show "$incident" | grep 'not signed: 4 by row.no-agreement-key; the first: row 0: '
}
refused "a command with the ACB's MAC for a device without agreement key" row.no-agreement-key no_mac
story_tell "$incident"
story_end
