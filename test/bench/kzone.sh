# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Knot's kzonesign as a peer: what else signs with a P-256 key in a token by the thousand. It signs and does not
# verify. The key is in a SoftHSM token of its own, as a key that comes or goes in the service's would make its
# signers look for theirs anew. Read by '.'; wants $work and, in the environment, SOFTHSM2_CONF.

kzone_dir=$work/kzone

# kzone_make NAMES: token, key and a zone of so many names, each with two signatures. Status 1: no kzonesign.
kzone_make() {
    command -v kzonesign >/dev/null || return 1
    mkdir -p "$kzone_dir/db" "$kzone_dir/out"
    kzone_pin=$(openssl rand -hex 8)
    softhsm2-util --init-token --free --label kzone --pin "$kzone_pin" --so-pin "$(openssl rand -hex 8)" >>"$work/log" 2>&1
    cat >"$kzone_dir/knot.conf" <<EOF
database:
    storage: $kzone_dir/db
keystore:
  - id: token
    backend: pkcs11
    config: "pkcs11:token=kzone;pin-value=$kzone_pin /usr/lib/softhsm/libsofthsm2.so"
policy:
  - id: p256
    keystore: token
    algorithm: ecdsap256sha256
    single-type-signing: on
    signing-threads: $(nproc)
zone:
  - domain: example
    storage: $kzone_dir
    file: zone
    dnssec-signing: on
    dnssec-policy: p256
EOF
    kzone_names 1 # the key is made here
    kzone_sign || return 1
    kzone_names "$1"
}
kzone_names() {
    printf '$ORIGIN example.\n@ 3600 SOA ns admin 1 3600 600 86400 300\n@ 3600 NS ns\nns 3600 A 192.0.2.1\n' >"$kzone_dir/zone"
    seq "$1" | sed 's/.*/d& 3600 TXT "&"/' >>"$kzone_dir/zone"
}
kzone_sign() {
    kzonesign -c "$kzone_dir/knot.conf" -o "$kzone_dir/out" example. >>"$work/log" 2>&1
}

# Signatures a second, from its start to its end.
kzone_rate() {
    kzone_from=$(date +%s.%N)
    kzone_sign || return 1
    kzone_to=$(date +%s.%N)
    awk '$3 == "RRSIG"' "$kzone_dir/out/zone" | wc -l | jq --arg from "$kzone_from" --arg to "$kzone_to" '. / (($to | tonumber) - ($from | tonumber))'
}
