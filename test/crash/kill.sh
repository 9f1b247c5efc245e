#!/bin/sh
# SPDX-License-Identifier: MIT
# SIGKILL in the middle of ten thousand commands, again and again: kill.sh BUILD SOURCE. TAP.
# shellcheck disable=SC2119 # service_start takes settings, or none
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/../integration/scene.sh"
devices=10000

must stage_make $devices
must scene_set Counter Block=512
must service_start
must scene_active
must scene_batch all

kill_service() { # at more than $1 rows
    eventually signed_above "$1" && reached=$scene_signed && service_kill
}
start_again() {
    service_start && chain_whole && [ "$(signed)" -ge "$reached" ]
}
early() { # what is there now is good for ever: looked at again at the end
    commands_out "$scene/early.d"
}
for point in 0 2500 5000; do
    t "the service is killed at more than $point rows" kill_service $point
    t 'it starts again; what was signed stays, the audit trail is whole' start_again
    t 'what is signed comes out' early
done
kill_signer() {
    eventually signers_ready && pid=$(signer_pids | head -n 1) && kill -KILL "$pid" && eventually replaced
}
replaced() {
    signers_ready && ! signer_pids | grep -qx "$pid"
}
t 'a signer is killed; another takes its place' kill_signer
t 'the batch is finished' eventually batch_is 'done'
all_out() {
    commands_out "$scene/out.d" && commands_are "$scene/out.d" $devices
}
t 'every device has its command' all_out
t 'and no other' devices_once "$scene/out.d"
t 'no counter stands for two' counters_once "$scene/out.d" "$scene/early.d"
same_text() {
    for file in "$scene/early.d"/*.bin; do
        echo "${file##*/}"
    done >"$scene/names"
    (cd "$scene/early.d" && sha256sum -- *.bin) >"$scene/sums" && (cd "$scene/out.d" && sha256sum --quiet -c "$scene/sums")
}
t 'what came out early is what comes out now' same_text
t 'the audit trail is whole, no counter stands in it twice' chain_whole
t 'every command is on file there' audited "$scene/out.d"
t 'the meters accept each' meters_accept "$scene/out.d"
t 'the service ends in order' service_stop

plan
