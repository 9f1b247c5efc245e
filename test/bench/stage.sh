# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What test/bench/run, test/bench/memory and test/bench/stranger share: a release build, and a rehearsal (token,
# certificates, configuration, service, incident) in $work that ends with the script.
# Read by '.'. $top is the source; everything is made under $work and removed again.

: "${top:?}"
# Read by the scripts: where the programs are.
tools=${SMKI_BENCH_BUILD:-$top/build-bench}
work=

bench_finish() { # STATUS
    if [ "$1" -ne 0 ] && [ -s "$work/log" ]; then
        {
            echo 'bench: failed; its log ends with'
            tail -n 12 "$work/log" | sed 's/^/    /'
            tail -n 6 "$work/service.log" 2>/dev/null | sed 's/^/    /'
        } >&2
    fi
    rm -rf "$work"
}

# Optimised as a release is, assertions kept: what ships is what is measured; and $bench_more.
bench_build() {
    [ -f "$tools/build.ninja" ] ||
        meson setup -Dbuildtype=release -Db_ndebug=false "$tools" "$top" >/dev/null
    # shellcheck disable=SC2086 # a list of targets
    said=$(ninja -C "$tools" daemon/smki-recoveryd daemon/smki-recoveryctl \
        pkcs11/smki-recovery-signer pkcs11/smki-recovery-ceremony test/pki/smki-test-pki \
        test/bench/bench-raw-sign test/bench/bench-raw-verify \
        test/bench/smki-recovery-bridge.so test/bench/p11_swift.so ${bench_more:-}) || {
        echo "$said" >&2
        exit 1
    }
}

# $bench_swift: microseconds a signature waits. The Recovery key is made anew, outside: the token
# has it, and p11_swift has.
bench_swift_key() {
    for type in privkey pubkey; do
        PIN=$(cat "$work/pin") pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label rehearsal \
            --login --pin env:PIN --delete-object --type $type --id 01
    done
    softhsm2-util --import "$work/recovery.key" --token rehearsal --label recovery --id 01 \
        --pin "$(cat "$work/pin")"
    {
        echo '# recovery,'
        openssl pkey -in "$work/recovery.key" -pubout
    } >"$work/public.pem"
}
bench_swift_module() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/recovery.key"
    P11_SWIFT_MODULE=/usr/lib/softhsm/libsofthsm2.so P11_SWIFT_KEY=$work/recovery.key
    P11_SWIFT_LABEL=recovery P11_SWIFT_US=$bench_swift
    export P11_SWIFT_MODULE P11_SWIFT_KEY P11_SWIFT_LABEL P11_SWIFT_US
}
# The configuration from standard input, with that token, and as many workers and sessions as asked.
bench_settings() {
    sed -e "${bench_swift:+s|^Module=.*|Module=$tools/test/bench/p11_swift.so|}" \
        -e "${bench_workers:+s|^Workers=.*|Workers=$bench_workers|}" \
        -e "${bench_sessions:+s|^\[Token .*|&\nSessions=$bench_sessions|}"
}

# bench_stage DEVICES: from nothing to a service that answers and a roster in $work/roster.csv.
bench_stage() {
    umask 077
    work=$(mktemp -d) socket=$work/operator.sock
    # shellcheck source=packaging/stage.sh
    . "$top/packaging/stage.sh"
    # shellcheck source=packaging/rehearsal.sh
    . "$top/packaging/rehearsal.sh"
    stage_at_end bench_finish
    {
        stage_token
        [ -z "${bench_swift:-}" ] || bench_swift_module
        stage_config | bench_settings >"$work/recovery.conf"
        printf '[Service]\nMaxRosterBytes=8589934592\n' >>"$work/recovery.conf"
        stage_keys
        [ -z "${bench_swift:-}" ] || bench_swift_key
        stage_certificates
    } >>"$work/log" 2>&1
    bench_roster "$1" >"$work/roster.csv"
    # shellcheck disable=SC2119 # it takes settings, or none
    service_start
    eventually signers_ready
    service=$(service_pid)
}

# N devices in the fullest form, with both public keys; half electricity and half gas.
bench_roster() {
    awk -v n="$1" 'BEGIN {
        print "device,type,status,ka,ds"
        for (i = 1; i <= n; i++) {
            x = sprintf("%08X", (i * 40503) % 65536 * 65536 + i % 65536)
            x = x x x x x x x x
            printf "90B3D51F%08X,%s,commissioned,02%s,03%s\n", i, i % 2 ? "ESME" : "GSME", x, x
        }
    }'
}
