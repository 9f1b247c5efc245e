#!/bin/sh
# SPDX-License-Identifier: MIT
# check-decision.sh [-c CRL.pem] [-p PEOPLE.conf] [-t SECONDS] DECISION.cms ANCHOR.pem K N [DECISION.json]
#
# K of N approvers, by stock openssl only. Each signature is judged by itself, as the service
# does it: one that is wrong, or a stranger's, counts for nothing and does no harm to the others.
# A signature counts that is good, has signed attributes for this kind of content, over SHA-256 or
# longer, by a key that is long enough, whose certificate chains to the anchor and is in date. Then
# people are counted, each once.
#
#   -c  lists of the anchor's CA: whoever is on them counts for nothing
#   -p  [Person] sections of recovery.conf(5): who is who by key, and a key of nobody counts for
#       nothing; without it whoever has the same key or the same CN is one person
#   -t  judged as of then, seconds since 1970 (default: now)
#   DECISION.json  must be the very octets that were signed
#
# What the document says of its people - seats, requester, conflicts, affected organisations - is
# for who reads it. Exit status 0: enough have signed.
set -eu
usage() {
    sed -n '3s/^# //p' "$0" >&2
    exit 2
}
crl='' people='' when=
while getopts c:p:t: option; do
    case $option in
    c) crl=$OPTARG ;;
    p) people=$OPTARG ;;
    t) when=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 4 ] || [ $# -eq 5 ] || usage
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
refuse() {
    echo "$cms: $*" >&2
    exit 1
}
cms=$1 anchor=$2 k=$3 n=$4 json=${5:-}

# What is trusted: the anchor, and the lists of its CA with it.
cp "$anchor" "$dir/trust"
set -- -verify -binary -inform DER -CAfile "$dir/trust" -no-CApath -no-CAstore ${when:+-attime "$when"}
if [ -n "$crl" ]; then
    if grep -q '^-----BEGIN X509 CRL-----' "$crl"; then
        cp "$crl" "$dir/crls"
    else
        openssl crl -inform DER -in "$crl" -out "$dir/crls" 2>/dev/null || refuse "$crl: no CRL"
    fi
    awk -v d="$dir" '/BEGIN X509 CRL/ { n++ } n { print >(d "/crl." n) }' "$dir/crls"
    for one in "$dir"/crl.*; do
        next=$(openssl crl -in "$one" -noout -nextupdate 2>/dev/null) || refuse "$crl: no CRL"
        [ "$next" != nextUpdate=NONE ] || refuse "$crl: a list says no nextUpdate"
    done
    cat "$dir/crls" >>"$dir/trust"
    set -- "$@" -crl_check -crl_check_all
fi

# The message in DER, and where its parts lie: line 1 where the SET of signers begins and its first
# part ends, then for each signer: from, length, and what is wrong with it before anybody verifies.
case $(head -c 5 "$cms" | tr -d '\0') in
-----) openssl cms -cmsout -inform PEM -in "$cms" -outform DER -out "$dir/der" 2>/dev/null || refuse 'no CMS message' ;;
*) cp "$cms" "$dir/der" ;;
esac
od -An -v -tu1 "$dir/der" | awk '
    { for (i = 1; i <= NF; i++) b[len++] = $i }
    function bad() { failed = 1; exit 1 }
    # the part at p: its tag, where its content begins, where it ends
    function part(p,   l, k) {
        tag = b[p]; l = b[p + 1]; from = p + 2
        if (l > 128 && l < 133) {
            k = l - 128; l = 0
            while (k-- > 0) l = l * 256 + b[from++]
        } else if (l >= 128) bad()
        end = from + l
        if (end > len) bad()
    }
    function hex(p, q,   s) {
        for (s = ""; p < q; p++) s = s sprintf("%02X", b[p])
        return s
    }
    # the OBJECT IDENTIFIER at p, or with which the SEQUENCE at p begins
    function oid(p) {
        part(p)
        if (tag == 48) part(from)
        return tag == 6 ? hex(from, end) : ""
    }
    function attributes(p, last,   kind, next_one, value) {
        types = digests = 0
        while (p < last) {
            part(p); next_one = end
            kind = oid(p); part(end)
            value = end > from ? hex(from, end) : ""
            part(from); single = end == next_one
            if (kind == "2A864886F70D010903") {
                types++
                if (!single) return "signed attributes are missing or doubled"
                type = value
            }
            if (kind == "2A864886F70D010904") {
                digests++
                if (!single) return "signed attributes are missing or doubled"
            }
            p = next_one
        }
        if (types != 1 || digests != 1) return "signed attributes are missing or doubled"
        if (type != "0609" data) return "signed attribute contentType names another kind of content"
        return ""
    }
    function fault(p, last,   digest, why, q) {
        part(p); part(end); p = end # version, who
        part(p); q = end; digest = oid(p); p = q
        why = "signed attributes are missing or doubled"
        if (b[p] == 160) { part(p); q = end; why = attributes(from, end); p = q }
        if (!(digest in allowed)) return "algorithm is not SHA-256, SHA-384 or SHA-512"
        if (index(allowed[digest], oid(p) " ") == 0) return "algorithm is not SHA-256, SHA-384 or SHA-512"
        return why
    }
    END {
        if (failed) exit 1
        data = "2A864886F70D010701"
        rsa = "2A864886F70D010101 "
        allowed["608648016503040201"] = rsa "2A864886F70D01010B 2A8648CE3D040302 "
        allowed["608648016503040202"] = rsa "2A864886F70D01010C 2A8648CE3D040303 "
        allowed["608648016503040203"] = rsa "2A864886F70D01010D 2A8648CE3D040304 "
        part(0); if (tag != 48 || end != len) bad()
        if (oid(from) != "2A864886F70D010702") bad()
        part(end); if (tag != 160) bad()
        part(from); if (tag != 48) bad()
        begin = from; finish = end
        part(begin); part(end); part(end) # version, digests, content
        q = end; if (oid(from) != data) bad()
        for (p = q; p < finish; p = q) { part(p); q = end; set = p }
        part(set); if (tag != 49) bad()
        print begin, set - begin
        for (p = from; p < finish; p = q) {
            part(p); q = end
            print p, q - p, fault(from, q)
        }
    }' >"$dir/parts" || refuse 'no CMS message of signed data'

# head_of TAG LENGTH: the head of a part; any length in four octets.
head_of() {
    # shellcheck disable=SC2059 # octets
    printf "$(printf '\\%o\\204\\%o\\%o\\%o\\%o' "$1" $(($2 >> 24)) $(($2 >> 16 & 255)) $(($2 >> 8 & 255)) $(($2 & 255)))"
}
octets() { # octets FROM LENGTH
    tail -c "+$(($1 + 1))" "$dir/der" | head -c "$2"
}
# alone FROM LENGTH: the message as if nobody else had signed.
alone() {
    head_of 48 $((first + $2 + 6 + 6 + 6 + 11))
    printf '\006\011\052\206\110\206\367\015\001\007\002'
    head_of 160 $((first + $2 + 6 + 6))
    head_of 48 $((first + $2 + 6))
    octets "$begin" "$first"
    head_of 49 "$2"
    octets "$1" "$2"
}
# key_of CERTIFICATE: as Keys= says it: SHA-256 of the octets in the public key's BIT STRING.
key_of() {
    openssl x509 -in "$1" -noout -pubkey >"$dir/pub" &&
        openssl pkey -pubin -in "$dir/pub" -outform DER -out "$dir/spki" &&
        key_len=$(openssl asn1parse -inform DER -in "$dir/spki" |
            sed -n 's/.* l= *\([0-9]*\) prim: BIT STRING.*/\1/p') &&
        tail -c $((key_len - 1)) "$dir/spki" | sha256sum | cut -d ' ' -f 1
}
long_enough() {
    openssl pkey -pubin -in "$dir/pub" -noout -text_pub >"$dir/key"
    grep -Eq '^NIST CURVE: P-(256|384)$' "$dir/key" ||
        { grep -q '^Modulus:' "$dir/key" && [ "$(sed -n 's/.*(\([0-9]*\) bit.*/\1/p' "$dir/key")" -ge 2048 ]; }
}
# Spelling makes no other name, as far as a shell can tell.
name() {
    printf '%s' "$1" | tr '[:upper:]' '[:lower:]' | tr -s ' ' | sed 's/^ //; s/ $//'
}
# Section, key, Name= of each [Person].
if [ -n "$people" ]; then
    awk '
        function put(   i) { for (i = 1; i <= n; i++) print tolower(keys[i]) "\t" section "\t" called }
        /^\[/ { put(); n = 0; called = section = ""; if ($0 ~ /^\[Person "/) { split($0, s, "\""); section = s[2] } }
        section != "" && /^Name *=/ { called = $0; sub(/^Name *= */, "", called) }
        section != "" && /^Keys *=/ {
            sub(/^Keys *= */, "")
            if ($0 == "") n = 0
            for (i = 1; i <= NF; i++) keys[++n] = $i
        }
        END { put() }' "$people" >"$dir/people"
fi

read -r begin first <"$dir/parts"
: >"$dir/good"
left_out() {
    echo "$cms: ${holder:-somebody}: does not count: $*" >&2
}
sed 1d "$dir/parts" >"$dir/signers"
while read -r from length why; do
    holder=
    alone "$from" "$length" >"$dir/one"
    if [ -n "$why" ]; then
        left_out "$why"
        continue
    fi
    if ! openssl cms "$@" -in "$dir/one" -signer "$dir/cert" -out "$dir/signed" 2>"$dir/err" </dev/null; then
        left_out "$(sed -n 's/.*[Vv]erify error: *//p; s/.*:\(verification failure\|no matching[^:]*\).*/\1/p' "$dir/err" | head -n 1)"
        continue
    fi
    holder=$(openssl x509 -in "$dir/cert" -noout -subject -nameopt multiline,utf8,-esc_msb |
        sed -n 's/^ *commonName *= //p')
    key=$(key_of "$dir/cert")
    if [ "$(printf '%s\n' "$holder" | wc -l)" -ne 1 ] || [ -z "$holder" ]; then
        left_out 'certificate: subject has no one CN that names the holder'
    elif ! long_enough; then
        left_out 'certificate: key is not ECDSA P-256, P-384 or RSA of 2048 bits'
    elif [ -z "$people" ]; then
        printf '%s\t%s\t%s\n' "$(name "$holder")" "$key" "$holder" >>"$dir/good"
    else
        person=$(awk -F '\t' -v k="$key" '$1 == k { print $2; exit }' "$dir/people")
        called=$(awk -F '\t' -v k="$key" '$1 == k { print $3; exit }' "$dir/people")
        if [ -z "$person" ]; then
            left_out 'no [Person] has this key'
        elif [ "$(name "$holder")" != "$(name "$called")" ]; then
            left_out 'certificate: CN is not the Name= of the [Person] with this key'
        else
            printf '%s\t%s\t%s\n' "$person" "$key" "$holder" >>"$dir/good"
        fi
    fi
    cp "$dir/signed" "$dir/content"
done <"$dir/signers"

distinct() {
    cut -f "$1" "$dir/good" | sort -u | wc -l
}
counted=$(distinct 1) keys=$(distinct 2)
[ -n "$people" ] || [ "$keys" -ge "$counted" ] || counted=$keys
[ -z "$json" ] || cmp "$dir/content" "$json" || exit 1
if [ "$counted" -lt "$k" ] || [ "$counted" -gt "$n" ]; then
    refuse "$counted people have signed, wanted $k of $n"
fi
echo "$cms: $counted of $n ($k needed): $(cut -f 3 "$dir/good" | sort -u | paste -sd, | sed 's/,/, /g')"
