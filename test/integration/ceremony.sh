#!/bin/sh
# SPDX-License-Identifier: MIT
# The life of a key and of its custodians: made and certified, backed up and split, destroyed,
# restored into a fresh token, used; custodians come and go: ceremony.sh BUILD SOURCE. TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"

sticks=$scene/sticks records=$scene/records
mkdir "$records"

ceremony() { # ceremony VERB [OPTION...]
    ceremony_verb=$1
    shift
    set -- "$@" --config "$scene/recovery.conf"
    [ "$ceremony_verb" = show ] || set -- "$@" --records "$records"
    "$tools/pkcs11/smki-recovery-ceremony" "$ceremony_verb" "$@"
}
# refused RULE COMMAND...: and says which rule.
refused() {
    refused_rule=$1
    shift
    if "$@" >"$scene/said" 2>&1; then
        echo 'it was not refused'
        return 1
    fi
    cat "$scene/said"
    grep -qF -e "$refused_rule" "$scene/said"
}
# The newest record of a ceremony of that kind.
record_of() {
    find "$records" -name "ceremony-*-$1-*.json" | sort | tail -n 1
}
# The record's signature, by stock tools and the audit key that generate gave out.
record_is_signed() {
    signed_record=$(record_of "$1")
    jq -jcS 'del(.signature)' "$signed_record" >"$scene/text" &&
        jq -r .signature "$signed_record" | base64 -d >"$scene/signature" &&
        openssl dgst -sha256 -verify "$2" -signature "$scene/signature" "$scene/text"
}
audit_key() { # audit_key PUBLIC.pem >KEY.pem
    awk '/^# audit key/ { on = 1; next } on { print } /END PUBLIC KEY/ { on = 0 }' "$1"
}

# --- generate, and the request ---

stage_keys() {
    ceremony generate --audit --out "$scene/audit.pem" &&
        ceremony generate --probe --out "$scene/probe.pem" &&
        ceremony generate --key recovery --extractable --csr "$scene" --role 01 --eui 90B3D51F30010001 --cn R1 \
            --out "$scene/public.pem"
}
must stage_make 10
audit_key "$scene/audit.pem" >"$scene/audit-key.pem"

# people NAME PARTY...: the custodians, each with a folder of its own.
people() {
    while [ $# -gt 0 ]; do
        mkdir -p "$sticks/$1"
        printf '[Person "%s"]\nName=%s\nOrganisation=%s\n' "$1" "Holder $1" "$2"
        shift 2
    done
}
people ann 'Alpha Energy' ben 'Beta Networks' cat 'Gamma Gas' dan 'Delta Power' eve 'Epsilon Data' \
    fay 'ALPHA  energy' gus 'Zeta Supply' >"$scene/recovery.conf.d/custodians.conf"

csr() {
    openssl req -in "$scene/recovery.csr" -noout -verify -subject -nameopt RFC2253 >"$scene/csr" 2>&1
    cat "$scene/csr"
    grep -q 'verify OK' "$scene/csr" && grep -q 'CN=R1' "$scene/csr" && grep -q 'OU=01' "$scene/csr" &&
        openssl req -in "$scene/recovery.csr" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum >"$scene/a" &&
        openssl pkey -pubin -in "$pki/recovery.pub" -outform DER | sha256sum >"$scene/b" && cmp "$scene/a" "$scene/b"
}
t 'the request is signed by its own key and names it as certificates do' csr
again() {
    ceremony csr --key recovery --out "$scene/again.csr" &&
        openssl req -in "$scene/again.csr" -noout -verify -subject -nameopt RFC2253 >"$scene/csr" 2>&1 &&
        openssl x509 -in "$pki/recovery-ds.pem" -noout -subject -nameopt RFC2253 >"$scene/subject" &&
        grep -qF "$(cat "$scene/subject")" "$scene/csr"
}
t 'a later request has the subject of the certificate' again
t 'a request that nobody is named in is refused' refused ceremony.request \
    ceremony csr --key recovery --cn X --out "$scene/none.csr"
t 'a ceremony leaves a record, signed by the audit key' record_is_signed generate "$scene/audit-key.pem"
open_key() {
    ceremony show >"$scene/shown" && cat "$scene/shown" && grep -q '^key recovery .* NOT USABLE' "$scene/shown"
}
t 'an extractable key is fit for no signer' open_key

# --- backup, split 3 of 5 ---

five="--custodian ann=$sticks/ann --custodian ben=$sticks/ben --custodian cat=$sticks/cat
    --custodian dan=$sticks/dan --custodian eve=$sticks/eve"
# backup FILE M CUSTODIAN...
backup() {
    backup_file=$1 backup_m=$2
    shift 2
    # shellcheck disable=SC2086 # options
    ceremony backup --key recovery --out "$backup_file" --threshold "$backup_m" "$@" --present operator
}
nothing_given() {
    [ -z "$(find "$sticks" -name 'share-*')" ] && [ ! -e "$scene/backup.json" ]
}
t 'two shares for one Party, spelt otherwise, are refused' refused share.party backup "$scene/backup.json" 2 \
    --custodian ann="$sticks/ann" --custodian fay="$sticks/fay" --custodian ben="$sticks/ben"
# shellcheck disable=SC2086 # options
t 'one share that suffices is refused' refused share.quorum backup "$scene/backup.json" 1 $five
t 'a custodian whom nobody knows is refused' refused ceremony.people backup "$scene/backup.json" 2 \
    --custodian ann="$sticks/ann" --custodian zoe="$sticks/ann"
t 'then nothing was given out' nothing_given
t 'a folder that is not there: again nothing' refused token.state backup "$scene/backup.json" 2 \
    --custodian ann="$sticks/ann" --custodian ben="$scene/none"
t 'and nothing was given out' nothing_given
# shellcheck disable=SC2086 # options
t 'backup: 3 of 5' backup "$scene/backup.json" 3 $five
share() { # share PERSON [VERSION]
    find "$sticks/$1" -name "share-*-${2:-1}-*.json"
}
private() {
    for who in ann ben cat dan eve; do
        same "$(stat -c %a "$(share $who)")" 600 || return 1
    done
}
t 'each share lies in a file for its holder alone' private
usable() {
    ceremony show >"$scene/shown" && cat "$scene/shown" &&
        grep -q '^key recovery .* for signing, public key sha256' "$scene/shown"
}
t 'the key is closed, and fit for a signer' usable
t 'it leaves the token once' refused token.key-attributes backup "$scene/second.json" 2 \
    --custodian ann="$sticks/ann" --custodian ben="$sticks/ben"
t 'the record is signed' record_is_signed backup "$scene/audit-key.pem"
no_secret() {
    for who in ann ben cat dan eve; do
        ! grep -qF "$(jq -r .share "$(share $who)")" "$scene/backup.json" "$(record_of backup)" || return 1
    done
}
t 'and holds no share' no_secret

# --- the shares are tried ---

# shown VERB WHO...: with their shares, by the backup at hand.
shown() {
    shown_verb=$1
    shift
    shown_shares=
    for who; do
        shown_shares="$shown_shares --share $(share "${who%:*}" "${who#*:}")"
    done
    # shellcheck disable=SC2086 # options
    ceremony "$shown_verb" --backup "${shown_backup:-$scene/backup.json}" $shown_shares ${shown_more:-}
}
t 'three shares open the backup' shown prove ann:1 cat:1 eve:1
by_hand() {
    ceremony prove --backup "$scene/backup.json" --share "$(share ann)" --share "$(share ben)" --share - <"$(share cat)"
}
t 'a share may come from standard input' by_hand
t 'two do not' refused share.few shown prove ann:1 cat:1
t 'one twice is one' refused share.party shown prove ann:1 ann:1 cat:1
tampered() {
    mkdir -p "$sticks/bad"
    jq '.share |= (.[0:62] + (if .[62:64] == "00" then "01" else "00" end))' "$(share eve)" >"$sticks/bad/share-x-1-x.json"
    refused share.commitment shown prove ann:1 cat:1 bad:1
}
t 'an altered one is refused' tampered
renamed() {
    jq '.party = "Another"' "$(share eve)" >"$sticks/bad/share-x-1-x.json"
    refused share.commitment shown prove ann:1 cat:1 bad:1
}
t 'so is one with another Party in it' renamed
garbage() {
    jq 'del(.salt)' "$(share eve)" >"$sticks/bad/share-x-1-x.json"
    refused share.form shown prove ann:1 cat:1 bad:1
}
t 'and one that is none' garbage
other_backup() {
    jq '.set.id = "00000000000000000000000000000000"' "$scene/backup.json" >"$scene/other.json"
    shown_backup=$scene/other.json
    refused share.set shown prove ann:1 cat:1 eve:1
    other_status=$?
    jq '.wrapped = 1' "$scene/backup.json" >"$scene/other.json"
    refused ceremony.backup shown prove ann:1 cat:1 eve:1 && [ $other_status -eq 0 ]
    other_status=$?
    shown_backup=
    return $other_status
}
t 'shares of another set, a backup that is none' other_backup
other_secret() {
    jq '.set.secret = ("0" * 64)' "$scene/backup.json" >"$scene/other.json"
    shown_backup=$scene/other.json
    refused share.secret shown prove ann:1 cat:1 eve:1
    other_status=$?
    shown_backup=
    return $other_status
}
t 'what they give is held against the secret, too' other_secret

# --- destroyed ---

public_digest() {
    sed -n 's/^key recovery .* public key sha256 //p' "$scene/shown"
}
must usable
t 'nothing is destroyed without saying which' refused '--public SHA256' ceremony destroy --key recovery
liar() { # a module that says it and does not do it
    scene_set 'Token "rehearsal"' "Module=$tools/test/fake/p11_shim.so"
    P11_SHIM_MODULE=/usr/lib/softhsm/libsofthsm2.so P11_SHIM_PLAN=C_DestroyObject:1+=spoil \
        refused ceremony.destroyed ceremony destroy --key recovery --public "$(public_digest)"
    liar_status=$?
    scene_set 'Token "rehearsal"' Module=/usr/lib/softhsm/libsofthsm2.so
    return $liar_status
}
t 'a token that says so and shows it still is found out' liar
t 'destroy' ceremony destroy --key recovery --public "$(public_digest)" --present operator
gone() {
    ceremony show >"$scene/shown" && cat "$scene/shown" && grep -q '^key recovery .*token.key-missing' "$scene/shown" &&
        ! grep -q '^object private key, label "recovery"' "$scene/shown"
}
t 'it is gone' gone
t 'the record is signed, and says how that was seen' record_is_signed destroy "$scene/audit-key.pem"

# --- a fresh token ---

fresh() {
    softhsm2-util --init-token --free --label fresh --pin "$(cat "$work/pin")" --so-pin "$(cat "$work/so-pin")" &&
        serial=$(softhsm2-util --show-slots | awk '/Serial number:/ { serial = $3 } /Label:/ && $2 == "fresh" { print serial }') &&
        cp "$scene/recovery.conf" "$scene/old.conf" &&
        scene_set 'Token "rehearsal"' Label=fresh && scene_set 'Token "rehearsal"' "Serial=$serial" &&
        ceremony generate --audit --out "$scene/audit2.pem" && ceremony generate --probe
}
must fresh
audit_key "$scene/audit2.pem" >"$scene/audit-key2.pem"
t 'a fresh token knows no counters: that is said, not guessed' refused ceremony.mark shown restore ann:1 ben:1 dan:1
shown_more='--raise-to 500000'
wrong_certificate() {
    scene_set 'Key "recovery"' "Certificate=$pki/supplier-ds-new.pem"
    refused ceremony.proof shown restore ann:1 ben:1 dan:1
    wrong_status=$?
    scene_set 'Key "recovery"' "Certificate=$pki/recovery-ds.pem"
    return $wrong_status
}
t 'a certificate of another key: nothing is restored' wrong_certificate
t 'two shares: nothing is restored' refused share.few shown restore ann:1 ben:1
t 'and nothing is in the token' gone
t 'three shares restore it, proved under the certificate that the devices hold' shown restore ann:1 ben:1 dan:1
t 'it is fit for a signer' usable
t 'the mark is above all that may have been used' grep -q '^mark 90B3D51F30010001 500000' "$scene/shown"
t 'a second time is refused' refused token.key-exists shown restore ann:1 ben:1 dan:1
shown_more=
t 'the record is signed by the audit key of this token' record_is_signed restore "$scene/audit-key2.pem"

# --- a key for key agreement signs nothing, and proves itself otherwise ---

must cp "$scene/recovery.conf" "$scene/signing.conf"
must mkdir "$scene/ka-records"
records=$scene/ka-records
cat >>"$scene/recovery.conf" <<END
[Key "acb-ka"]
Token=rehearsal
Id=02
Certificate=$pki/acb-ka-token.pem
Authority=pma
END
no_request() {
    ceremony generate --key acb-ka --extractable --csr "$scene" --out "$scene/ka.pem" >"$scene/said" 2>&1
    no_status=$?
    cat "$scene/said"
    [ $no_status -eq 0 ] && grep -q 'signs nothing' "$scene/said" && openssl pkey -pubin -in "$scene/acb-ka.csr" -noout
}
t 'it makes no request: its public key is given out, and why' no_request
must stage_pki issue --dir "$pki" --out "$pki/acb-ka-token.pem" --pubkey "$scene/acb-ka.csr" \
    --role 04 --eui 90B3D51F30040001 --usage ka --cn acb
ka_life() {
    mkdir -p "$sticks/ka-ann" "$sticks/ka-ben" &&
        ceremony backup --key acb-ka --out "$scene/ka.json" --threshold 2 --custodian ann="$sticks/ka-ann" --custodian ben="$sticks/ka-ben" &&
        ceremony destroy --key acb-ka --public "$(ceremony show | sed -n 's/^key acb-ka .* public key sha256 //p')" &&
        ceremony restore --backup "$scene/ka.json" --share "$(share ka-ann)" --share "$(share ka-ben)" &&
        ceremony show | grep '^key acb-ka .* for agreement, public key sha256'
}
t 'backed up, destroyed, restored: it agrees under its certificate' ka_life
must mv "$scene/signing.conf" "$scene/recovery.conf"
records=$scene/records

alarm_of() {
    field /v1/status '.alarms[].alarm' | grep -qx "$1"
}

# --- the service takes the records in, and signs with the key ---

# The database is as new as the token: that the mark is above all counters in use is said by two
# people there, too.
second=3106
as_second() {
    setpriv --reuid $second --regid "$(id -g)" --clear-groups --no-new-privs -- \
        "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null || ! as_second --version >"$scene/log" 2>&1; then
    skip 'the service signs with the restored key' 'needs root and setpriv'
    plan
    exit
fi
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login second 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
chmod 711 "$scene"
must scene_set 'Service' CeremonyAlarmDays=30
must service_start
t 'a token ahead of the ledger is told' eventually alarm_of ledger.rolled-back
t 'one operator names the ceremony' ctl --yes counter raise 90B3D51F30010001 500000 --ceremony "$(record_of restore)"
t 'another agrees' as_second --yes counter confirm 90B3D51F30010001
must eventually signers_ready
# add KIND: the newest record of that kind
add() {
    ctl ceremony add "$(record_of "$1")"
}
forged() {
    jq -c '.result = "restored by nobody"' "$(record_of restore)" >"$scene/forged.json"
    refused ceremony.signature ctl ceremony add "$scene/forged.json"
}
t 'a record that somebody changed is refused' forged
garbled() {
    jq -c '.more = 1' "$(record_of restore)" >"$scene/forged.json"
    refused ceremony.record ctl ceremony add "$scene/forged.json"
}
t 'and one that is none' garbled
t 'one of a token that no signer is on, too' refused ceremony.signature add backup
t 'the record of the restore is taken in' add restore
t 'once' refused ceremony.twice add restore
in_trail() { # in_trail KIND FILTER
    rm -f "$scene/trail"
    ctl --quiet audit export --out "$scene/trail" && jq -se "map(select(.kind == \"$1\") | $2) | any" "$scene/trail"
}
t 'the whole record stands in the trail' in_trail CEREMONY '.data.record.set.members | length == 5'
registered() {
    ctl --json custodians list | jq -e '[.custodians[] | select(.ended == null) | .person] == ["ann", "ben", "cat", "dan", "eve"]'
}
t 'the custodians are registered from it' registered
alarm() { # alarm FILTER: of the alarm about shares
    field /v1/status '.alarms[] | select(.set != null)' | jq -e "$1"
}
t 'when the shares have to be proven again is among the alarms' alarm '.overdue == false and .due != null'

must scene_active
must scene_batch all
t 'the service signs with the restored key' eventually batch_is 'done'
must commands_out "$scene/commands"
t 'every device gets its command' commands_are "$scene/commands" 10
t 'meters that hold the old certificate accept each' meters_accept "$scene/commands"

# --- a custodian leaves, the shares go to others ---

t 'somebody without a share cannot leave' refused ceremony.custodian ctl custodians leave gus --reason x
t 'a custodian leaves' ctl custodians leave ben --reason 'other employer'
t 'that is an alarm' alarm '.overdue and (.why | test("Beta Networks has left"))'
rang() {
    in_trail CEREMONY_DUE '.data.why | test("has left")' && find "$scene/service/outbox" -name '*-pma-*' -print0 |
        xargs -0 grep -l CEREMONY_DUE
}
t 'it rings: on record, and a notice' eventually rang
once() {
    same "$(grep -c 'a ceremony is due' "$scene/service.log")" 1
}
t 'and in the journal, once' eventually once
must service_stop

rotate() { # rotate M CUSTODIAN...
    rotate_m=$1
    shift
    shown_more="--out $scene/backup2.json --threshold $rotate_m --present operator $*" shown rotate ann:1 cat:1 eve:1
    rotate_status=$?
    shown_more=
    return $rotate_status
}
t 'two of one Party among the new ones are refused' refused share.party rotate 2 "--custodian ann=$sticks/ann" "--custodian fay=$sticks/fay"
t 'rotate: ben goes, gus comes' rotate 3 "--custodian ann=$sticks/ann" "--custodian cat=$sticks/cat" \
    "--custodian dan=$sticks/dan" "--custodian eve=$sticks/eve" "--custodian gus=$sticks/gus"
new_backup() { # new_backup COMMAND...: with the backup of the new version
    shown_backup=$scene/backup2.json
    "$@"
    new_status=$?
    shown_backup=
    return $new_status
}
t 'new shares open the new backup' new_backup shown prove ann:2 dan:2 gus:2
t 'old ones do not' new_backup refused share.version shown prove ann:1 dan:1 eve:1
t 'nor old and new together' new_backup refused share.version shown prove ann:2 dan:2 eve:1
disguised() { # an old share, called new: its octets tell
    jq --slurpfile new "$(share eve 2)" '. as $old | $new[0] | .share = $old.share' "$(share eve)" >"$sticks/bad/share-x-2-x.json"
    new_backup refused share.commitment shown prove ann:2 dan:2 bad:2
}
t 'nor one that is dressed up as new' disguised

must service_start
must eventually signers_ready
t 'the record of the rotation is taken in' add rotate
t 'and that of the proof after it' add prove
replaced() {
    ctl --json custodians list | jq -e '[.custodians[] | select(.ended == null) | .person] | sort == ["ann", "cat", "dan", "eve", "gus"]' &&
        ctl --json custodians list | jq -e '.custodians[] | select(.person == "ben") | .ended != null and .reason == "other employer"'
}
t 'the register follows' replaced
t 'the alarm is over' alarm '.overdue | not'
t 'the same record again is refused' refused ceremony.twice add rotate
listed() {
    ctl ceremony list >"$scene/listed" && grep -q restore "$scene/listed" && grep -q rotate "$scene/listed"
}
t 'ceremonies are listed' listed
t 'the trail is whole' chain_whole
must service_stop

# A second rotation from the old backup is possible where somebody kept it; the register does not
# take it for news.
must rm "$scene/backup2.json"
rm "$sticks"/*/share-*-2-*
must rotate 2 "--custodian ann=$sticks/ann" "--custodian gus=$sticks/gus"
must service_start
must eventually signers_ready
t 'a second version of that number is refused' refused ceremony.older add rotate
must service_stop

# --- prune ---

t 'a decision that can be signed under keeps its count' refused ceremony.prune ceremony prune --decision "$scene/decision.cms"
over() {
    jq '.valid_from = "2020-01-01T00:00:00Z" | .valid_to = "2020-01-02T00:00:00Z"' "$scene/decision.json" >"$scene/over.json" &&
        rehearsal_sign "$scene/over.json" "$scene/over.cms" pma-1 &&
        ceremony prune --decision "$scene/over.cms"
}
t 'one whose window is over does not need it' over
counts() {
    pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label fresh --login --pin "$(cat "$work/pin")" \
        --list-objects --type data | grep -c "decision-count"
}
pruned() {
    counts_before=$(counts)
    digest=$(sha256sum <"$scene/over.json" | cut -d ' ' -f 1)
    echo x >"$scene/count"
    pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label fresh --login --pin "$(cat "$work/pin")" \
        --write-object "$scene/count" --type data --application-label smki-recovery --label "decision-count $digest" --private &&
        ceremony prune --decision "$scene/over.cms" && same "$(counts)" "$counts_before"
}
t 'its count goes, and no other' pruned
plan
