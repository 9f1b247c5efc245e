# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What test/bench/run and test/bench/memory share: a release build, and a rehearsal (token,
# certificates, configuration, service, incident) in $work that ends with the script.
# Read by '.'. $top is the source; everything is made under $work and removed again.

: "${top:?}"
# Read by the scripts: where the programs are.
tools=${SMKI_BENCH_BUILD:-$top/build-bench}
work=
service=

bench_finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$service" ] && kill -TERM "$service" 2>/dev/null; then
        wait "$service" 2>/dev/null || :
    fi
    if [ $status -ne 0 ] && [ -n "$work" ] && [ -s "$work/log" ]; then
        {
            echo 'bench: failed; its log ends with'
            tail -n 12 "$work/log" | sed 's/^/    /'
            tail -n 6 "$work/service.log" 2>/dev/null | sed 's/^/    /'
        } >&2
    fi
    [ -z "$work" ] || rm -rf "$work"
    exit $status
}

ctl() {
    "$tools/daemon/smki-recoveryctl" --socket "$work/operator.sock" "$@"
}

# Optimised as a release is, assertions kept: what ships is what is measured.
bench_build() {
    [ -f "$tools/build.ninja" ] ||
        meson setup -Dbuildtype=release -Db_ndebug=false "$tools" "$top" >/dev/null
    said=$(ninja -C "$tools" daemon/smki-recoveryd daemon/smki-recoveryctl \
        pkcs11/smki-recovery-signer pkcs11/smki-recovery-ceremony test/pki/smki-test-pki \
        test/bench/bench-raw-sign test/bench/bench-raw-verify) || {
        echo "$said" >&2
        exit 1
    }
}

# bench_stage DEVICES: from nothing to a service that answers and a roster in $work/roster.csv.
bench_stage() {
    umask 077
    work=$(mktemp -d)
    # shellcheck source=packaging/stage.sh
    . "$top/packaging/stage.sh"
    # shellcheck source=packaging/rehearsal.sh
    . "$top/packaging/rehearsal.sh"
    trap bench_finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    {
        rehearsal_token "$work"
        rehearsal_config "$work" "$work/operator.sock" >"$work/recovery.conf"
        printf '[Service]\nMaxRosterBytes=8589934592\n' >>"$work/recovery.conf"
        "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" \
            --all --out "$work/public.pem"
        rehearsal_certificates "$work/pki" "$work/public.pem"
    } >>"$work/log" 2>&1
    bench_roster "$1" >"$work/roster.csv"
    "$tools/daemon/smki-recoveryd" --config "$work/recovery.conf" 2>"$work/service.log" &
    service=$!
    stage_wait $service bench_ready
}

bench_ready() {
    [ "$(ctl --json status | jq -r .state)" = ready ]
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
