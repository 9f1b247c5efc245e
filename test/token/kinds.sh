# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The kinds of token: softhsm, remote (p11-kit server), nss, tpm2 (tpm2-pkcs11 on swtpm). Read by '.' after
# packaging/stage.sh with the kind in $row; sets $module, $label, $args, $mark, and stage_token in place of stage.sh's.
# row_end ends what serves it.
# shellcheck disable=SC2034,SC2154 # from and for whoever reads it

libs=/usr/lib/$(gcc -dumpmachine 2>/dev/null || echo x86_64-linux-gnu)
module=/usr/lib/softhsm/libsofthsm2.so label=rehearsal args='' mark=token devices=300 pids=''
row_skip() { # row_skip WHY
    printf '# matrix\ttoken=%s\tecdsa=%s\n1..0 # SKIP %s: %s\n' "$row" "$1" "$row" "$1"
    exit 0
}
need() { # need PROGRAM-OR-FILE...
    for need_one; do
        [ -e "$need_one" ] || command -v "$need_one" >/dev/null || row_skip "$need_one is not installed"
    done
}
row_end() {
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
}
pin_made() {
    openssl rand -hex 8 >"$work/pin" && chmod 600 "$work/pin"
}
case $row in
remote) need p11-kit pkcs11-tool "$libs/pkcs11/p11-kit-client.so" ;;
nss) need certutil "$libs/libsoftokn3.so" ;;
tpm2)
    devices=60
    need swtpm dbus-daemon tpm2-abrmd tpm2_ptool "$libs/pkcs11/libtpm2_pkcs11.so" "$libs/libtss2-tcti-tabrmd.so.0"
    ;;
esac
# The server of p11-kit 0.24.1 says where it listens a moment before it shows a token to those who come.
remote_shown() {
    pkcs11-tool --module "$libs/pkcs11/p11-kit-client.so" --list-token-slots | grep -q "$label"
}
made_remote() {
    p11-kit server --provider "$module" -n "$work/p11.sock" pkcs11: >"$work/server" 2>&1 || return 1
    # shellcheck source=/dev/null
    . "$work/server" && pids=$P11_KIT_SERVER_PID P11_KIT_SERVER_ADDRESS=unix:path=$work/p11.sock && export P11_KIT_SERVER_ADDRESS &&
        stage_wait "$pids" remote_shown && module=$libs/pkcs11/p11-kit-client.so
}
made_nss() {
    mkdir "$work/nss" && pin_made && certutil -N -d "sql:$work/nss" -f "$work/pin" && label='NSS Certificate DB' &&
        module=$libs/libsoftokn3.so mark=file args="configdir='sql:$work/nss' certPrefix='' keyPrefix='' secmod='' flags="
}
made_tpm2() {
    mkdir "$work/tpm" "$work/store" && pin_made && port=$((20000 + $$ % 20000)) || return 1
    swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --server "type=tcp,port=$port,bindaddr=127.0.0.1" \
        --ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" --flags not-need-init,startup-clear >"$work/swtpm.log" 2>&1 &
    pids=$!
    dbus-daemon --session --address="unix:path=$work/bus" --nofork --nopidfile >"$work/dbus.log" 2>&1 &
    pids="$! $pids"
    stage_wait $! test -S "$work/bus" || return 1
    DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus TPM2_PKCS11_STORE=$work/store TPM2_PKCS11_TCTI=tabrmd:bus_type=session
    TPM2TOOLS_TCTI=$TPM2_PKCS11_TCTI TSS2_LOG=all+NONE
    export DBUS_SESSION_BUS_ADDRESS TPM2_PKCS11_STORE TPM2_PKCS11_TCTI TPM2TOOLS_TCTI TSS2_LOG
    tpm2-abrmd --session --allow-root --tcti "swtpm:host=127.0.0.1,port=$port" >"$work/abrmd.log" 2>&1 &
    pids="$! $pids"
    stage_wait $! tpm2_getrandom --hex 4 && tpm2_ptool init --path "$work/store" &&
        tpm2_ptool addtoken --pid 1 --sopin 87654321 --userpin "$(cat "$work/pin")" --label "$label" --path "$work/store" &&
        module=$libs/pkcs11/libtpm2_pkcs11.so
}
soft_token() {
    mkdir -p "$work/tokens" && pin_made &&
        printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nlibrary.reset_on_fork = true\n' \
            "$work/tokens" >"$work/softhsm2.conf" && SOFTHSM2_CONF=$work/softhsm2.conf && export SOFTHSM2_CONF &&
        softhsm2-util --init-token --free --label $label --pin "$(cat "$work/pin")" --so-pin 87654321
}
# In place of stage.sh's: this row's token; then what it can do.
stage_token() {
    case $row in
    softhsm) soft_token ;;
    remote) soft_token && made_remote ;;
    nss) made_nss ;;
    tpm2) made_tpm2 ;;
    esac && "$tools/test/token/traits" "$module" "$args" "$label" "$work/pin" >"$work/traits" &&
        serial=$(sed -n 's/^serial=//p' "$work/traits") && [ -n "$serial" ]
}
# can TRAIT: as traits.c has found it.
can() {
    sed -n "s/^$1=//p" "$work/traits"
}
