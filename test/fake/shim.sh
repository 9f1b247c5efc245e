# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The module that goes wrong on demand (p11_shim.c), in front of SoftHSM: what a test sets and
# asks. Read by '.' after packaging/stage.sh; everything is below $work.

shim=$tools/test/fake/p11_shim.so
P11_SHIM_MODULE=/usr/lib/softhsm/libsofthsm2.so
P11_SHIM_COUNT_DIR=$work/uses
P11_SHIM_GATE_DIR=$work/gates
export P11_SHIM_MODULE P11_SHIM_COUNT_DIR P11_SHIM_GATE_DIR
mkdir -p "$P11_SHIM_COUNT_DIR" "$P11_SHIM_GATE_DIR"

# uses KEY: of the key with that label, counted by the module itself.
uses() {
    find "$P11_SHIM_COUNT_DIR" -name "$1" -printf '%s\n' | grep . || echo 0
}
# gate_shut KEY N: after N more uses that key's next ones wait, whichever signer asks.
gate_shut() {
    gate_at=$(($(uses "$1") + $2))
    echo $gate_at >"$work/gate.new" && mv "$work/gate.new" "$P11_SHIM_GATE_DIR/$1"
}
gate_open() {
    rm "$P11_SHIM_GATE_DIR/$1"
}
# Somebody stands at the gate, or is about to.
gate_reached() {
    [ "$(uses "$1")" -ge "$gate_at" ]
}
