#!/bin/sh
# SPDX-License-Identifier: MIT
# One kind of token, by the same tests as the others: tokens.sh BUILD SOURCE ROW, where ROW is softhsm,
# remote (p11-kit server), nss or tpm2 (tpm2-pkcs11 on swtpm). Prints what it can do and at which rate; no
# rate is asserted. TAP.
set -u
row=${3:?}
# shellcheck source=test/integration/scene.sh
. "${0%/*}/../integration/scene.sh"
# shellcheck source=test/token/kinds.sh
. "${0%/*}/kinds.sh"
scene_undo=row_end
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
printf '# matrix\ttoken=%s\tecdsa=%s\tecdh (mode 2)=%s\tdata objects=%s\tsees others=%s\tbound keys=%s\tsessions=%s\tmark in=%s\traw/s=%s\tserved/s=%s\tdevices=%s\n' \
    "$row" "$(can ecdsa)" "$(can ecdh)" "$(can data)" "$(can sees)" "$(can bound)" "$(can sessions)" "$mark" "$(can raw)" "$served" "$devices"
plan
