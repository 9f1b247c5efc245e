#!/bin/sh
# SPDX-License-Identifier: MIT
# check-decision.sh DECISION.cms ANCHOR.pem K N [DECISION.json]: K of N approvers, by stock
# openssl only. Every signature must be good and chain to the anchor; then distinct keys and
# distinct holders are counted. DECISION.json: must be the very octets that were signed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
openssl cms -verify -binary -inform DER -in "$1" -CAfile "$2" -no-CApath -no-CAstore \
    -signer "$dir/signers" -out "$dir/content" 2>"$dir/err" || { cat "$dir/err" >&2; exit 1; }
awk -v d="$dir" '/BEGIN CERT/ { n++ } { print >(d "/" n ".pem") }' "$dir/signers"
for cert in "$dir"/*.pem; do
    openssl x509 -in "$cert" -noout -pubkey | sha256sum >>"$dir/keys"
    openssl x509 -in "$cert" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p' >>"$dir/holders"
done
keys=$(sort -u "$dir/keys" | wc -l)
holders=$(sort -u "$dir/holders" | wc -l)
[ $# -lt 5 ] || cmp "$dir/content" "$5"
if [ "$keys" -lt "$3" ] || [ "$holders" -lt "$3" ] || [ "$keys" -gt "$4" ]; then
    echo "$1: $keys keys of $holders holders, wanted $3 of $4" >&2
    exit 1
fi
echo "$1: $keys of $4 ($3 needed): $(sort -u "$dir/holders" | paste -sd, | sed 's/,/, /g')"
