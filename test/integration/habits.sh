#!/bin/sh
# SPDX-License-Identifier: MIT
# What people and scripts expect of a command: errors as JSON, exit statuses where nothing can be written or nobody reads,
# Ctrl-C at a real terminal, paging, tables that fit: habits.sh BUILD SOURCE. TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
command -v script >/dev/null || scene_skip 'script(1) is not installed'

must stage_make 6
second=3107
must scene_set Service TwoPersonSec=86400
must scene_set Service ExerciseLogins=yes
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
must service_start
must eventually signers_ready
must scene_active
must scene_batch all
tool="$tools/daemon/smki-recoveryctl --socket $socket"

# --- JSON ---

# problem EXIT FILTER CTL-ARGUMENT...: nothing on standard output, one problem on standard error.
problem() {
    problem_exit=$1 problem_filter=$2
    shift 2
    ctl_once --json "$@" >"$scene/out" 2>"$scene/err" </dev/null
    same $? "$problem_exit" && cat "$scene/err" && [ ! -s "$scene/out" ] && same "$(wc -l <"$scene/err")" 1 &&
        jq -e --argjson exit "$problem_exit" '.schema == "smki-recoveryctl/1" and .exit == $exit and (.type | length > 0)
            and (.title | length > 0) and (.detail | length > 0) and ('"$problem_filter"')' "$scene/err"
}
t 'a refusal of the service is a problem with its status and rule' problem 1 \
    '.status == 403 and .id == "incident.no-transition" and .type == "urn:smki-recovery:rule:incident.no-transition" and (.advice | length > 0)' \
    incident event "$incident" close
t 'what is not there' problem 4 '.status == 404 and .id == "incident.none"' incident show I-none
t 'a service that is not there' problem 6 '.id == "client.no-socket" and .status == null' --socket "$scene/none" status
t 'a verb that is not there' problem 2 '.type == "about:blank" and (.next | test("help"))' stauts
t 'an option that is not there, in front of --json' problem 2 '.detail | test("no option --rwos")' batch start x y --rwos
t 'a file that is not there' problem 4 '.detail | test("cannot be read")' roster add "$incident" "$scene/none"
t 'a question that nobody can answer' problem 2 '.detail | test("needs a yes")' batch start "$incident" "$decision"
services_own() {
    curl -sS --unix-socket "$socket" -X POST http://localhost/v1/batches/9/pause -o "$scene/out" -w '%{content_type}' >"$scene/type" &&
        same "$(cat "$scene/type")" application/problem+json &&
        jq -e '.status == 404 and (.type | startswith("urn:smki-recovery:rule:")) and (.title | length > 0) and (.detail | length > 0)' "$scene/out"
}
t 'the service says it so too' services_own
versioned() { # each verb that only looks; and nothing on standard error
    for verb in status 'incident list' "incident show $incident" 'batch list' "batch show $batch" 'keys list' "figures $incident" \
        "devices $incident" 'custodians list' 'ceremony list' 'policy list' 'policy explain decision.window' 'incident states' \
        'hsm-loss recovery-key' "decision show $incident $decision"; do
        # shellcheck disable=SC2086 # words
        if ! ctl_once --json $verb >"$scene/out" 2>"$scene/err" || [ -s "$scene/err" ] ||
            ! jq -e '.schema | length > 0' "$scene/out" >"$scene/schema"; then
            echo "$verb"
            head -c 300 "$scene/out" "$scene/err"
            return 1
        fi
    done
}
t 'each answer has the version of its form' versioned

# --- nothing can be written, nobody reads ---

full() { # full CTL-ARGUMENT...
    ctl_once "$@" >/dev/full 2>"$scene/err"
    same $? 7 && cat "$scene/err" && grep -q '^smki-recoveryctl: ' "$scene/err"
}
t 'a full disk: a table' full incident list
full_json() {
    ctl_once --json status >/dev/full 2>"$scene/err"
    same $? 7 && jq -e '.exit == 7' "$scene/err"
}
t 'a full disk: JSON' full_json
t 'a full disk: the help' full --help
t 'a full disk: what is taken out' full audit export
mkfifo "$scene/unread"
unread() { # unread CTL-ARGUMENT...: into a pipe whose reader has gone
    (
        exec 6<>"$scene/unread"
        exec 7>"$scene/unread"
        exec 6>&-
        ctl_once "$@" >&7 2>"$scene/err"
    )
    same $? 141 && same "$(wc -c <"$scene/err")" 0
}
t 'nobody reads: a table' unread policy list
t 'nobody reads: JSON' unread --json policy list
t 'nobody reads: what is taken out' unread audit export

# --- Ctrl-C, at a terminal ---

mkfifo "$scene/keys"
exec 8<>"$scene/keys"
# at_terminal COMMAND: begins it; what it shows is in $scene/shown.
at_terminal() {
    script -qec "stty cols 80; exec $1" /dev/null <"$scene/keys" >"$scene/shown" 2>&1 &
    terminal=$!
}
# stopped COMMAND: Ctrl-C ends it with 130.
press_stop() {
    printf '\003' >&8
    terminal_status=0
    wait "$terminal" || terminal_status=$?
    cat "$scene/shown"
    same "$terminal_status" 130
}
incoming() { # N: so many uploads are on their way
    same "$(find "$scene/service/incoming" -name 'upload-*' | wc -l)" "$1"
}
mkfifo "$scene/slow"
exec 9<>"$scene/slow"
stop_upload() {
    before=$(field "/v1/incidents/$incident" '.rosters | length')
    head -n 3 "$roster" >&9
    at_terminal "$tool roster add $incident $scene/slow" && stage_wait $$ incoming 1 && press_stop &&
        stage_wait $$ incoming 0 && same "$(field "/v1/incidents/$incident" '.rosters | length')" "$before" &&
        grep -q 'key  *[0-9a-f]\{32\}' "$scene/shown"
}
t 'Ctrl-C: an upload leaves nothing, and says by which key it can be sent again' stop_upload
taken() {
    get "/v1/audit?from=1" | grep -c '"kind":"RESPONSES_TAKEN".*"whole":false'
}
stop_answers() { # what came before counts, and is on record as a part
    echo 00 >&9
    at_terminal "$tool responses add $incident $scene/slow" && stage_wait $$ connected && press_stop && stage_wait $$ same_taken
}
connected() { # somebody has an open connection besides this question
    same "$(awk -v socket="$socket" '$6 == "03" && $8 == socket { n++ } END { print n + 0 }' /proc/net/unix)" 1
}
same_taken() {
    same "$(taken)" 1
}
t 'Ctrl-C: answers that came are on record as a part' stop_answers
asked() {
    grep -q 'Type yes' "$scene/shown"
}
stop_question() {
    n_batches=$(field /v1/batches '.batches | length')
    at_terminal "$tool batch start $incident $decision" && stage_wait $$ asked && press_stop &&
        same "$(field /v1/batches '.batches | length')" "$n_batches"
}
t 'Ctrl-C: a question is no yes' stop_question
seen() {
    grep -q waiting "$scene/shown"
}
stop_watch() {
    at_terminal "$tool batch watch $batch" && stage_wait $$ seen && press_stop && batch_is waiting
}
t 'Ctrl-C: whoever watches leaves the batch alone' stop_watch
part() {
    ls "$scene/trail.part"
}
stop_export() { # the service does not answer; the file was begun
    kill -STOP "$(service_pid)"
    at_terminal "$tool audit export --out $scene/trail" && stage_wait $$ part && press_stop
    export_status=$?
    kill -CONT "$(service_pid)"
    [ $export_status -eq 0 ] && not ls "$scene/trail.part" && not ls "$scene/trail"
}
t 'Ctrl-C: no half of a file stays' stop_export

# --- at a terminal ---

shown() { # shown COMMAND: what it shows there, from its start to its end
    script -qec "stty cols 60; $1" /dev/null </dev/null >"$scene/shown" 2>&1
}
pages() {
    shown "PAGER='sed s/^/paged:/' $tool policy list" && grep -q '^paged:RULE' "$scene/shown" &&
        shown "PAGER='sed s/^/paged:/' $tool --no-pager policy list" && not grep -q paged "$scene/shown" &&
        shown "PAGER='sed s/^/paged:/' $tool --json policy list" && not grep -q paged "$scene/shown" &&
        PAGER='sed s/^/paged:/' ctl_once policy list >"$scene/out" && not grep -q paged "$scene/out"
}
t 'what is long is paged at a terminal, and nowhere else' pages
left_early() {
    shown "PAGER='head -n 1' $tool policy list" && grep -q '^RULE' "$scene/shown" && same "$(wc -l <"$scene/shown")" 1
}
t 'a pager that is left early is no failure' left_early
fits() {
    shown "$tool --no-pager policy list" && awk '{ sub(/\r$/, "") } length($0) > 60 { print; bad = 1 } END { exit bad || NR < 50 }' "$scene/shown" &&
        ctl_once policy list | awk 'length($0) > 60 { n++ } END { exit n < 50 }'
}
t 'a table fits the terminal, and is whole elsewhere' fits
coloured() {
    esc=$(printf '\033')
    shown "env -u NO_COLOR TERM=xterm $tool --no-pager status" && grep -q "$esc" "$scene/shown" &&
        shown "NO_COLOR=1 TERM=xterm $tool --no-pager status" && not grep -q "$esc" "$scene/shown" &&
        ctl_once status >"$scene/out" && not grep -q "$esc" "$scene/out"
}
t 'states have colours at a terminal, but for NO_COLOR' coloured
bar() { # of a list that is too long to be one
    truncate -s 300M "$scene/long.csv"
    not shown "$tool roster add $incident $scene/long.csv" && tr '\r' '\n' <"$scene/shown" >"$scene/lines" && tail -n 12 "$scene/lines" &&
        grep -q 'iB/s .* left' "$scene/lines" && ! ctl_once roster add "$incident" "$scene/long.csv" 2>"$scene/err" && not grep -q 'iB/s' "$scene/err"
}
t 'an upload shows its rate and what is left, at a terminal alone' bar

# --- a batch that is not even begun ---

list=$scene/service/rosters/$(sha256sum <"$roster" | cut -d ' ' -f 1).csv
waits_as() { # waits_as STATE NEXT: its entry of the screen, and its line in the journal
    get /v1/status | jq -e --arg id "$batch" --arg state "$1" --arg next "$2" \
        '.waits[] | select(.what == "batch" and .name == $id) | .state == $state and .next == $next and (.why | length > 0)' &&
        grep "batch $batch is $1 before its first row: " "$scene/service.log"
}
held_first() { # its list is gone when it is taken up
    mv "$list" "$scene/list" && SMKI_RECOVERY_EXERCISE_LOGIN=$second ctl_once --yes batch confirm "$batch" && stage_wait $$ batch_is held &&
        waits_as held "batch resume $batch"
}
t 'one that cannot be begun is in the journal and on the screen' held_first
stopped_first() { # ... and another one lies there
    sed '$d' "$scene/list" >"$list" && ctl batch resume "$batch" && stage_wait $$ batch_is stopped &&
        waits_as stopped "batch start $incident DECISION"
}
t 'one whose decision does not carry it too, as long as the decision stands' stopped_first
mv "$scene/list" "$list"
t 'the service ends in order' service_stop
plan
