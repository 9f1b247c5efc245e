#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk is full in the middle of a batch: full.sh BUILD SOURCE. TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/../integration/scene.sh"
devices=10000

[ "$(id -u)" = 0 ] || scene_skip 'needs root: a small file system is mounted'
must mkdir -m 700 "$scene/service"
if ! mount -t tmpfs -o size=5m,mode=700 tmpfs "$scene/service" 2>/dev/null; then
    scene_skip 'nothing can be mounted here'
fi
scene_undo="umount $scene/service"

must stage_make $devices
must service_start
must scene_active
room() {
    df --output=avail -k "$scene/service" | tail -n 1
}
# Leave 300 KiB: enough to begin, not to end.
must dd if=/dev/zero of="$scene/service/ballast" bs=1024 count="$(($(room) - 300))"
must scene_batch all
stops() { # what comes out meanwhile is looked at in the end
    commands_out "$scene/early.d"
    service_gone
}
t 'the service stops' eventually stops
status_1() {
    service_wait
    same $service_status 1
}
t 'with exit status 1' status_1
t 'and says why' grep -q 'the service stops: .*disk is full' "$scene/service.log"
no_room() {
    service_launch && eventually service_gone && status_1
}
t 'without room it stops again' no_room
rm "$scene/service/ballast"
t 'after room is made it starts' service_start
t 'the audit trail is whole' chain_whole
t 'the batch is finished' eventually batch_is 'done'
on_disk() {
    commands_out "$scene/out.d" && for file in "$scene/early.d"/*.bin; do
        [ ! -e "$file" ] || cmp "$file" "$scene/out.d/${file##*/}" || return 1
    done
}
t 'nothing had come out that was not on disk' on_disk
all_out() {
    commands_out "$scene/out.d" && commands_are "$scene/out.d" $devices && devices_once "$scene/out.d" &&
        counters_once "$scene/out.d" && chain_whole && audited "$scene/out.d" && meters_accept "$scene/out.d"
}
t 'every device has its command, no counter stands twice' all_out
t 'the service ends in order' service_stop

plan
