#!/bin/sh
# SPDX-License-Identifier: MIT
# The Root OCA key is compromised: the Contingency key places a new root by mode 9. The Symmetric Key goes out in
# clear with the first command, so there is a point of no return, and two people pass it.
# shellcheck disable=SC2016,SC2119 # $d in single quotes is jq's; services that take settings, or none
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=20
if [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP a second operator needs root'
    exit 0
fi
check 'token, certificates' story_setup
openssl rand -out "$work/symmetric" 16
openssl rand -out "$work/symmetric-next" 16
hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
openssl ecparam -name prime256v1 -genkey -noout -out "$work/next.key" 2>/dev/null
openssl pkey -in "$work/next.key" -pubout -out "$work/next.pub"
check 'the root carries the wrapped contingency key' stage_pki root --dir "$pki" --contingency-pub "$pki/contingency.pub" \
    --symmetric-key "$(hex "$work/symmetric")"
check 'a new root carries a new one' stage_pki root --dir "$pki" --out "$pki/next-root.pem" --key "$pki/next-root.key" \
    --contingency-pub "$work/next.pub" --symmetric-key "$(hex "$work/symmetric-next")"
check 'a new root that carries none' stage_pki root --dir "$pki" --out "$pki/bare-root.pem" --key "$pki/bare-root.key"
sed -i '/^\[Role "operator"\]/,/^Users=/s/^Users=.*/& 65534/' "$work/recovery.conf"
stage_login second 'Operator Two' 65534 >>"$work/recovery.conf.d/people.conf"
chmod 755 "$work" "$work/run"
install -m 755 "$tools/daemon/smki-recoveryctl" "$work/run/ctl"
second() {
    setpriv --reuid 65534 --regid 0 --clear-groups "$work/run/ctl" --socket "$socket" "$@"
}
check 'meters' stage_meters meters $devices supplier --mix ESME:1,GSME:1,PPMID:1
check 'the service answers' service_start
story_ready contingency
uses_before=$(uses recovery)

check 'the DCC reports the Root OCA key' story_open --route contingency --initiator dcc --notice 'DCC, in person' 'Root OCA key exposed'
check 'confirmed' event confirm --evidence 'two people, in person' --facts notifier_authenticated
check 'devices' ctl --quiet roster add "$incident" "$work/meters/roster.csv"
cat "$pki/root.pem" "$pki/bare-root.pem" >"$work/bare.pem"
cat "$pki/root.pem" "$pki/next-root.pem" >"$work/bundle.pem"
check 'certificates' ctl --quiet certificates add "$incident" "$work/bare.pem"
check 'to the PMA' event refer-to-pma --evidence 'Other Compromise Notification File 1'
mode9='.method = "contingency" | .mode = "anyByContingency" | .key = "contingency" | .key_certificate = $d["contingency"] | .initiator = "dcc"
    | .subscriber = "90B3D51F30010009" | .device_types = ["ESME", "GSME", "PPMID"] | .compromised = [bad("root"; "root")]
    | .replacements = [new("root"; "next-root")] | .symmetric_key_sha256 = "'$(sha256sum <"$work/symmetric" | cut -d ' ' -f 1)'"'
refuse 'a new root without a new wrapped key' replacement.root-wrapped story_spoilt "$mode9 | .replacements[0].certificate = \$d[\"bare-root\"]"
check 'the right certificates' ctl --quiet certificates add "$incident" "$work/bundle.pem"
refuse 'a decision that does not release the Symmetric Key' contingency.symmetric-key story_spoilt "$mode9 | del(.symmetric_key_sha256)"
refuse 'the Recovery key in mode 9' key.role story_spoilt "$mode9 | .key = \"recovery\" | .key_certificate = \$d[\"recovery-ds\"]"
check 'the PMA authorises the contingency' story_decide yes supplier "$mode9"
refuse 'the Symmetric Key before the custodians came' contingency.release ctl symmetric-key add "$incident" "$work/symmetric"
check 'the custodians switch the Contingency key on' story_activate yes
refuse 'another Symmetric Key' contingency.symmetric-key ctl symmetric-key add "$incident" "$work/symmetric-next"
check 'the Symmetric Key is released' ctl --quiet symmetric-key add "$incident" "$work/symmetric"
batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id)
check 'nothing is signed yet: a second person is awaited' in_state KEY_ACTIVE
refuse 'one person alone past the point of no return' batch.second-person ctl --yes batch confirm "$batch"
refuse 'another batch while one waits for its second person' batch.one-at-a-time ctl --yes batch start "$incident" "$decision"
check 'the second person confirms' second --yes --quiet batch confirm "$batch"
check 'signed' ctl --quiet batch watch "$batch"
check 'the point of no return is on record' audited 'map(select(.data.event == "execute")) | .[0].data.evidence["point-of-no-return"] | length > 0'
check 'devices take the new root and answer' story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'the incident is withdrawn, too late' event withdraw --evidence 'perhaps it was nothing'
refuse 'a false alarm after the Symmetric Key went out' incident.contingency-used event confirm-withdrawal --evidence 'perhaps' --facts withdrawer_authenticated
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'executed: the contingency is consumed' event executed --evidence 'all answered'
check 'it is CONTINGENCY_CONSUMED' in_state CONTINGENCY_CONSUMED
refuse 'closing without a new contingency' incident.no-transition event close
refuse 'a new contingency in words of the operator' incident.by-document event establish-contingency --as custodians --evidence 'made'
party_activation fresh yes
check 'the custodians have made new keys in a ceremony' story_sign fresh custodian-1 custodian-2
check 'and say so' ctl --quiet decision submit "$incident" "$work/fresh.cms"
check 'it is NEW_CONTINGENCY_ESTABLISHED' in_state NEW_CONTINGENCY_ESTABLISHED
check 'recovered' event recovered --evidence 'Other Recovery Progress File 1'
check 'the old root is revoked' event revoked --evidence 'list 48'
check 'closed' event close
check 'the Recovery key was not used' uses_are "$uses_before"
story_tell "$incident"

echo '# The PMA names what does not open the root'
other_root() { # other_root NAME: an incident about devices of that name, in the hands of the PMA
    stage_meters "$1" 2 supplier --first "$2" &&
        story_open --route contingency --initiator dcc --notice 'DCC, in person' "Root OCA key exposed: $1" &&
        event confirm --evidence 'two people, in person' --facts notifier_authenticated &&
        ctl --quiet roster add "$incident" "$work/$1/roster.csv" && ctl --quiet certificates add "$incident" "$work/bundle.pem" &&
        event refer-to-pma --evidence 'Other Compromise Notification File 2'
}
types='.device_types = ["ESME", "GSME"]'
begun() { # begun NAME SYMMETRIC FILTER: decided, released, asked for, confirmed by the second person
    story_decide "$1" supplier "$mode9 | $types | .symmetric_key_sha256 = \"$(sha256sum <"$2" | cut -d ' ' -f 1)\" | $3" && story_activate "$1" &&
        ctl --quiet symmetric-key add "$incident" "$2" &&
        batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && second --yes --quiet batch confirm "$batch"
}
stopped_for() { # stopped_for RULE
    audited "any(.kind == \"BATCH_STOPPED\" and .data.batch == $batch and .data.rule == \"$1\")"
}
other_key() { # another key pair in the place of the Contingency key
    service_stop
    sed -i '/^\[Key "contingency"\]/,/^Authority=/{s/^Id=.*/Id=22/;s/^Label=.*/Label=contingency-2/;s|^Certificate=.*|Certificate='"$pki"'/contingency-2.pem|}' \
        "$work/recovery.conf"
    "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --key contingency --out "$work/contingency-2.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/contingency-2.pem" --pubkey "$work/contingency-2.pub" --role 7F \
            --eui 90B3D51F30010009 --usage ds --cn contingency-2 && service_start && story_ready contingency
}
check 'another key in the place of the spent one' other_key
check 'another incident' other_root another 00DB123400100000
check 'decided with a Symmetric Key of something else, and begun' begun another "$work/symmetric-next" '.key_certificate = $d["contingency-2"]'
refused 'a Symmetric Key that does not open the root' contingency.wrapped eventually stopped_for contingency.wrapped

echo '# The Contingency key alone: a root that follows its predecessor'
link() { # the new root, certified by the present one
    openssl x509 -in "$pki/next-root.pem" -CA "$pki/root.pem" -CAkey "$pki/root.key" -set_serial 4711 -preserve_dates -sha256 \
        -out "$pki/link.pem" && cat "$pki/root.pem" "$pki/next-root.pem" "$pki/link.pem" >"$work/bundle.pem"
}
check 'a link between the roots' link
check 'the DCC reports the Contingency key' story_open --route contingency-key --initiator dcc --notice 'DCC, in person' 'Contingency key exposed'
check 'confirmed' event confirm --evidence 'two people, in person' --facts notifier_authenticated
check 'devices' stage_meters fourth 2 supplier --first 00DB123400300000
check 'their list' ctl --quiet roster add "$incident" "$work/fourth/roster.csv"
check 'certificates' ctl --quiet certificates add "$incident" "$work/bundle.pem"
check 'to the PMA' event refer-to-pma --evidence 'Other Compromise Notification File 3'
check 'the PMA authorises a new root' story_decide root supplier '.method = "contingency-key" | .initiator = "dcc"
    | .subscriber = "90B3D51F30010009" | .compromised = [bad("root"; "root")] | .replacements = [new("root"; "next-root")]'
check 'custodians are called' event call-custodians --evidence 'three called'
party_activation root-key root
check 'and sign' story_sign root-key custodian-1 custodian-2
refuse 'new keys in a ceremony, and nobody has said that the root wraps them' incident.new-contingency ctl decision submit "$incident" "$work/root-key.cms"

echo '# The new root is the present one, and another key is configured than it wraps'
new_root() {
    service_stop
    sed -i "s|^Root=.*|Root=$pki/next-root.pem|" "$work/recovery.conf" && service_start && story_ready contingency
}
check 'the new root' new_root
check 'a root after it' stage_pki root --dir "$pki" --out "$pki/last-root.pem" --key "$pki/last-root.key" \
    --contingency-pub "$work/next.pub" --symmetric-key "$(hex "$work/symmetric")"
cat "$pki/next-root.pem" "$pki/last-root.pem" >"$work/bundle.pem"
check 'one more incident' other_root third 00DB123400200000
check 'decided about that key, and begun' begun third "$work/symmetric-next" '.key_certificate = $d["contingency-2"]
    | .compromised = [bad("root"; "next-root")] | .replacements = [new("root"; "last-root")]'
refused 'a Contingency key that the root does not wrap' contingency.key eventually stopped_for contingency.key
story_end
