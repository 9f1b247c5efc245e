#!/bin/sh
# SPDX-License-Identifier: MIT
# What was notified, and what is decided: a list with more devices, other cells or another method than the signed
# notification file needs an amendment, which is a further signed file that names it, and which somebody confirms.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=8
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
roster=$work/meters/roster.csv
last=$(party_device meters $devices)

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
check 'certificates' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
sed '$d' "$roster" >"$work/seven.csv"
party_notify N1 supplier "$stage_supplier" "$work/seven.csv" 2 yes
# Of the first device the top-up key was not in doubt.
sed -i "/^$(party_device meters 1),/s/+supplier-pp,/,/" "$work/N1.csv"
check 'seven devices are notified, for Method 2' story_file N1
listed() {
    ctl roster add "$incident" "$roster" >"$work/listed" 2>&1 && grep "1 devices are on the list and not notified; the first: $last" "$work/listed"
}
check 'the list has eight: that is said' listed
for step in ask-suspension:subscriber devices-suspended:dcc recovery-set:dcc revoked:dcc refer-to-pma:dcc; do
    check "${step%:*}" event "${step%:*}" --as "${step#*:}" --evidence 'the eight'
done
refuse 'a device that was not notified' decision.notified-devices story_spoilt .
reviewed() {
    story_decision early supplier . || return 1
    ctl decision review --ask "$work/early.json" >"$work/reviewed" 2>&1
    [ $? -eq 1 ] && grep 'would refuse it by rule decision.notified-devices: 1 devices' "$work/reviewed" &&
        grep '1 devices would get cells that are not notified; the first: ' "$work/reviewed"
}
check 'its authors are told so, and what else differs' reviewed
check 'a list of the seven' ctl --quiet roster add "$incident" "$work/seven.csv"
refuse 'a cell that was not notified' decision.notified-cells story_spoilt .
check 'the list of eight again' ctl --quiet roster add "$incident" "$roster"

echo '# The amendment'
refuse 'the word for it, and no file' file.amends event confirm-amendment --evidence 'called back'
party_notify N2 supplier "$stage_supplier" "$roster" 2 yes
refuse 'a second file that names nothing' file.amends story_file N2
sed -i "s/^subscriber,/amends,$incident-N0\n&/" "$work/N2.csv"
refuse 'a second file that amends another' file.amends story_file N2
sed -i "s/^amends,.*/amends,$incident-N1/" "$work/N2.csv"
check 'a file that amends the first' story_file N2
refuse 'the device as before, while nobody has confirmed it' decision.notified-devices story_spoilt .
check 'it is confirmed' event confirm-amendment --evidence 'called back over the number on file'
refuse 'it is confirmed twice' file.amends event confirm-amendment --evidence 'called back again'
refuse 'another method than notified' decision.notified-method story_spoilt .
party_notify N3 supplier "$stage_supplier" "$roster" 3 yes
sed -i "s/^subscriber,/amends,$incident-N2\n&/" "$work/N3.csv"
check 'the supplier has new keys after all: another amendment' story_file N3
check 'confirmed' event confirm-amendment --evidence 'called back over the number on file'
check 'decided, signed, answered' story_run yes supplier . meters
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
differences() { # the story has them, and what changed when
    ctl incident show "$incident" >"$work/shown" && grep 'Papers that differ from what was notified' "$work/shown" &&
        grep "1 on the list and not notified; the first: $last" "$work/shown" &&
        ctl --json incident show "$incident" | jq -e '[.files[].kind] == ["notification", "notification", "notification"]'
}
check 'the story tells of it' differences
check 'every meter holds its new certificate, as it says itself' story_hold meters supplier-ds supplier-ds-new $devices
story_tell "$incident"
story_end
