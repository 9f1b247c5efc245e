#!/bin/sh
# SPDX-License-Identifier: MIT
# Members sign apart, each with an own tool - openssl, gpgsm, cmsutil of NSS, pkijs - and decision
# merge joins what they wrote: openssl verifies all of it and the quorum counts everybody. What cannot be
# joined is refused with its reason. merge.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"

pki=$scene/pki conf=$scene/recovery.conf d=$scene/decision.json made=$scene/made.cms
must stage_pki init --dir "$pki"
# gpgsm of this age reads no EC key, and NSS wants an e-mail certificate: those two have RSA keys.
rsa() { # rsa NAME CN ORGANISATION [EXTENSION...]: by the PMA's CA
    rsa_name=$1 rsa_subject="/O=$3/OU=member/CN=$2"
    shift 3
    printf '%s\n' 'keyUsage=critical,digitalSignature,keyEncipherment' 'subjectKeyIdentifier=hash' "$@" >"$scene/ext"
    openssl req -new -newkey rsa:2048 -noenc -keyout "$pki/$rsa_name.key" -subj "$rsa_subject" -out "$scene/csr" &&
        openssl x509 -req -in "$scene/csr" -CA "$pki/pma-anchor.pem" -CAkey "$pki/pma-anchor.key" -days 30 \
            -set_serial "0x$(openssl rand -hex 8)" -extfile "$scene/ext" -out "$pki/$rsa_name.pem" &&
        openssl pkcs12 -export -in "$pki/$rsa_name.pem" -inkey "$pki/$rsa_name.key" -certfile "$pki/pma-anchor.pem" \
            -name "$rsa_name" -passout pass:x -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1 \
            -out "$scene/$rsa_name.p12"
}
must rsa pma-2 'Member Two' Independent
must rsa pma-3 'Member Three' 'Specialists Ltd' extendedKeyUsage=emailProtection subjectAltName=email:three@example.org
mkdir "$scene/recovery.conf.d"
stage_people "$pki" >"$scene/recovery.conf.d/people.conf"
cat >"$conf" <<END
[Trust]
Root=$pki/root.pem
Issuing=$pki/issuing.pem
Custodians=none
[Authority "pma"]
Anchor=$pki/pma-anchor.pem
Threshold=3
Members=5
END
jq -n '{schema: "smki-recovery/authority/1", kind: "decision", id: "D-1", incident: "I-1", by: "pma",
    outcome: "refuse", exercise: true, initiator: "subscriber", subscriber: "90B3D51F30020001",
    valid_from: "2026-01-01T00:00:00Z", valid_to: $to}' --arg to "$(rehearsal_at '+5 years')" >"$scene/draft.json"
must rehearsal_decision "$scene/draft.json" "$d" supplier '.compromised |= map(.certificate = "ab" * 32)'

# --- the tools ---

by_openssl() { # by_openssl NAME OUT [OPTION...]
    openssl_name=$1 openssl_out=$2
    shift 2
    openssl cms -sign -binary -md sha256 -in "$d" -outform DER -out "$openssl_out" \
        -signer "$pki/$openssl_name.pem" -inkey "$pki/$openssl_name.key" "$@"
}
gpg() {
    GNUPGHOME=$scene/gnupg gpgsm --batch --quiet --pinentry-mode loopback --passphrase-fd 0 --disable-dirmngr \
        --disable-crl-checks "$@" <"$scene/pass"
}
gpg_begin() {
    mkdir -m 700 "$scene/gnupg" && echo x >"$scene/pass" && echo allow-loopback-pinentry >"$scene/gnupg/gpg-agent.conf" &&
        echo "$(openssl x509 -in "$pki/pma-anchor.pem" -noout -fingerprint -sha1 | sed 's/.*=//') S relax" >"$scene/gnupg/trustlist.txt" &&
        gpg --import "$scene/pma-2.p12"
}
gpg_end() {
    GNUPGHOME=$scene/gnupg gpgconf --kill gpg-agent
}
by_gpgsm() { # by_gpgsm OUT [OPTION...]
    gpg_out=$1
    shift
    gpg --digest-algo SHA256 --local-user "$(openssl x509 -in "$pki/pma-2.pem" -noout -fingerprint -sha1 | sed 's/.*=//')" \
        --output "$gpg_out" "$@" --sign "$d"
}
nss_begin() {
    mkdir "$scene/nss" && certutil -N -d "sql:$scene/nss" --empty-password && pk12util -d "sql:$scene/nss" -i "$scene/pma-3.p12" -W x &&
        certutil -M -d "sql:$scene/nss" -n "$(certutil -L -d "sql:$scene/nss" | sed -n 's/ *,,  *$//p')" -t C,C,C
}
by_nss() { # by_nss OUT
    cmsutil -S -d "sql:$scene/nss" -N pma-3 -H SHA256 -G -i "$d" -o "$1" && [ -s "$1" ]
}
js_begin() {
    cp "$top/test/approve/package.json" "$top/test/approve/package-lock.json" "$top/test/approve/sign.mjs" "$scene" &&
        npm ci --prefix "$scene" --cache "$scene/npm" --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved &&
        openssl pkcs8 -topk8 -nocrypt -in "$pki/pma-4.key" -out "$scene/pma-4.pk8"
}
by_pkijs() { # by_pkijs ORDER OUT
    node "$scene/sign.mjs" "$1" "$d" "$pki/pma-4.pem" "$scene/pma-4.pk8" "$2"
}
# has TOOL BEGIN COMMAND...: that tool is at hand; else its cases are skipped.
tools_had=
has() {
    has_tool=$1 has_begin=$2
    shift 2
    for has_word; do
        command -v "$has_word" >/dev/null || { echo "# $has_tool: $has_word is not installed" && return 0; }
    done
    if "$has_begin" >"$scene/log" 2>&1; then
        tools_had="$tools_had $has_tool"
    else
        sed "s/^/# $has_tool: /" "$scene/log"
    fi
}
had() {
    case "$tools_had " in *" $1 "*) ;; *) return 1 ;; esac
}
# with TOOL NAME COMMAND...: a case that needs that tool
with() {
    with_tool=$1
    shift
    if had "$with_tool"; then t "$@"; else skip "$1" "$with_tool is not at hand"; fi
}

# --- looking at it ---

merge() {
    rm -f "$made"
    "$tools/daemon/smki-recoveryctl" decision merge "$@" -o "$made"
}
counted() { # counted N: of them all, by the function of service and signer
    "$tools/daemon/smki-recoveryctl" --json decision review --config "$conf" "$made" >"$scene/review"
    tail -n 1 "$scene/review" | jq -c '.signers[]'
    same "$(tail -n 1 "$scene/review" | jq '[.signers[] | select(.counted)] | length')" "$1"
}
verified() { # verified N: openssl finds each of so many signatures good
    openssl cms -verify -binary -inform DER -in "$made" -CAfile "$pki/pma-anchor.pem" -no-CApath -no-CAstore -signer "$scene/signers" \
        -out "$scene/content" && cmp "$scene/content" "$d" && same "$(grep -c 'BEGIN CERT' "$scene/signers")" "$1"
}
joined() { # joined N FILE...: into one that everybody takes
    joined_n=$1
    shift
    merge "$@" && verified "$joined_n" && counted "$joined_n"
}
refused() { # refused RULE TEXT FILE...
    refused_rule=$1 refused_text=$2
    shift 2
    merge "$@" >"$scene/out" 2>"$scene/err"
    refused_status=$?
    cat "$scene/err"
    [ $refused_status -ne 0 ] && [ ! -e "$made" ] && grep -qFx "  rule    $refused_rule" "$scene/err" && grep -qF -- "$refused_text" "$scene/err"
}

# --- openssl alone ---

must by_openssl pma-1 "$scene/1.cms" -nodetach
must by_openssl pma-5 "$scene/5.cms" -nodetach
must by_openssl pma-4 "$scene/4.p7s"
t 'two messages become one' joined 2 "$scene/1.cms" "$scene/5.cms"
t 'a detached one takes the document of another' joined 3 "$scene/4.p7s" "$scene/1.cms" "$scene/5.cms"
certificate_elsewhere() {
    by_openssl pma-4 "$scene/bare.cms" -nodetach -nocerts &&
        by_openssl pma-5 "$scene/both.cms" -nodetach -certfile "$pki/pma-4.pem" && joined 2 "$scene/bare.cms" "$scene/both.cms"
}
t 'a certificate that another file has' certificate_elsewhere
t 'detached ones alone say no document' refused decision.detached 'in none of the files' "$scene/4.p7s"
by_document() {
    merge --document "$d" "$scene/4.p7s" && verified 1
}
t 'unless it is given' by_document
once_more() {
    cp "$made" "$scene/made" && refused_there && cmp "$made" "$scene/made"
}
refused_there() {
    "$tools/daemon/smki-recoveryctl" decision merge "$scene/1.cms" -o "$made" 2>&1 | grep -F 'File exists'
}
t 'a file that is there stays' once_more
pem() {
    for label in CMS PKCS7; do
        openssl cms -cmsout -inform DER -in "$scene/5.cms" -outform PEM | sed "s/ CMS-/ $label-/" >"$scene/5.pem" &&
            joined 2 "$scene/1.cms" "$scene/5.pem" || return 1
    done
}
t 'PEM under either label' pem
ber() {
    by_openssl pma-5 "$scene/5.ber" -nodetach -stream && head -c 2 "$scene/5.ber" | xxd -p | grep -x 3080 &&
        joined 2 "$scene/5.ber" "$scene/1.cms"
}
t 'BER of indefinite length' ber
# Of each signature the very octets, as asn1parse cuts them out.
infos() {
    infos_at=$(openssl asn1parse -inform DER -in "$1" | grep -n ':d=3 .*cons: SET' | tail -n 1 | cut -d : -f 1)
    openssl asn1parse -inform DER -in "$1" | tail -n +$((infos_at + 1)) | sed -n 's/^ *\([0-9]*\):d=4 *hl=\([0-9]*\) l= *\([0-9]*\) .*SEQUENCE.*/\1 \2 \3/p' |
        while read -r at head len; do
            tail -c +$((at + 1)) "$1" | head -c $((head + len)) | sha256sum
        done
}
kept() {
    merge "$scene/1.cms" "$scene/5.cms" && infos "$made" | sort >"$scene/after" && { infos "$scene/1.cms" && infos "$scene/5.cms"; } | sort >"$scene/before" &&
        cat "$scene/before" && same "$(wc -l <"$scene/before")" 2 && cmp "$scene/before" "$scene/after"
}
t 'each signature is there octet for octet' kept

# --- what cannot be joined ---

t 'the same file twice' refused decision.merge-twice '"Member One" has signed' "$scene/1.cms" "$scene/1.cms"
must by_openssl pma-1 "$scene/again.cms" -nodetach
t 'one member twice' refused decision.merge-twice '"Member One" has signed' "$scene/1.cms" "$scene/5.cms" "$scene/again.cms"
sed 's/rehearsal/Rehearsal/' "$d" >"$scene/other.json"
other() { # other NAME OUT [OPTION...]: of another document
    cp "$d" "$scene/kept.json" && cp "$scene/other.json" "$d" && by_openssl "$@" && cp "$scene/kept.json" "$d"
}
must other pma-4 "$scene/other.cms" -nodetach
t 'another document' refused decision.merge-content 'octet for octet' "$scene/1.cms" "$scene/other.cms"
must other pma-4 "$scene/other.p7s"
t 'a detached signature over another document' refused decision.merge-content '"Member Four" has signed another document' "$scene/1.cms" "$scene/other.p7s"
must openssl cms -sign -md sha256 -in "$d" -nodetach -crlfeol -outform DER -out "$scene/text.cms" -signer "$pki/pma-4.pem" -inkey "$pki/pma-4.key"
t 'signed as text, which changes its line ends' refused decision.merge-content 'octet for octet' "$scene/1.cms" "$scene/text.cms"
t 'without its certificate' refused decision.merge-signature 'no certificate of its signer' "$scene/1.cms" "$scene/bare.cms"
must by_openssl pma-4 "$scene/noattr.cms" -nodetach -noattr
t 'without signed attributes' refused decision.merge-signature 'signed attributes are missing' "$scene/1.cms" "$scene/noattr.cms"
spoilt() {
    head -c -1 "$scene/5.cms" >"$scene/spoilt.cms" && printf '\377' >>"$scene/spoilt.cms"
}
must spoilt
t 'a signature that is wrong' refused decision.merge-signature '"Member Five": the signature is wrong' "$scene/1.cms" "$scene/spoilt.cms"
openssl cms -cmsout -inform DER -in "$scene/5.cms" -outform SMIME -out "$scene/5.eml"
t 'S/MIME is named' refused decision.cms 'S/MIME' "$scene/1.cms" "$scene/5.eml"
base64 "$scene/5.cms" >"$scene/5.b64"
t 'base64 is named' refused decision.cms 'base64 -d' "$scene/1.cms" "$scene/5.b64"
t 'the document itself is named' refused decision.cms 'nobody has signed it' "$scene/1.cms" "$d"

# --- each member with an own tool ---

has gpgsm gpg_begin gpgsm gpgconf
scene_undo=gpg_end
has nss nss_begin cmsutil certutil pk12util
has pkijs js_begin node npm
! had gpgsm || must by_gpgsm "$scene/2.p7m"
! had nss || must by_nss "$scene/3.p7m"
! had pkijs || must by_pkijs sorted "$scene/4.js"
with gpgsm 'openssl and gpgsm' joined 2 "$scene/1.cms" "$scene/2.p7m"
armoured() {
    by_gpgsm "$scene/2.pem" --armor && joined 2 "$scene/1.cms" "$scene/2.pem"
}
with gpgsm 'and its armour' armoured
gpg_detached() {
    by_gpgsm "$scene/2.p7s" --detach-sign && joined 2 "$scene/1.cms" "$scene/2.p7s"
}
with gpgsm 'and its detached form' gpg_detached
with nss 'openssl and cmsutil of NSS' joined 2 "$scene/3.p7m" "$scene/1.cms"
with pkijs 'openssl and pkijs' joined 2 "$scene/4.js" "$scene/1.cms"
everybody() {
    joined 4 "$scene/1.cms" "$scene/2.p7m" "$scene/3.p7m" "$scene/4.js" &&
        "$tools/daemon/smki-recoveryctl" decision review --config "$conf" "$made" &&
        "$top/packaging/check-decision.sh" -p "$scene/recovery.conf.d/people.conf" "$made" "$pki/pma-anchor.pem" 3 5 "$d"
}
if had gpgsm && had nss && had pkijs; then
    t 'four tools, one message, a quorum' everybody
else
    skip 'four tools, one message, a quorum' 'not all of the tools are at hand'
fi
# Attributes that stand in another order than DER's: taken as they are, where resigning breaks them.
unsorted() {
    by_pkijs unsorted "$scene/4.unsorted" && joined 2 "$scene/1.cms" "$scene/4.unsorted" 2>"$scene/err" && cat "$scene/err" &&
        grep -F 'warning: "Member Four" has signed attributes that do not stand in DER order' "$scene/err"
}
with pkijs 'attributes out of order are kept' unsorted
resigned() {
    openssl cms -resign -binary -nodetach -md sha256 -inform DER -in "$scene/4.unsorted" -outform DER -out "$scene/broken.cms" \
        -signer "$pki/pma-5.pem" -inkey "$pki/pma-5.key" &&
        refused decision.merge-signature '(openssl cms -resign does)' "$scene/1.cms" "$scene/broken.cms"
}
with pkijs 'and what resigning made of them is refused' resigned
plan
