#!/bin/sh
# SPDX-License-Identifier: MIT
# check-evidence.sh [-k AUDIT-KEY.pem] FOLDER
#
# The folder that `smki-recoveryctl evidence export` fills, judged by jq, openssl, sha256sum and awk
# alone: is each chain whole, do the signed heads fit both, do the service's trail and the signers'
# account tell the same, and does record.json fit? Says where it does not.
#
#   -k  the audit key as the ceremony printed it, one behind the other where the token was replaced; without it the
#       copy in the folder is believed
#
# Exit status 0: all of it holds.
set -eu
usage() {
    sed -n '3,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
key=
while getopts k: option; do
    case $option in
    k) key=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || usage
[ -d "$1" ] || usage
folder=$1
key=${key:-$folder/audit-key.pem}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad() {
    echo "check-evidence: $*" >&2
    exit 1
}

# One chain: each line's hash is that of its text, each names the one before. Leaves numbers and hashes in
# $dir/NAME.hashes.
chain() { # NAME
    file=$folder/$1.jsonl
    [ -s "$file" ] || bad "$1.jsonl: there is none"
    [ -z "$(tail -c 1 "$file")" ] || bad "$1.jsonl: the last line was cut short"
    mkdir "$dir/$1"
    # A file for each line, without the hash, so that one sha256sum does them all.
    awk -v to="$dir/$1" '{
        if (!match($0, /,"hash":"[0-9a-f]+"}$/) || RLENGTH != 75) { print NR; exit 1 }
        name = sprintf("%s/%09d", to, NR)
        printf "%s}", substr($0, 1, RSTART - 1) >name
        close(name)
    }' "$file" >"$dir/at" || bad "$1.jsonl: line $(cat "$dir/at") does not end in a hash"
    (cd "$dir/$1" && find . -type f | sort | xargs sha256sum) | cut -c 1-64 >"$dir/$1.made"
    jq -r '[.seq, .prev, .hash] | @tsv' "$file" >"$dir/$1.told" || bad "$1.jsonl is no JSON"
    paste "$dir/$1.told" "$dir/$1.made" | awk -F '\t' -v OFS='\t' 'BEGIN { last = sprintf("%064d", 0) }
        $3 != $4 { print "line " NR ": its hash is not that of its text"; exit 1 }
        $1 != NR || $2 != last { print "line " NR " does not follow the line before it"; exit 1 }
        { last = $3; print $1, $3 >hashes }' hashes="$dir/$1.hashes" >"$dir/at" || bad "$1.jsonl: $(cat "$dir/at")"
}
chain audit
chain account

# Heads: both chains were this far, and the audit key says so.
# Each under the digest of its public point.
mkdir "$dir/keys"
awk -v to="$dir/keys" '/BEGIN PUBLIC KEY/ { n++; on = 1 } on { print >(to "/" n) } /END PUBLIC KEY/ { on = 0 }' "$key"
for one in "$dir"/keys/*; do
    [ -f "$one" ] || bad "$key: no public key in PEM"
    mv "$one" "$dir/keys/$(openssl pkey -pubin -in "$one" -outform DER | tail -c 65 | sha256sum | cut -c 1-64)"
done
account=$(jq -r 'select(.kind == "BEGUN") | .data.chain' "$folder/account.jsonl" | head -n 1)
hash_of() { # NAME NUMBER
    awk -F '\t' -v n="$2" '$1 == n { print $2; exit }' "$dir/$1.hashes"
}
heads=0
for name in audit account; do
    jq -r 'select(.kind == "HEAD") | [.seq, .data.chain, .data.records, .data.hash, .data.service_records, .data.service_hash,
        .data.key, .data.signature] | @tsv' "$folder/$name.jsonl" >"$dir/heads"
    while IFS="$(printf '\t')" read -r seq chain records hash service_records service_hash by signature; do
        at="$name.jsonl: line $seq"
        [ -f "$dir/keys/$by" ] || bad "$at: the head names another key than $key"
        printf 'smki-recovery head\n%s\n%s\n%s\n%s\n%s\n' "$chain" "$records" "$hash" "$service_records" "$service_hash" >"$dir/head"
        echo "$signature" | openssl base64 -d -A >"$dir/signature" || :
        openssl dgst -sha256 -verify "$dir/keys/$by" -signature "$dir/signature" "$dir/head" >/dev/null 2>&1 ||
            bad "$at: the head is not signed by $key"
        [ "$service_records" -eq 0 ] || [ "$(hash_of audit "$service_records")" = "$service_hash" ] ||
            bad "$at: audit.jsonl is not what it was when this head was signed: record $service_records was changed, or the file was cut"
        [ "$chain" != "$account" ] || [ "$(hash_of account "$records")" = "$hash" ] ||
            bad "$at: account.jsonl is not what it was when this head was signed: record $records was changed, or the file was cut"
        heads=$((heads + 1))
        echo "$name" >>"$dir/heads.of"
    done <"$dir/heads"
done
grep -qx account "$dir/heads.of" 2>/dev/null || ! grep -q '"kind":"SIGNED"' "$folder/account.jsonl" ||
    bad 'account.jsonl holds no signed head'

# What the service said beside it of how far its trail was.
if [ -f "$folder/record.json" ]; then
    jq -r '[.record.records, .record.hash] | @tsv' "$folder/record.json" >"$dir/record" || bad 'record.json is no JSON'
    grep -qxFf "$dir/record" "$dir/audit.hashes" || bad 'audit.jsonl is not the trail that record.json tells of'
fi

# What was signed, as both tell it.
signed() { # NAME KIND
    jq -r --arg kind "$2" 'select(.kind == $kind) | [.data.originator, .data.first_counter, .data.last_counter, .data.decision,
        .data.rows_sha256, .data.signatures_sha256, .seq] | @tsv' "$folder/$1.jsonl"
}
signed audit BATCH_SIGNED | sort >"$dir/kept"
signed account SIGNED | sort >"$dir/made"
cut -f 1-6 "$dir/kept" >"$dir/kept.what"
cut -f 1-6 "$dir/made" >"$dir/made.what"
comm -23 "$dir/kept.what" "$dir/made.what" >"$dir/unmade"
[ ! -s "$dir/unmade" ] || bad "audit.jsonl: line $(grep -F "$(head -n 1 "$dir/unmade")" "$dir/kept" | cut -f 7): the signers' account does not say so"
# What signers made and the service did not keep lies in counters that it reserved.
comm -13 "$dir/kept.what" "$dir/made.what" >"$dir/unkept"
jq -r 'select(.kind == "COUNTERS_RESERVED") | .data | [.originator, .first_counter, .last_counter] | @tsv' \
    "$folder/audit.jsonl" >"$dir/reserved"
awk -F '\t' 'NR == FNR { n++; o[n] = $1; f[n] = $2 + 0; l[n] = $3 + 0; next }
    { for (i = 1; i <= n; i++) if (o[i] == $1 && f[i] <= $2 + 0 && $3 + 0 <= l[i]) next
      print "counters " $2 " to " $3 " of " $1 " were signed, and the trail says nothing of them"; exit 1 }' \
    "$dir/reserved" "$dir/unkept" >"$dir/at" || bad "account.jsonl: $(cat "$dir/at")"

[ ! -f "$folder/SHA256SUMS" ] || (cd "$folder" && sha256sum --quiet -c SHA256SUMS) || bad 'a file is not what SHA256SUMS says'
echo "$folder: $(wc -l <"$dir/audit.hashes") records, $(wc -l <"$dir/account.hashes") of the signers, $heads heads, $(wc -l <"$dir/kept") slices signed, $(wc -l <"$dir/unkept") made and never kept"
