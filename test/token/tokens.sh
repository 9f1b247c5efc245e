#!/bin/sh
# SPDX-License-Identifier: MIT
# One kind of token, by the same tests as the others: tokens.sh BUILD SOURCE ROW, where ROW is softhsm,
# remote (p11-kit server), nss or tpm2 (tpm2-pkcs11 on swtpm). Prints what it can do and at which rate; no
# rate is asserted. TAP.
set -u
row=${3:?}
# shellcheck source=test/integration/scene.sh
. "${0%/*}/../integration/scene.sh"
libs=/usr/lib/$(gcc -dumpmachine 2>/dev/null || echo x86_64-linux-gnu)
module=/usr/lib/softhsm/libsofthsm2.so label=rehearsal args='' mark=token devices=300 pids=''
need() { # need PROGRAM-OR-FILE...
    for need_one; do
        [ -e "$need_one" ] || command -v "$need_one" >/dev/null || scene_skip "$row: $need_one is not installed"
    done
}
row_end() {
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
}
scene_undo=row_end
pin_made() {
    openssl rand -hex 8 >"$work/pin" && chmod 600 "$work/pin"
}
case $row in
remote) need p11-kit "$libs/pkcs11/p11-kit-client.so" ;;
nss) need certutil "$libs/libsoftokn3.so" ;;
tpm2)
    devices=60
    need swtpm dbus-daemon tpm2-abrmd tpm2_ptool "$libs/pkcs11/libtpm2_pkcs11.so" "$libs/libtss2-tcti-tabrmd.so.0"
    ;;
esac
# Where malloc fills what it hands out (meson does so), the server of p11-kit 0.24.1 shows no token.
made_remote() {
    env -u MALLOC_PERTURB_ p11-kit server --provider "$module" -n "$work/p11.sock" pkcs11: >"$work/server" 2>&1 || return 1
    # shellcheck source=/dev/null
    . "$work/server" && pids=$P11_KIT_SERVER_PID P11_KIT_SERVER_ADDRESS=unix:path=$work/p11.sock && export P11_KIT_SERVER_ADDRESS &&
        module=$libs/pkcs11/p11-kit-client.so
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
stage_keys() {
    scene_set 'Token "rehearsal"' "Module=$module" && scene_set 'Token "rehearsal"' "Label=$label" &&
        scene_set 'Token "rehearsal"' "InitArgs=$args" && scene_set 'Token "rehearsal"' "Mark=$mark" &&
        scene_set 'Token "rehearsal"' Workers=2 &&
        "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --all --out "$work/public.pem"
}
ceremony() {
    ceremony_verb=$1
    shift
    "$tools/pkcs11/smki-recovery-ceremony" "$ceremony_verb" --config "$work/recovery.conf" "$@"
}
can() {
    sed -n "s/^$1=//p" "$work/traits"
}
must stage_make $devices

shown() {
    ceremony show >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
    grep "^key recovery .* for signing" "$work/out"
}
t 'show finds the key' shown
derive() { # a key for agreement is made, or the mechanism is named before anything is
    scene_set 'Key "acb-ka"' Token=rehearsal && scene_set 'Key "acb-ka"' Id=33 &&
        scene_set 'Key "acb-ka"' "Certificate=$pki/acb-ka.pem" || return 1
    if ceremony generate --key acb-ka >"$work/out" 2>&1; then derived=yes; else derived=no; fi
    cat "$work/out"
    sed -i '/^\[Key "acb-ka"\]/,$d' "$work/recovery.conf"
    case $(can ecdh) in
    yes) [ $derived = yes ] ;;
    *) [ $derived = no ] && grep -q 'CKM_ECDH1_DERIVE.*token.mechanism' "$work/out" ;;
    esac
}
t 'a key for agreement is made, or the mechanism that lacks is named' derive
# shellcheck disable=SC2119
no_data() {
    [ "$(can data)" != yes ] || return 0
    scene_set 'Token "rehearsal"' Mark=token && service_start &&
        eventually grep -q 'Mark=.*token.no-data-objects' "$work/service.log" && service_stop
    scene_set 'Token "rehearsal"' Mark=file
}
t 'a token without data objects is refused by name, until Mark= says where' no_data
must service_start
must eventually signers_ready
must scene_referred
must scene_decide '.attempts = 3'
must scene_activate
must scene_batch all
killed() {
    eventually signed_above 0 && signers_kill && eventually batch_is 'done'
}
t 'signers are killed in the middle, the batch is finished' killed
all_out() {
    rm -rf "$scene/out.d" && commands_out "$scene/out.d" && commands_are "$scene/out.d" $devices &&
        devices_once "$scene/out.d" && counters_once "$scene/out.d" && chain_whole && audited "$scene/out.d" && meters_accept "$scene/out.d"
}
t 'every device has a command that its meter carries out, no counter stands twice' all_out
from=$(date +%s%N)
batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id)
t 'once more, undisturbed' eventually batch_is 'done'
served=$(((devices * 1000000000) / ($(date +%s%N) - from)))
must service_stop
marked() {
    now=$(ceremony mark --originator 90B3D51F30010001 | sed -n 's/^mark [^ ]* \([0-9]*\)$/\1/p') && [ "$now" -ge $((1000 + devices)) ] &&
        ceremony mark --originator 90B3D51F30010001 --raise-to $((now + 10)) &&
        not ceremony mark --originator 90B3D51F30010001 --raise-to "$now"
}
t 'the mark stands above what was signed, is raised, and is not lowered' marked
echo "# $row: ecdsa $(can ecdsa); ecdh $(can ecdh); data objects $(can data); sees others' $(can sees); bound keys $(can bound);" \
    "sessions $(can sessions); mark in $mark; raw $(can raw)/s, through the service $served/s of $devices"
plan
