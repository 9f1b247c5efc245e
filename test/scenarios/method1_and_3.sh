#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 1, variant: of 100 devices the supplier replaces 97 with its own key; Method 3 recovers the 3 that
# remain. Both numbers are told, and no device of the 97 is signed for.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=100 own=97 rest=3
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
# what the supplier puts there itself has certificates of its own
for usage in ds:ds ka:ka pp:ka; do
    check "a new certificate, ${usage%:*}" party_issue "own-${usage%:*}" 02 "$stage_supplier" "${usage#*:}"
done
check 'the service answers' service_start
story_ready recovery
uses_before=$(uses recovery)
roster=$work/meters/roster.csv

figures_are() {
    ctl --json figures "$incident" >"$work/figures.json" && cat "$work/figures.json" && json_is "$work/figures.json" "$1"
}
check 'the supplier suspects its signing key' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One, by telephone' 'Supplier Ltd: signing key perhaps exposed'
check 'confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
check 'certificates' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
check 'devices' ctl --quiet roster add "$incident" "$roster"
party_notify N1 supplier "$stage_supplier" "$roster" 1 no
check 'the notification file' story_file N1
check 'Method 1' event elect-method-1 --as subscriber --evidence 'method 1 in the file'
check 'the PMA is informed' event inform-pma --evidence 'letter 7'
replaced() {
    # shellcheck disable=SC2046 # a list of devices
    "$tools/test/meter/smki-meter" change --state "$work/meters" --mode 2 --responses "$work/own.hex" \
        --cell supplier-ds="$pki/own-ds.pem" --cell supplier-ka="$pki/own-ka.pem" \
        --cell supplier-pp="$pki/own-pp.pem" $(sed -n "2,$((own + 1))s/,.*//p" "$roster")
}
check "the supplier replaces $own by its own key" replaced
party_progress P1 supplier "$stage_supplier" "$roster" $own
sed -i "s/$(party_serial supplier-ds-new),success/$(party_serial own-ds),success/" "$work/P1.csv"
check 'and says so in a progress file' story_file P1
check "$own are done, $rest pending" figures_are ".by_key == {own: $own} and .pending == $rest"
check 'nothing was done to their status' figures_are ".smi_status == {commissioned: $devices}"

check 'the supplier gives up on the others' event ask-suspension --as subscriber --evidence 'recovery of the others'
for done_event in devices-suspended recovery-set revoked refer-to-pma; do
    check "$done_event" event $done_event --evidence 'the three that remain'
done
refuse 'a decision that names those that are done' incident.already-replaced story_spoilt .
awk -v own=$own 'NR == 1 || NR > own + 1' "$roster" >"$work/rest.csv"
check 'the list of those that remain' ctl --quiet roster add "$incident" "$work/rest.csv"
check 'the PMA authorises Method 3 for them' story_decide rest supplier .
check 'the custodians switch the key on' story_activate rest
check 'signed' story_batch
check 'devices take them and answer' story_exchange meters
check "$rest commands, not one more" json_is "$work/verdict.json" ".commands == $rest and .accepted == $rest"
check 'key off' event deactivate-key --evidence 'the custodians left'
check "$own by own key, $rest by the Recovery key" figures_are \
    ".by_key == {own: $own, recovery: $rest} and .pending == 0 and .commands_signed == $rest"
told_so() {
    ctl incident show "$incident" | grep -qF "devices replaced: $devices: $own by own key, $rest by Recovery key"
}
check 'the story says so' told_so
check 'for programs, too' shows ".by_key == {own: $own, recovery: $rest}"
progress() {
    ctl --quiet file progress "$incident" --id "$incident-S1" --organisation DCC --role operator --officer 'DCC Officer' \
        --out "$work/own.csv" && grep -qx "by-key,own,$own" "$work/own.csv" && grep -qx "by-key,recovery,$rest" "$work/own.csv"
}
check 'and so does the progress file' progress
check 'executed' event executed --evidence 'three answers'
check 'they are recovered' figures_are ".smi_status == {recovered: $rest}"
check 'closed' event close
check 'and commissioned' figures_are ".smi_status == {commissioned: $rest}"
if [ "${SMKI_RESTART:-no}" = no ]; then
    check 'the key was used for no other device' uses_are $((uses_before + rest))
fi
meters_hold() { # by own key, by the Recovery key
    rehearsal_digests && "$tools/test/meter/smki-meter" cells --state "$work/meters" |
        jq -es --slurpfile d "$work/digests.json" --argjson own $own --argjson rest $rest 'def holds(name): map(select([.cells
            | ["ds", "ka", "pp"][] as $u | .["supplier-" + $u].certificate == $d[0][$u | name]] | all)) | length;
            [holds("own-" + .), holds("supplier-" + . + "-new")] == [$own, $rest]'
}
check "the meters say the same: $own, $rest, and none is left" meters_hold
story_tell "$incident"
story_end
