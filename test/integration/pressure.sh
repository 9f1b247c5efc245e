#!/bin/sh
# SPDX-License-Identifier: MIT
# The service under pressure: whoever reads its lines sleeps, a signer has grown, descriptors run out; and what it says of
# a module that is a program: pressure.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"
devices=600

must stage_make $devices
must scene_set 'Token "rehearsal"' 'Standard=FIPS 140-3 level 3, certificate 4711'
must scene_set 'Token "rehearsal"' Workers=1
must scene_set Signer RenewAfter=1
# Its lines go into a pipe; the reader can be put to sleep.
mkfifo "$scene/service.log"
cat "$scene/service.log" >"$scene/said" &
reader=$!
stop_reader() {
    kill -KILL $reader 2>/dev/null || : # it ends with the last writer
}
scene_undo=stop_reader
must service_start
must eventually signers_ready

# --- the module ---

denied() {
    field /v1/status .standard | grep -q '^none: a software token' && chain_whole &&
        jq -se 'map(select(.kind == "SERVICE_STARTED"))[0].data.standard == "FIPS 140-3 level 3, certificate 4711" and
            (map(select(.kind == "STANDARD_DENIED")) | length == 1 and (.[0].data.what | startswith("SoftHSM")))' "$scene/audit.jsonl"
}
t 'a standard that is stated of a software token is denied, in status and on record' denied
t 'and in the journal' eventually grep -aq 'is stated of a software token, which has none' "$scene/said"

# --- a reader that sleeps ---

kill -STOP $reader
# Full is full: what is written now finds no room. A write that does not wait says so.
fill() {
    ! dd if=/dev/zero of="$scene/service.log" oflag=nonblock bs=512 count=2000
}
t 'the pipe is full' fill
t 'incidents and decisions go on' scene_active
old=$(signer_pids)
t 'a batch is asked for' scene_batch all
t 'and signed, by signers whose lines nobody reads' eventually batch_is 'done'
# It has set counters aside, and its module keeps memory of every object that this destroyed.
renewed() {
    new=$(signer_pids) && [ -n "$new" ] && [ "$new" != "$old" ] && signers_ready
}
t 'the signer begins anew when nothing is signed' eventually renewed
not_lost() {
    get /v1/status | jq -e '.signers[0].restarts == 0'
}
t 'which is no loss' not_lost
asked() {
    "$tools/test/bench/bench-ask" --socket "$socket" --times 1000 >"$scene/asked" 2>&1
    sed 's/^/# status while the reader sleeps: /' "$scene/asked" >&3
    grep -q 1000 "$scene/asked"
}
exec 3>&1
t 'status is answered' asked
lost() {
    [ "$(field /v1/status .log_lines_lost)" -gt 5 ] && get /metrics | grep -q '^smki_recovery_log_lines_lost_total [1-9]'
}
t 'status says how many lines were lost' lost
kill -CONT $reader
t 'the reader, awake, is told' eventually grep -aq '<4>[0-9]* lines were lost here' "$scene/said"

# --- out of descriptors ---

if command -v prlimit >/dev/null; then
    # A few are left, which the service keeps for itself.
    out() {
        prlimit --pid "$(service_pid)" --nofile="$(($(find "/proc/$(service_pid)/fd" | wc -l) + 5)):" &&
            get /v1/status | jq -e '.id == "request.crowded"' && get /v1/status | jq -e '.id == "request.crowded"'
    }
    t 'short of descriptors nobody new is let in' out
    t 'it says so' eventually grep -aq 'raise LimitNOFILE=' "$scene/said"
    more() {
        prlimit --pid "$(service_pid)" --nofile=1024: && eventually signers_ready && chain_whole
    }
    t 'with some it goes on as if nothing had been' more
    once() {
        same "$(grep -ac 'raise LimitNOFILE=' "$scene/said")" 1
    }
    t 'it was said once' once
else
    skip 'out of descriptors' 'prlimit is not installed'
fi
all_out() {
    commands_out "$scene/out.d" && commands_are "$scene/out.d" $devices && counters_once "$scene/out.d"
}
t 'every device has its command, no counter stands twice' all_out
# One that nobody uses is let go after a while, so it may have to be read once more.
read_so_far() {
    get /metrics | sed -n 's/^smki_recovery_lists_read_total //p'
}
read_once() {
    before=$(read_so_far)
    for look in figures devices figures 'devices?limit=1' figures devices figures devices; do
        get "/v1/incidents/$incident/$look" | jq -e '.id == null' || return
    done
    [ "$(read_so_far)" -le $((before + 1)) ]
}
t 'however often devices and figures are asked for, the list is read once' read_once
t 'the service ends in order' service_stop
plan
