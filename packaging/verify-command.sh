#!/bin/sh
# SPDX-License-Identifier: MIT
# verify-command.sh COMMAND.bin CERTIFICATE.pem: one command's signature, by stock openssl only.
# What is signed (GBCS 6.2.3): grouping header and payload without the first octet (DF). After
# them stand 40 and r||s; modes 0 to 7 have a MAC header in front and a MAC of 12 behind.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
case $(head -c 8 "$1" | od -An -tx1) in
' df'*) at=1 mac=0 ;; *' 82') at=16 mac=12 ;; *' 81') at=15 mac=12 ;; *) at=14 mac=12 ;;
esac
tail -c "+$at" "$1" | head -c "-$mac" >"$dir/message"
head -c -65 "$dir/message" | tail -c +2 >"$dir/signed"
set -- "$1" "$2" "$(tail -c 64 "$dir/message" | od -An -v -tx1 | tr -d ' \n')" \
    "$(head -c 33 "$dir/message" | od -An -v -tx1 | tr -d ' \n')"
r=${3%????????????????????????????????????????????????????????????????}
printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "$r" "${3#"$r"}" >"$dir/genconf"
openssl asn1parse -genconf "$dir/genconf" -noout -out "$dir/signature"
openssl x509 -in "$2" -noout -pubkey >"$dir/key"
openssl dgst -sha256 -verify "$dir/key" -signature "$dir/signature" "$dir/signed" >"$dir/out" 2>&1 ||
    { echo "$1: BAD SIGNATURE" >&2; exit 1; }
echo "$1: good; $(echo "$4" | sed 's/^df0901\(.\{16\}\)08\(.\{16\}\)08\(.\{16\}\)0002\(....\)$/code \4 to \3 by \2 counter \1/')"
