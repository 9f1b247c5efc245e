# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A scene - the real service, a real signer, a throw-away token - and what happens in it: what
# the integration and crash tests share. Read by '.' with the test's arguments BUILD SOURCE.
# Speaks TAP. Ends, by pid, what it has started; waits for events, never for a time.

tools=${1:?} top=${2:?}
umask 077

scene_skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
for scene_word in softhsm2-util openssl jq curl; do
    command -v "$scene_word" >/dev/null || scene_skip "$scene_word is not installed"
done
[ -f /usr/lib/softhsm/libsofthsm2.so ] || scene_skip 'no SoftHSM module'

scene=$(mktemp -d)
# shellcheck disable=SC2034 # for stage.sh
work=$scene
# shellcheck source=packaging/stage.sh
. "$top/packaging/stage.sh"
# shellcheck source=packaging/rehearsal.sh
. "$top/packaging/rehearsal.sh"
socket=$scene/operator.sock
service=
incident=
scene_undo=: # a command that the end runs after the service has ended
scene_end() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$service" ]; then
        kill -KILL "$service" 2>/dev/null
        wait "$service" 2>/dev/null
    fi
    $scene_undo
    rm -rf "$scene"
    exit $status
}
trap scene_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- TAP ---

n=0
failed=0
# t NAME COMMAND...: one case.
t() {
    n=$((n + 1))
    scene_name=$1
    shift
    if "$@" >"$scene/log" 2>&1; then
        echo "ok $n - $scene_name"
    else
        echo "not ok $n - $scene_name"
        {
            cat "$scene/log"
            [ ! -s "$scene/service.log" ] || tail -n 5 "$scene/service.log"
        } | sed 's/^/# /'
        failed=$((failed + 1))
    fi
}
skip() { # skip NAME WHY
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
plan() {
    echo "1..$n"
    [ "$failed" -eq 0 ]
}
# Everything after it needs what it does.
must() {
    if ! "$@" >"$scene/log" 2>&1; then
        sed 's/^/# /' "$scene/log"
        [ ! -s "$scene/service.log" ] || tail -n 20 "$scene/service.log" | sed 's/^/# /'
        echo "Bail out! $*"
        exit 1
    fi
}
not() {
    ! "$@"
}
same() { # same GOT WANTED
    [ "$1" = "$2" ] || {
        echo "is $1, not $2"
        false
    }
}
eventually() { # eventually COMMAND...: while the service lives
    stage_wait "$service" "$@"
}

# --- talking to the service ---

ctl() {
    stage_patient ctl_once "$@"
}
ctl_once() {
    "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}
get() {
    curl -sS --unix-socket "$socket" "http://localhost$1"
}
field() { # field PATH FILTER: of what the service answers
    get "$1" | jq -r "$2"
}
state_is() {
    same "$(field "/v1/incidents/$incident" .state)" "$1"
}
batch_is() {
    same "$(field "/v1/batches/$batch" .state)" "$1"
}
signed() {
    field "/v1/batches/$batch" .signed
}
signed_above() {
    scene_signed=$(signed) && [ "$scene_signed" -gt "$1" ]
}
signers_ready() {
    get /v1/status | jq -e '.state == "ready"' >/dev/null
}
signer_pids() {
    field /v1/status '.signers[] | select(.pid > 0) | .pid'
}

# --- the service ---

# service_start [NAME=VALUE...]: with that in its environment; until it answers.
service_start() {
    service_launch "$@"
    eventually get /v1/status
}
service_launch() {
    env "$@" "$tools/daemon/smki-recoveryd" --config "$scene/recovery.conf" \
        >>"$scene/service.log" 2>&1 &
    service=$!
}
# In order; its exit status.
service_stop() {
    kill -TERM "$service"
    service_wait
}
service_wait() {
    wait "$service"
    scene_status=$?
    service=
    return $scene_status
}
service_kill() {
    kill -KILL "$service"
    wait "$service" 2>/dev/null
    service=
}
service_gone() {
    stage_gone "$service"
}

# --- a scene ---

# scene_make N: token, configuration, keys, certificates, N meters and their roster.
scene_make() {
    rehearsal_token "$scene" &&
        rehearsal_config "$scene" "$socket" >"$scene/recovery.conf" &&
        chmod 600 "$scene/recovery.conf" &&
        "$tools/pkcs11/smki-recovery-ceremony" generate --config "$scene/recovery.conf" --all \
            --out "$scene/public.pem" &&
        rehearsal_certificates "$scene/pki" "$scene/public.pem" &&
        rehearsal_meters "$scene/meters" "$scene/pki" "$1" &&
        roster=$scene/meters/roster.csv
}
# scene_set SECTION KEY=VALUE: one setting, instead of what the section says now.
scene_set() {
    awk -v section="[$1]" -v line="$2" 'BEGIN { key = substr(line, 1, index(line, "=")) }
        /^\[/ { here = $0 == section }
        here && index($0, key) == 1 { next }
        { print }
        $0 == section { print line; seen = 1 }
        END { if (!seen) { print section; print line } }' \
        "$scene/recovery.conf" >"$scene/recovery.conf.new" &&
        mv "$scene/recovery.conf.new" "$scene/recovery.conf"
}
# An incident that waits for the PMA's word.
scene_referred() {
    rehearsal_to_pma "$scene/pki/bundle.pem" "$roster"
}
# ... and has it, with the key switched on; ready for a batch.
scene_active() {
    scene_referred && scene_decide . && scene_activate
}
# scene_decide FILTER: $scene/decision.json and .cms, by three of five; FILTER changes the draft.
scene_decide() {
    ctl --quiet decision draft "$incident" >"$scene/draft.json" &&
        rehearsal_decision "$scene/pki" "$scene/draft.json" "$scene/full.json" &&
        jq "$1" "$scene/full.json" >"$scene/decision.json" &&
        rehearsal_sign "$scene/pki" "$scene/decision.json" "$scene/decision.cms" pma-1 pma-2 pma-3
}
scene_activate() {
    eventually signers_ready &&
        rehearsal_activate "$scene/pki" "$scene/decision.json" "$scene/decision.cms" "$scene"
}
# scene_batch ROWS: ask for one (all, unfinished); sets $batch. Twice is once.
scene_batch() {
    batch=$(ctl --json --yes --key "batch-$decision-$1" batch start "$incident" "$decision" \
        --rows "$1" | jq -r .id) && [ "$batch" -gt 0 ]
}

# --- what must hold at every moment ---

# The audit trail is whole and no counter stands in it twice.
chain_whole() {
    rm -f "$scene/audit.jsonl"
    ctl --quiet audit export --out "$scene/audit.jsonl" && ctl audit verify "$scene/audit.jsonl"
}
# commands_out DIR: the commands of $batch.
commands_out() {
    ctl --quiet commands export "$batch" --out "$1"
}
commands_are() { # commands_are DIR N
    same "$(find "$1" -name '*.bin' | wc -l)" "$2"
}
# Among the names <EUI-64>-<counter>.bin no counter, or device, is in two.
counters_once() {
    scene_once 2 "$@"
}
devices_once() {
    scene_once 1 "$@"
}
scene_once() {
    scene_field=$1
    shift
    find "$@" -name '*.bin' | sed 's|.*/||' | sort -u | cut -d - -f "$scene_field" | sort | uniq -d >"$scene/twice"
    head -n 5 "$scene/twice"
    [ ! -s "$scene/twice" ]
}
# Simulated meters would carry out each command of DIR.
meters_accept() {
    find "$1" -name '*.bin' >"$scene/files" &&
        xargs "$tools/test/meter/smki-meter" judge --state "$scene/meters" <"$scene/files" \
            >"$scene/judged"
}
# The audit trail names every counter of DIR's commands: none left that is not on file.
audited() {
    find "$1" -name '*.bin' | sed 's/.*-\([0-9]*\)\.bin$/\1/' | sort -n >"$scene/counters"
    jq -r 'select(.kind == "BATCH_SIGNED") | "\(.data.first_counter) \(.data.last_counter)"' \
        "$scene/audit.jsonl" | sort -n >"$scene/runs"
    awk 'NR == FNR { first[NR] = $1; last[NR] = $2; n = NR; next }
        FNR == 1 { i = 1 }
        { while (i <= n && last[i] < $1) i++
          if (i > n || $1 < first[i]) { print "counter " $1 " is not on file"; bad = 1 } }
        END { exit bad }' "$scene/runs" "$scene/counters"
}
