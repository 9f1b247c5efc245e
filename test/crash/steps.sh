#!/bin/sh
# SPDX-License-Identifier: MIT
# Death at every durable step of a batch: steps.sh BUILD SOURCE. TAP.
#
# die_at.so counts what the service does to files, from its start over a batch to its end, and
# kills it at the n-th such step. Afterwards it is started again and must finish. SMKI_CRASH_RUNS
# says how many n are tried, evenly spread (default 24; all: every one).
# shellcheck disable=SC2119 # service_start takes settings, or none
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/../integration/scene.sh"
devices=600

must stage_make $devices
must scene_set Counter Block=256
must scene_set 'Token "rehearsal"' Workers=1
must service_start
must scene_active
must service_stop
for part in service signer tokens; do
    mv "$scene/$part" "$scene/$part.kept"
done

die() { # die N: one life of the service, up to that step
    rm -rf "$scene/early.d" "$scene/out.d"
    for part in service signer tokens; do
        rm -rf "${scene:?}/$part" && cp -a "$scene/$part.kept" "$scene/$part"
    done
    service_launch LD_PRELOAD="$tools/test/fake/die_at.so" DIE_AT_PROGRAM=smki-recoveryd DIE_AT="$1" \
        DIE_AT_COUNT="$scene/count"
    eventually get /v1/status && scene_batch all && eventually finished
    service_stop
}
finished() { # what comes out meanwhile is looked at in the end
    service_gone || batch_is 'done' || {
        commands_out "$scene/early.d"
        false
    }
}
# Killed, not ended, at that step; then started again and to the end. No two lives take the
# same number of steps: one that ended before the step is tried again at an earlier one.
after_death() {
    die_at=$1
    die $die_at
    while [ "$service_status" -eq 0 ] && [ "$(cat "$scene/count")" -lt $die_at ]; do
        die_at=$(($(cat "$scene/count") * 9 / 10))
        die $die_at
    done
    same $service_status 137 || return 1
    service_start && scene_batch all && eventually batch_is 'done' && chain_whole && commands_out "$scene/out.d" &&
        commands_are "$scene/out.d" $devices && devices_once "$scene/out.d" && audited "$scene/out.d" &&
        counters_once "$scene/out.d" "$scene" && same_text && service_stop
}
# Whatever came out before the death is on file after it, octet by octet.
same_text() {
    for file in "$scene/early.d"/*.bin; do
        [ ! -e "$file" ] || cmp "$file" "$scene/out.d/${file##*/}" || return 1
    done
}
undisturbed() {
    die 0
    same $service_status 0 && steps=$(cat "$scene/count") && [ "$steps" -gt 50 ]
}
steps=0
t 'undisturbed, the steps are counted' undisturbed
echo "# $steps durable steps"
runs=${SMKI_CRASH_RUNS:-24}
[ "$runs" != all ] || runs=$steps
[ "$runs" -le "$steps" ] || runs=$steps
i=1
while [ $i -le "$runs" ]; do
    # the first of all, the last of all, and between them
    at=$((1 + (i - 1) * (steps - 1) / (runs > 1 ? runs - 1 : 1)))
    t "death at step $at" after_death $at
    i=$((i + 1))
done

plan
