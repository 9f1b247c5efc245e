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
work=$scene socket=$scene/operator.sock incident=
# shellcheck source=packaging/stage.sh
. "$top/packaging/stage.sh"
# shellcheck source=packaging/rehearsal.sh
. "$top/packaging/rehearsal.sh"
scene_undo=: # a command that the end runs after the service has ended
scene_end() {
    $scene_undo
    rm -rf "$scene"
}
stage_at_end scene_end

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
# --- talking to the service ---

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
# --- a scene ---

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
# Signers begin when the gate is open, so that "not there yet" is a place and not a moment.
scene_gated() {
    cat >"$scene/gated-signer" <<END
#!/bin/sh
while [ -e "$scene/gate-is-shut" ]; do sleep 0.05; done
exec "$tools/pkcs11/smki-recovery-signer" "\$@"
END
    chmod +x "$scene/gated-signer" && scene_set Service "SignerProgram=$scene/gated-signer"
}
# An incident that waits for the PMA's word.
scene_referred() {
    rehearsal_notice && rehearsal_to_pma "$pki/bundle.pem" "$roster"
}
# ... and has it, with the key switched on; ready for a batch.
scene_active() {
    scene_referred && scene_decide . && scene_activate
}
# scene_decide FILTER: $scene/decision.json and .cms, by three of five; FILTER changes the draft.
scene_decide() {
    ctl --quiet decision draft "$incident" >"$scene/draft.json" &&
        rehearsal_decision "$scene/draft.json" "$scene/decision.json" supplier "$1" &&
        rehearsal_sign "$scene/decision.json" "$scene/decision.cms" pma-1 pma-2 pma-3
}
scene_activate() {
    rehearsal_activate "$scene/decision.json" "$scene/decision.cms"
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

# --- what somebody makes by hand ---

# scene_rehash FILE FROM: numbers and hashes made anew from that line on, as somebody does who knows the form.
scene_rehash() {
    head -n $(($2 - 1)) "$1" >"$1.new"
    prev=$(tail -n 1 "$1.new" | jq -r .hash)
    [ -n "$prev" ] || prev=$(printf '%064d' 0)
    seq=$2
    tail -n +"$2" "$1" | while IFS= read -r line; do
        text=$(printf '%s' "$line" | jq -c --arg prev "$prev" --argjson seq "$seq" 'del(.hash, .prev) | .seq = $seq | . + {prev: $prev}')
        prev=$(printf '%s' "$text" | sha256sum | cut -c 1-64)
        printf '%s,"hash":"%s"}\n' "${text%?}" "$prev" >>"$1.new"
        seq=$((seq + 1))
    done
    mv "$1.new" "$1"
}
