#!/bin/sh
# SPDX-License-Identifier: MIT
# Who counts as an approver is judged twice: by the function that service and signer share
# (here: decision review --config), and by packaging/check-decision.sh, which stands on openssl
# alone. Each case is made once, by openssl, and held against both: they agree, and with
# what is right. approvals.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"

pki=$scene/pki conf=$scene/recovery.conf made=$scene/case.cms
people=$scene/recovery.conf.d/people.conf
must stage_pki init --dir "$pki"
person() { # person NAME CN [OPTION...]: a certificate of the PMA's CA
    person_name=$1 person_cn=$2
    shift 2
    stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/$person_name.pem" --key "$pki/$person_name.key" \
        --cn "$person_cn" "$@"
}
cp "$pki/pma-1.key" "$pki/alias.key"
must person alias 'Somebody Else' --organisation Independent --reuse
must person second 'MEMBER  one' --organisation Independent
must person six 'Member Six' --organisation Six
must person ghost 'Member Ghost' --organisation Ghost
cp "$pki/pma-4.key" "$pki/ended.key"
must person ended 'Member Four' --organisation 'Large Supplier plc' --reuse \
    --not-before 2019-01-01T00:00:00Z --not-after 2020-01-01T00:00:00Z
must stage_pki person --dir "$pki" --anchor org-anchor --out "$pki/stranger.pem" --key "$pki/stranger.key" \
    --cn 'Member Three' --organisation 'Specialists Ltd'
mkdir "$scene/recovery.conf.d"
{
    stage_people "$pki"
    stage_person six "$pki/six.pem"
} | awk -v more="Keys=$(stage_key "$pki/second.pem")" '{ print } $0 == "[Person \"pma-1\"]" { print more }' >"$people"
configure() { # configure [LINE]: of the PMA's section
    cat >"$conf" <<END
[Trust]
Root=$pki/root.pem
Issuing=$pki/issuing.pem
Custodians=none
[Authority "pma"]
Anchor=$pki/pma-anchor.pem
Threshold=3
Members=5
${1:-}
END
}
configure
jq -n '{schema: "smki-recovery/authority/1", kind: "decision", id: "D-1", incident: "I-1", by: "pma",
    outcome: "refuse", exercise: true, initiator: "subscriber", subscriber: "90B3D51F30020001",
    valid_from: "2026-01-01T00:00:00Z", valid_to: $to}' --arg to "$(rehearsal_at '+5 years')" >"$scene/draft.json"
must rehearsal_decision "$scene/draft.json" "$scene/decision.json" supplier \
    '.compromised |= map(.certificate = "ab" * 32)'

# --- making ---

# first NAME [OPTION...]: the message, by one; more NAME...: by others too, in the usual way.
first() {
    first_name=$1
    shift
    openssl cms -sign -binary -nodetach -in "$scene/decision.json" -outform DER -out "$made" \
        -signer "$pki/$first_name.pem" -inkey "$pki/$first_name.key" "$@"
}
more() {
    for more_name; do
        openssl cms -resign -binary -nodetach -md sha256 -inform DER -in "$made" -outform DER -out "$made.next" \
            -signer "$pki/$more_name.pem" -inkey "$pki/$more_name.key" && mv "$made.next" "$made" || return 1
    done
}
by() {
    by_first=$1
    shift
    first "$by_first" -md sha256 && more "$@"
}
# With a signer among them such as openssl(1) does not add to others.
at_once() {
    stage_pki sign --dir "$pki" --in "$scene/decision.json" --out "$made" "$@"
}
# Signed as content of another kind, of a name as long; then it is called data.
other_kind() {
    first "$1" -md sha256 -econtent_type 1.2.840.113549.1.7.5 &&
        xxd -p "$made" | tr -d '\n' | sed 's/06092a864886f70d010705/06092a864886f70d010701/' | xxd -r -p >"$made.next" &&
        mv "$made.next" "$made"
}

# --- holding the two against each other ---

crl=
by_script() {
    "$top/packaging/check-decision.sh" -p "$people" ${crl:+-c "$crl"} "$made" "$pki/pma-anchor.pem" 3 5 "$scene/decision.json"
}
by_function() {
    "$tools/daemon/smki-recoveryctl" decision review --config "$conf" "$made"
}
says() { # says WHO WANTED: a refusal is one, and no failure of another kind
    "$1" >"$scene/$1" 2>&1
    says_status=$?
    sed "s/^/$1: /" "$scene/$1"
    case $2/$says_status in counts/0 | refused/1 | refused/3) ;; *) echo "$1 ends with $says_status" && false ;; esac
}
both() { # both WANTED
    says by_function "$1" && says by_script "$1"
}
# case_of WANTED NAME COMMAND...: what the command makes
case_of() {
    case_wanted=$1 case_name=$2
    shift 2
    must "$@"
    t "$case_name: $case_wanted" both "$case_wanted"
}

case_of counts 'three of five' by pma-1 pma-2 pma-3
case_of counts 'five of five' by pma-1 pma-2 pma-3 pma-4 pma-5
case_of refused 'two of five' by pma-1 pma-2
case_of refused 'six of five' by pma-1 pma-2 pma-3 pma-4 pma-5 six

case_of refused 'all without signed attributes' at_once pma-1:plain pma-2:plain pma-3:plain
case_of refused 'a third without signed attributes' at_once pma-1 pma-2 pma-3:plain
case_of counts 'a fourth without signed attributes' at_once pma-1 pma-2 pma-3 pma-4:plain
case_of refused 'all over SHA-1' at_once pma-1:sha1 pma-2:sha1 pma-3:sha1
case_of refused 'a third over SHA-1' at_once pma-1 pma-2 pma-3:sha1
case_of counts 'a fourth over SHA-1' at_once pma-1 pma-2 pma-3 pma-4:sha1

kind() { other_kind "$1" && shift && more "$@"; }
case_of refused 'a third over another kind of content' kind pma-3 pma-1 pma-2
case_of counts 'a fourth over another kind of content' kind pma-4 pma-1 pma-2 pma-3

case_of refused 'a stranger as the third' by pma-1 pma-2 stranger
case_of counts 'a stranger beside three' by pma-1 stranger pma-2 pma-3
case_of refused 'somebody of the CA whom root does not know as the third' by pma-1 pma-2 ghost
case_of counts 'somebody of the CA whom root does not know beside three' by ghost pma-1 pma-2 pma-3
case_of refused 'a third whose certificate has ended' by pma-1 pma-2 ended
case_of counts 'a fourth whose certificate has ended' by pma-1 pma-2 pma-3 ended
case_of refused 'one person twice' at_once pma-1 pma-1 pma-2
case_of counts 'one person twice beside two others' at_once pma-1 pma-1 pma-2 pma-3
case_of refused 'one person with two keys' by pma-1 second pma-2
case_of refused 'one person under another name as the third' by pma-1 alias pma-2
case_of refused 'under another name only' by alias pma-2 pma-3

altered() {
    by pma-1 pma-2 pma-3 && sed 's/"refuse"/"absurd"/' "$made" >"$made.next" && mv "$made.next" "$made"
}
case_of refused 'altered after they signed' altered
armoured() {
    by pma-1 pma-2 pma-3 && openssl cms -cmsout -inform DER -in "$made" -outform PEM -out "$made.next" &&
        mv "$made.next" "$made"
}
case_of counts 'as PEM' armoured
trailing() { by pma-1 pma-2 pma-3 && printf '\0' >>"$made"; }
case_of refused 'with an octet behind' trailing
bare() { openssl cms -data_create -binary -in "$scene/decision.json" -outform DER -out "$made"; }
case_of refused 'in a message of another kind' bare

# --- whose certificate ends inside the window ---

cp "$pki/pma-3.key" "$pki/ends.key"
must person ends 'Member Three' --organisation 'Specialists Ltd' --reuse --not-after "$(rehearsal_at '+1 year')"
case_of counts 'a third whose certificate will end' by pma-1 pma-2 ends
t 'and that is told' grep -q '^warning .*"Member Three" ends .* 2 still count and 3 are needed' "$scene/by_function"
case_of counts 'nobody whose certificate will end' by pma-1 pma-2 pma-3
t 'and nothing is told' not grep -q '^warning' "$scene/by_function"

# --- who was revoked ---

crl=$scene/pma.crl
configure "Crl=$crl"
must by pma-1 pma-2 pma-3
list() { # list ANCHOR [OPTION...]
    list_of=$1
    shift
    stage_pki crl --dir "$pki" --anchor "$list_of" --out "$crl" "$@"
}
case_of counts 'nobody was revoked' list pma-anchor
in_der() { list pma-anchor && openssl crl -in "$crl" -outform DER -out "$crl.der" && mv "$crl.der" "$crl"; }
case_of counts 'nobody was revoked, says a list in DER' in_der
case_of refused 'the third was revoked' list pma-anchor --revoke "$pki/pma-3.pem"
case_of counts 'somebody else was revoked' list pma-anchor --revoke "$pki/pma-4.pem"
case_of refused 'the list is out of date' list pma-anchor --not-before 2019-01-01T00:00:00Z --not-after 2020-01-01T00:00:00Z
case_of refused "the list is another CA's" list org-anchor
case_of refused 'the list is none' cp "$scene/decision.json" "$crl"
case_of refused 'the list is gone' rm "$crl"
list pma-anchor --revoke "$pki/pma-3.pem" >/dev/null
case_of counts 'one of four was revoked' by pma-1 pma-2 pma-3 pma-4
plan
