# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Steps that packaging/quickstart and the tests share: a throw-away token, certificates,
# meters and roster, documents and their signatures, an incident from its notice to its end.
# Read by '.' after stage.sh. $tools is the build directory; the last group of steps calls a
# function ctl, the caller's smki-recoveryctl with socket and user.

: "${tools:?}"
rehearsal_supplier=90B3D51F30020001
rehearsal_pki() {
    "$tools/test/pki/smki-test-pki" "$@"
}

# rehearsal_token DIR: SoftHSM's configuration, a token with fresh PINs; sets $serial.
rehearsal_token() {
    mkdir -p "$1/tokens"
    cat >"$1/softhsm2.conf" <<END
directories.tokendir = $1/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
library.reset_on_fork = true
END
    SOFTHSM2_CONF=$1/softhsm2.conf
    export SOFTHSM2_CONF
    openssl rand -hex 8 >"$1/pin"
    openssl rand -hex 8 >"$1/so-pin"
    softhsm2-util --init-token --free --label rehearsal \
        --pin "$(cat "$1/pin")" --so-pin "$(cat "$1/so-pin")"
    rehearsal_serial
}

# The serial number as the token itself tells it, into $serial.
rehearsal_serial() {
    serial=$(softhsm2-util --show-slots | awk '
        /Serial number:/ { serial = $3 }
        /Label:/ && $2 == "rehearsal" { print serial }')
    [ -n "$serial" ]
}

# rehearsal_certificates DIR PUBLIC.pem: everyone's certificates in DIR; PUBLIC.pem is what the
# ceremony gave out, the Recovery key's public half in it.
rehearsal_certificates() {
    rehearsal_pki init --dir "$1"
    sed -n '/^# recovery,/,/^-----END/p' "$2" >"$1/recovery.pub"
    rehearsal_pki issue --dir "$1" --out "$1/recovery-ds.pem" --pubkey "$1/recovery.pub" \
        --role 01 --eui 90B3D51F30010001 --usage ds --cn R1
    while read -r name role eui usage; do
        rehearsal_pki issue --dir "$1" --out "$1/$name.pem" --key "$1/$name.key" \
            --role "$role" --eui "$eui" --usage "$usage" --cn "$name"
    done <<END
supplier-ds-old 02 $rehearsal_supplier ds
supplier-ka-old 02 $rehearsal_supplier ka
supplier-pp-old 02 $rehearsal_supplier ka
supplier-ds-new 02 $rehearsal_supplier ds
supplier-ka-new 02 $rehearsal_supplier ka
supplier-pp-new 02 $rehearsal_supplier ka
network-ds 03 90B3D51F30030001 ds
network-ka 03 90B3D51F30030001 ka
acb-ds 04 90B3D51F30040001 ds
acb-ka 04 90B3D51F30040001 ka
tcos-ds 05 90B3D51F30050001 ds
wan-ds 06 90B3D51F30060001 ds
END
    cat "$1"/supplier-??-new.pem "$1"/supplier-??-old.pem >"$1/bundle.pem"
    # a drop-in of the configuration beside PKI
    mkdir -p "${1%/*}/recovery.conf.d"
    rehearsal_people "$1" >"${1%/*}/recovery.conf.d/people.conf"
}

# rehearsal_key CERTIFICATE: what Keys= of a [Person] says: SHA-256 of the octets in its public
# key's BIT STRING (of an EC key: its point).
rehearsal_key() {
    openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER -out "$1.spki" &&
        key_len=$(openssl asn1parse -inform DER -in "$1.spki" |
            sed -n 's/.* l= *\([0-9]*\) prim: BIT STRING.*/\1/p') &&
        tail -c $((key_len - 1)) "$1.spki" | sha256sum | cut -d ' ' -f 1
    rm -f "$1.spki"
}
# rehearsal_subject CERTIFICATE commonName|organizationName|organizationalUnitName
rehearsal_subject() {
    openssl x509 -in "$1" -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n "s/^ *$2 *= //p"
}

# rehearsal_person SECTION CERTIFICATE [LINE...]: the [Person] whose certificate it is.
rehearsal_person() {
    printf '[Person "%s"]\nName=%s\nOrganisation=%s\nKeys=%s\n' "$1" \
        "$(rehearsal_subject "$2" commonName)" "$(rehearsal_subject "$2" organizationName)" \
        "$(rehearsal_key "$2")"
    shift 2
    [ $# -eq 0 ] || printf '%s\n' "$@"
}
# rehearsal_login SECTION NAME UID...: a [Person] without key, who operates.
rehearsal_login() {
    printf '[Person "%s"]\nName=%s\nOrganisation=DCC\n' "$1" "$2"
    shift 2
    printf 'Users=%s\n' "$*"
}
# rehearsal_people PKI: everybody of a rehearsal; whoever runs it operates.
rehearsal_people() {
    for person in pma-1 pma-2 pma-3 pma-4 pma-5; do
        rehearsal_person $person "$1/$person.pem" \
            "Seats=$(rehearsal_subject "$1/$person.pem" organizationalUnitName)"
    done
    for person in org-1 org-2 custodian-1 custodian-2 custodian-3; do
        rehearsal_person $person "$1/$person.pem"
    done
    rehearsal_login operator 'Operator One' "$(id -u)"
}

# rehearsal_config DIR SOCKET: the configuration of a rehearsal in DIR by one person, on standard
# output. The signer runs as a child of the service.
rehearsal_config() {
    cat <<END
[Service]
Socket=$2
StateDirectory=$1/service
SignerProgram=$tools/pkcs11/smki-recovery-signer
Exercise=yes
TwoPersonSec=0
[Signer]
StateDirectory=$1/signer
[Counter]
Start=1000
END
    mkdir -p "$1/service" "$1/signer"
    rehearsal_anchors "$1/pki" "PinFile=$1/pin"
    for role in operator approver auditor; do
        printf '[Role "%s"]\nUsers=%s\n' "$role" "$(id -u)"
    done
}

# rehearsal_anchors PKI PIN: who is trusted and where the key is; PIN is a configuration line.
rehearsal_anchors() {
    cat <<END
[Trust]
Root=$1/root.pem
Issuing=$1/issuing.pem
[Token "rehearsal"]
Module=/usr/lib/softhsm/libsofthsm2.so
Label=rehearsal
Serial=$serial
$2
ProbeId=0F
Workers=$(nproc)
[Key "recovery"]
Token=rehearsal
Id=01
Certificate=$1/recovery-ds.pem
Authority=pma
[Authority "pma"]
Anchor=$1/pma-anchor.pem
Threshold=3
Members=5
RequiredSeats=chair
MaxWindowSec=604800
[Authority "custodians"]
Anchor=$1/custodian-anchor.pem
Threshold=2
Members=3
END
}

# rehearsal_meters DIR PKI N: N meters in DIR, half ESME, half GSME; the roster in DIR/roster.csv.
rehearsal_meters() {
    "$tools/test/meter/smki-meter" init --state "$1" --devices "$3" --keys \
        --cell root="$2/root.pem" --cell recovery-ds="$2/recovery-ds.pem" \
        --cell supplier-ds="$2/supplier-ds-old.pem" --cell supplier-ka="$2/supplier-ka-old.pem" \
        --cell supplier-pp="$2/supplier-pp-old.pem" --cell network-ds="$2/network-ds.pem" \
        --cell network-ka="$2/network-ka.pem" --cell acb-ds="$2/acb-ds.pem" \
        --cell acb-ka="$2/acb-ka.pem" --cell tcos-ds="$2/tcos-ds.pem" --cell wan-ds="$2/wan-ds.pem"
}

rehearsal_digest() {
    openssl x509 -in "$1" -outform DER | sha256sum | cut -d ' ' -f 1
}

# rehearsal_decision PKI DRAFT.json OUT.json: complete what `decision draft` left open: Method 3,
# the supplier's three cells, three of five members present.
rehearsal_decision() {
    jq --arg key "$(rehearsal_digest "$1/recovery-ds.pem")" --arg eui "$rehearsal_supplier" \
        --arg ds_old "$(rehearsal_digest "$1/supplier-ds-old.pem")" \
        --arg ka_old "$(rehearsal_digest "$1/supplier-ka-old.pem")" \
        --arg pp_old "$(rehearsal_digest "$1/supplier-pp-old.pem")" \
        --arg ds_new "$(rehearsal_digest "$1/supplier-ds-new.pem")" \
        --arg ka_new "$(rehearsal_digest "$1/supplier-ka-new.pem")" \
        --arg pp_new "$(rehearsal_digest "$1/supplier-pp-new.pem")" '
    def bad($cell; $certificate): {cell: $cell, certificate: $certificate, certainty: "actual", cause: "exposed"};
    def new($cell; $certificate): {cell: $cell, certificate: $certificate, key_origin: "separate"};
    . + {key: "recovery", key_certificate: $key, method: "M3", mode: "anyExceptAbnormalRootByRecovery",
      subscriber: $eui, subscriber_name: "Supplier Ltd", initiator: "subscriber",
      compromised: [bad("supplier-ds"; $ds_old), bad("supplier-ka"; $ka_old), bad("supplier-pp"; $pp_old)],
      replacements: [new("supplier-ds"; $ds_new), new("supplier-ka"; $ka_new), new("supplier-pp"; $pp_new)],
      device_types: ["ESME", "GSME"], attempts: 1, requester: "Officer One", conflicts: [],
      meeting: {reference: "Rehearsal 1", quorum: "three of five",
        members: [{holder: "Member One", seat: "chair", alternate: false},
          {holder: "Member Two", seat: "tabasc", alternate: false},
          {holder: "Member Three", seat: "specialist", alternate: false}],
        votes: {for: 3, against: 0, abstain: 0}},
      guidance: {version: "rehearsal",
        shall: [{id: "devices-affected", value: "all devices of the roster", weight: 60}],
        may: [{id: "method-1-feasible", value: "no: the key is in other hands", weight: 40}],
        weighting: "share of the whole", steps: ["factors weighed one by one", "vote"]},
      reasons: "A rehearsal of scenario 4: the supplier lost its keys to somebody else.",
      residual_risk: "None: nothing of this is real.", conditions: []}' "$2" >"$3"
}

# rehearsal_sign PKI DOCUMENT.json OUT.cms NAME...: one signature after the other, as people far
# apart would do it.
rehearsal_sign() {
    sign_pki=$1 sign_in=$2 sign_out=$3
    shift 3
    openssl cms -sign -binary -nodetach -md sha256 -in "$sign_in" -outform DER -out "$sign_out.part" \
        -signer "$sign_pki/$1.pem" -inkey "$sign_pki/$1.key"
    shift
    for name; do
        openssl cms -resign -binary -nodetach -md sha256 -inform DER -in "$sign_out.part" \
            -outform DER -out "$sign_out.next" -signer "$sign_pki/$name.pem" -inkey "$sign_pki/$name.key"
        mv "$sign_out.next" "$sign_out.part"
    done
    mv "$sign_out.part" "$sign_out"
}

# rehearsal_at OFFSET: that long from now ('+5 years', 'yesterday'), in UTC.
rehearsal_at() {
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}

rehearsal_state() {
    ctl --json incident show "$incident" | jq -r .state
}

rehearsal_event() {
    ctl incident event "$incident" "$@"
}

# rehearsal_to_pma BUNDLE.pem ROSTER.csv: from the supplier's notice until the PMA considers; sets
# $incident.
rehearsal_to_pma() {
    incident=$(ctl --json incident open --exercise --initiator subscriber \
        --subscriber "$rehearsal_supplier" --notice 'Officer One, by telephone and by signed e-mail' \
        'Supplier Ltd: signing, agreement and top-up keys exposed' | jq -r .id) &&
        [ -n "$incident" ] &&
        rehearsal_event confirm --evidence 'called back over the number on file' \
            --facts notifier_authenticated &&
        rehearsal_event receive-file --as subscriber --evidence 'Organisation Compromise Notification File 1' &&
        ctl --quiet certificates add "$incident" "$1" &&
        ctl --quiet roster add "$incident" "$2" &&
        rehearsal_event ask-suspension --as subscriber --evidence 'requested by Officer One' &&
        rehearsal_event devices-suspended --evidence 'every device of the roster' &&
        rehearsal_event recovery-set --evidence 'every device of the roster' &&
        rehearsal_event revoked --evidence 'revocation list 42' &&
        rehearsal_event refer-to-pma --evidence 'notice to every member'
}

# rehearsal_activation DECISION.json: the custodians' document for it, on standard output.
rehearsal_activation() {
    jq --arg digest "$(sha256sum <"$1" | cut -d ' ' -f 1)" '{schema, kind: "activation",
        id: ("activation-" + .id), incident, by: "custodians", outcome: "authorise", exercise,
        key, method, decision: $digest, ceremony: "Rehearsal 1: two of three present",
        valid_from, valid_to}' "$1"
}

# rehearsal_activate PKI DECISION.json DECISION.cms DIR: hand the decision in, call the custodians;
# two of three switch the key on. Sets $decision.
rehearsal_activate() {
    # shellcheck disable=SC2034 # for the caller
    decision=$(jq -r .id "$2") &&
        ctl decision submit "$incident" "$3" &&
        rehearsal_event call-custodians --evidence 'three called, two on their way' &&
        rehearsal_activation "$2" >"$4/activation.json" &&
        rehearsal_sign "$1" "$4/activation.json" "$4/activation.cms" custodian-1 custodian-2 &&
        stage_patient ctl decision submit "$incident" "$4/activation.cms"
}

# rehearsal_close: after the last answer.
rehearsal_close() {
    rehearsal_event deactivate-key --evidence 'the custodians left at noon' &&
        rehearsal_event executed --evidence 'every device answered; Recovery Progress File 1' &&
        rehearsal_event close
}
