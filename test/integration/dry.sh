#!/bin/sh
# SPDX-License-Identifier: MIT
# --dry-run: a whole recovery in which each step is judged dry first: dry.sh BUILD SOURCE. TAP.
# The database has the same content before and after, row by row, and no file was left; then the step is taken, and its
# answer is what the dry run said.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"

second=3107
must stage_make 6
must scene_set Service TwoPersonSec=86400
must scene_set Service ExerciseLogins=yes
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
must service_start
must eventually signers_ready

# All that the service has written down, but for how far its signers have counted by themselves.
written() {
    sqlite3 -readonly "$scene/service/recovery.db" .dump &&
        (cd "$scene/service" && find . -type f ! -name 'recovery.db*' ! -name '*.lock')
}
unchanged() {
    written >"$scene/now" && diff "$scene/then" "$scene/now"
}
# An answer without what differs between two moments.
timeless() {
    jq -S 'del(.dry_run, .rate) | walk(if type == "string" and test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T") then "TIME" else . end)' "$1"
}
judged() { # judged CTL-ARGUMENT...: nothing is done
    written >"$scene/then" && stage_patient ctl_once --json --dry-run "$@" >"$scene/dry" && unchanged &&
        jq -e '.dry_run == true' "$scene/dry"
}
# Each step of the rehearsal goes through here, while $walking is not empty.
walking=yes
ctl() {
    case "$walking $* " in
        ' '* | *' show '* | *' draft '*) ctl_once "$@"; return ;;
    esac
    if judged "$@" >"$scene/why" 2>&1 && stage_patient ctl_once --json "$@" >"$scene/done" &&
        timeless "$scene/dry" >"$scene/said" && timeless "$scene/done" | diff "$scene/said" - >"$scene/why"; then
        echo "$*" >>"$scene/judged"
    else
        { echo "$*"; cat "$scene/why"; } >>"$scene/wrong"
    fi
    cat "$scene/done"
}
: >"$scene/wrong"
must scene_active
must scene_batch all
ctl batch pause "$batch" >"$scene/log"
ctl batch resume "$batch" >"$scene/log"
export SMKI_RECOVERY_EXERCISE_LOGIN=$second
ctl --yes batch confirm "$batch" >"$scene/log"
unset SMKI_RECOVERY_EXERCISE_LOGIN
walked() {
    cat "$scene/wrong"
    [ ! -s "$scene/wrong" ] && same "$(grep -cE '^' "$scene/judged")" 17
}
t 'a recovery, each step judged first: nothing is written, and the answer is what then comes' walked
must eventually batch_is 'done'
walking=

# A number that was spoken of is the next one's: nothing was used up.
same_number() {
    ctl --json --dry-run incident open --exercise --initiator dcc --notice n 'Twice' | jq -r .id >"$scene/first" &&
        same "$(ctl --json incident open --exercise --initiator dcc --notice n 'Twice' | jq -r .id)" "$(cat "$scene/first")"
}
t 'no id is used' same_number
key() { # a key stands for what was done
    ctl --dry-run --key k-1 incident open --exercise --initiator dcc --notice n One &&
        ctl --key k-1 incident open --exercise --initiator dcc --notice n Two
}
t 'no answer is kept under the key' key
no_question() {
    ctl --dry-run batch start "$incident" "$decision" --rows unfinished >"$scene/out" 2>"$scene/err" </dev/null
    same $? 1 && cat "$scene/err" && grep -q '  rule    decision.attempts' "$scene/err"
}
t 'there is no question, and what is refused says by which rule' no_question
says_so() {
    ctl --dry-run incident open --exercise --initiator dcc --notice n Three 2>"$scene/err" | grep 'dry run: *yes' &&
        grep 'has changed nothing' "$scene/err" &&
        ctl --dry-run policy list decision 2>"$scene/err" >"$scene/out" && grep 'changes nothing' "$scene/err"
}
t 'the command says that it was one' says_so

# A refusal leaves no record either; the journal has both, and no word of an act.
refused_dry() {
    written >"$scene/then" && ctl --dry-run incident event "$incident" close --evidence x >"$scene/out" 2>"$scene/err"
    same $? 1 && cat "$scene/err" && grep -q '^  rule    incident' "$scene/err" && unchanged
}
t 'a refusal is none on record' refused_dry
journal() {
    same "$(grep -c "batch $batch of 6 rows is waiting" "$scene/service.log")" 1 &&
        grep 'dry run: POST /v1/batches would be done' "$scene/service.log" &&
        grep 'dry run: POST .*/events would be refused: .* -- incident\.' "$scene/service.log"
}
t 'the journal has that it was asked for, and the act once' journal

# What cannot be judged without being done says so.
echo 00 >"$scene/answers"
undone() { # undone CTL-ARGUMENT...
    written >"$scene/then" && ctl --dry-run "$@" >"$scene/out" 2>"$scene/err"
    same $? 3 && cat "$scene/err" && grep -q '^  rule    request.dry-run$' "$scene/err" && unchanged
}
t 'answers of devices' undone responses add "$incident" "$scene/answers"
t 'a file and its signature' undone file add "$incident" "$scene/answers" "$scene/decision.cms"
t 'a progress file' undone file progress "$incident" --id P-1 --organisation O --role R --officer F --out "$scene/progress"
t 'pre-commands made elsewhere' undone pre-commands compare "$incident" "$decision" "$scene/answers"
t 'commands on their way out' undone commands export "$batch" --out "$scene/commands"
t 'an archive of them' undone commands export "$batch" --tar "$scene/commands.tar"
t 'a backup' undone backup --out "$scene/backup.tar"
t 'evidence' undone evidence export "$incident" --out "$scene/evidence"
head_is() { # the one value of the header
    curl -sS --unix-socket "$socket" -H "Dry-Run: $1" -H 'Content-Type: application/json' \
        --data '{"title":"x","initiator":"dcc","exercise":true,"notice":"n"}' http://localhost/v1/incidents | jq -r .id
}
t 'another value of the header than yes is refused' same "$(head_is no)" request.head

# No row of the table says that it can be judged whose handler does not go the one way.
one_way() {
    awk 'FNR == 1 { name = "" }
        FILENAME !~ /api\.c$/ && match($0, /^HANDLER\([a-z_]+\)/) { name = substr($0, 9, RLENGTH - 9) }
        name != "" && /return service_change\(/ { way[name] = 1 }
        FILENAME ~ /api\.c$/ && /^ *(POST|PUT)\("/ { row = "" }
        FILENAME ~ /api\.c$/ { row = row $0 }
        FILENAME ~ /api\.c$/ && /\),$/ && row ~ /^ *(POST|PUT)\("/ {
            n++; name = row; sub(/\),$/, "", name); sub(/.*[ (]/, "", name)
            if (!(name in way)) print name
            row = ""; name = ""
        }
        END { print n " rows" }' "$top"/daemon/api_*.c "$top/daemon/api.c" | sort >"$scene/rows"
    # these two change nothing
    printf '20 rows\napi_policy_test\napi_review\n' | diff - "$scene/rows"
}
t 'each request that can be judged goes the one way' one_way
t 'the service ends in order' service_stop
plan
