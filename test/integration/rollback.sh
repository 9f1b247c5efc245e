#!/bin/sh
# SPDX-License-Identifier: MIT
# Database, token, both, or neither: what was put back is told at the start, bars the signers, and no counter gets a
# second text. rollback.sh BUILD SOURCE. TAP.
#
#   SMKI_DEVICES=N  so many (default 600)
# shellcheck disable=SC2119 # services that take settings, or none
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
# shellcheck source=test/fake/shim.sh
. "$top/test/fake/shim.sh"
for word in pkcs11-tool sqlite3; do
    command -v $word >/dev/null || scene_skip "$word is not installed"
done
devices=${SMKI_DEVICES:-600}
us=90B3D51F30010001

must stage_make "$devices"
must scene_set 'Token "rehearsal"' Workers=1
must scene_set Signer ProbeIntervalSec=1
second=3106 # another operator, where there can be one
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
chmod 711 "$scene"
mkdir "$scene/share"
anchor=$scene/share/anchor.json
as_second() {
    setpriv --reuid $second --regid "$(id -g)" --clear-groups --no-new-privs -- \
        "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}

up() {
    service_start && eventually signers_ready
}
alarm() { # alarm RULE: status has it
    get /v1/status | jq -e --arg rule "$1" '[.alarms[] | select(.alarm == $rule)] | length > 0'
}
no_alarm() {
    get /v1/status | jq -e '.alarms | map(select(.alarm | startswith("ledger."))) == []'
}
noticed() { # noticed RULE: somebody outside is told
    jq -se --arg rule "$1" 'map(select(.kind == "ROLL_BACK_FOUND" and .body.alarm == $rule and .body.advice != "")) | map(.to) | unique == ["dcc", "pma"]' \
        "$scene"/service/outbox/*.json
}
state_barred() { # status does not call that ready
    same "$(field /v1/status .state)" 'counters barred'
}
told() { # told RULE: at the start, before anybody asks for a batch
    eventually alarm "$1" && grep -q "($1)" "$scene/service.log" && eventually noticed "$1" &&
        eventually state_barred
}
again() { # another batch of all devices
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && [ "$batch" -gt 0 ]
}
refused() { # refused RULE: a batch is held by it, and nothing of it was signed
    again && eventually batch_is held && field "/v1/batches/$batch" .reason | grep "^$1" && same "$(signed)" 0
}
keep() { # keep NAME: service, token and signer's files as they are now, with the service stopped
    service_stop && rm -rf "${scene:?}/$1" && mkdir "$scene/$1" && cp -a "$scene/service" "$scene/tokens" "$scene/signer" "$scene/$1"
}
put_back() { # put_back NAME PART...
    put_from=$1
    shift
    service_stop
    : >"$scene/service.log"
    for put_part; do
        rm -rf "${scene:?}/$put_part" && cp -a "$scene/$put_from/$put_part" "$scene/$put_part" || return 1
    done
}
restarted() {
    service_stop && up && eventually no_alarm
}
one_text() { # one_text DIR...: a file of one name has one content
    find "$@" -name '*.bin' -exec sha256sum {} + | sed 's|  .*/| |' | sort -u | cut -d ' ' -f 2 | uniq -d >"$scene/twice"
    head -n 5 "$scene/twice"
    [ ! -s "$scene/twice" ]
}
raise() { # raise TO
    ctl --yes counter raise $us "$1" --ceremony 'the disk was put back' 2>"$scene/said" || {
        cat "$scene/said"
        false
    }
}
lifted() {
    raise "$(needed)" && as_second --yes counter confirm $us && no_alarm && ctl batch resume "$batch" && eventually batch_is 'done'
}
lifted_by_itself() {
    ctl batch resume "$batch" && eventually batch_is 'done'
}
needed() {
    get /v1/status | jq -r '[.alarms[].raise_to_at_least // empty] | max'
}

must scene_set Service "Anchor=$anchor"
must up
must scene_referred
must scene_decide '.attempts = 9'
must scene_activate
must scene_batch all
must eventually batch_is 'done'
must commands_out "$scene/first.d"
anchored() {
    jq -e --arg us $us '.record.counters == [{originator: $us, up_to: '"$(get /v1/status | jq '.counters[0].reserved_up_to')"'}]' "$anchor"
}
t 'the anchor says how far counters are set aside' eventually anchored
t 'nothing alarms' no_alarm
must keep old
must up
must again
must eventually batch_is 'done'
must commands_out "$scene/second.d"
must keep new
must cp "$anchor" "$scene/new/anchor.json"

# --- 1: the database ---

must put_back old service
must up
t 'an older database is told at the start' told ledger.rolled-back
t 'and signs nothing' refused ledger.rolled-back

# --- 2: the token ---

must put_back new service
must put_back old tokens
must up
t 'an older token is told at the start' told ledger.token-behind
t 'and signs nothing' refused ledger.token-behind

# ... exchanged under the running service
must put_back new tokens
must up
cp -a "$scene/old/tokens" "$scene/tokens.old"
exchanged() {
    no_alarm && mv "$scene/tokens" "$scene/tokens.new" && mv "$scene/tokens.old" "$scene/tokens" && told ledger.token-behind
}
t 'a token exchanged for an older copy is told while the service runs' exchanged
resumed() {
    ctl batch resume "$batch" && eventually batch_is held && field "/v1/batches/$batch" .reason | grep '^ledger.token-behind' && same "$(signed)" 0
}
must eventually signers_ready
t 'and signs nothing, resumed' resumed

# --- 3: both, and the signers' files with them ---

must put_back old service tokens signer
must up
t 'state and token put back together are told at the start, by the anchor' told ledger.restored
t 'and sign nothing' refused ledger.restored
t 'the anchor keeps what it knows' test "$(jq '.record.counters[0].up_to' "$anchor")" -eq "$(needed)"
short() {
    not raise $(($(needed) - 1)) && grep 'ledger.raise-short' "$scene/said"
}
t 'raised less far than counters were used: refused' short
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && as_second --version >"$scene/log" 2>&1; then
    t 'raised by two operators it signs again' lifted
    must commands_out "$scene/third.d"
    t 'and no counter has two texts' one_text "$scene/first.d" "$scene/second.d" "$scene/third.d"
    t 'the anchor follows' eventually anchored
    t 'it is not told again after the next start' restarted
else
    skip 'raised by two operators it signs again' 'needs root and setpriv'
fi

# ... without an anchor: the signers' account, or an operator's word
must cp "$anchor" "$scene/word.json"
must put_back old service tokens
rm -rf "$scene/signer" && cp -a "$scene/new/signer" "$scene/signer"
must scene_set Service 'Anchor='
must up
t 'without an anchor the account of the signers tells it' told ledger.restored
must put_back old service tokens signer
must up
t 'without both nothing tells it' no_alarm
word() {
    same "$(ctl audit expect "$scene/word.json" >"$scene/said" 2>&1; echo $?)" 1 && grep 'this state is older' "$scene/said"
}
t 'an operator has a notice or an anchor at hand: it is older' word
t 'that is told as well' told ledger.restored
of_an_export() { # ... or any export
    same "$(ctl audit expect "$scene/second.d/record.json" >"$scene/said" 2>&1; echo $?)" 1 &&
        same "$(ctl audit expect "$scene/first.d/record.json" >"$scene/said" 2>&1; echo $?)" 0
}
t 'commands exported since tell it as well, those of before agree' of_an_export
t 'and counters are skipped far ahead' test "$(needed)" -gt 10000000
head_of() { # head_of DIR: the figures of the last head in the signers' account there
    grep '"kind":"HEAD"' "$scene/$1/signer/account.jsonl" | tail -n 1 | jq -r "$2"
}
figures() { # figures DIR WANTED: as the journal has them
    same "$(ctl audit expect --records "$(head_of "$1" .data.service_records)" --hash "$(head_of "$1" .data.service_hash)" >"$scene/said" 2>&1; echo $?)" "$2"
}
t 'a head of before agrees' figures old 0
t 'a later head does not' figures new 1
echo '{}' >"$scene/none.json"
no_place() {
    not ctl audit expect "$scene/none.json" 2>"$scene/said" && grep ledger.place "$scene/said"
}
t 'what says nothing of a state is refused' no_place

# ... the anchor cannot be had
must put_back new service tokens signer
must scene_set Service "Anchor=$anchor"
must cp "$scene/new/anchor.json" "$anchor"
must mv "$scene/share" "$scene/away"
must up
t 'a share that is not mounted is told' told ledger.anchor
t 'and nothing is signed' refused ledger.anchor
must mv "$scene/away" "$scene/share"
t 'mounted again it is held against the state, and nothing bars any more' eventually no_alarm
t 'the batch goes on' lifted_by_itself
must service_stop

# ... or hangs: nobody writes into that pipe
must mv "$anchor" "$anchor.kept"
must mkfifo "$anchor"
must up
t 'a share that hangs is told' told ledger.anchor
t 'and status is answered meanwhile' "$tools/test/bench/bench-ask" --socket "$socket" --times 200
t 'and nothing is signed' refused ledger.anchor
answers_again() {
    mv "$anchor.kept" "$anchor.new" && exec 9<>"$anchor" && mv "$anchor.new" "$anchor" && exec 9>&-
}
must answers_again
t 'when it answers again nothing bars any more' eventually no_alarm
t 'the batch that it held goes on' lifted_by_itself
must service_stop

# --- 4: a fresh token ---

must put_back new service signer
must put_back new tokens
must scene_set Service 'Anchor='
must pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label rehearsal --login --pin "$(cat "$scene/pin")" \
    --delete-object --type data --application-label smki-recovery --label "originator-counter $us"
must up
t 'a token without a mark is told at the start' told ledger.token-fresh
t 'and signs nothing' refused ledger.token-fresh

# --- a backup, made while it signs, and put back ---

must put_back new service tokens signer
must scene_set 'Token "rehearsal"' "Module=$shim"
must up
none() {
    get /v1/backup/archive | grep backup.none
}
t 'there is no backup to be fetched' none
ln -s "$scene" "$scene/service/backup"
no_room() {
    not ctl backup --out "$scene/backup.tar" 2>"$scene/said" && grep backup.failed "$scene/said"
}
t 'where its folder cannot be made there is none' no_room
must rm "$scene/service/backup"
gate_shut recovery 300
must again
must eventually gate_reached recovery
taken() {
    batch_is running && ctl backup --out "$scene/backup.tar" && batch_is running && not signed_above 300
}
t 'a backup is made while a batch is being signed' taken
gate_open recovery
must eventually batch_is 'done'
busy() { # while somebody fetches it slowly
    curl -sS --limit-rate 1k --unix-socket "$socket" http://localhost/v1/backup/archive -o "$scene/slow" &
    slow=$!
    eventually test -s "$scene/slow" && not ctl backup --out "$scene/other.tar" 2>"$scene/said"
    kill $slow
    grep backup.read "$scene/said"
}
t 'one that is being fetched is not made anew' busy
must commands_out "$scene/fourth.d"
used=$(field /v1/status '.counters[0].reserved_up_to')
mkdir "$scene/unpacked"
t 'it is an archive that tar reads' tar -xf "$scene/backup.tar" -C "$scene/unpacked"
must service_stop
restore() {
    "$tools/daemon/smki-recoveryd" --config "$scene/recovery.conf" --restore "$scene/unpacked"
}
fails_by() { # fails_by RULE COMMAND...
    fails_rule=$1
    shift
    not "$@" 2>"$scene/said" && grep "($fails_rule)" "$scene/said"
}
t 'it is not put back over a state' fails_by backup.in-the-way restore
must mv "$scene/service" "$scene/destroyed"
echo >>"$scene/unpacked/recovery.db"
t 'nor when it is not what its manifest says' fails_by backup.manifest restore
truncate -s -1 "$scene/unpacked/recovery.db"
t 'put back where nothing is' restore
mv "$scene/service" "$scene/restored"

# ... and killed at each of its durable steps: then there is no database, or the whole one
state_of() { # state_of DB: what a restore makes of it, without times and hashes
    sqlite3 "$1" 'PRAGMA quick_check; SELECT kind, count(*) FROM audit GROUP BY kind; SELECT hex(originator), needed, reason FROM restored ORDER BY 1' >"$scene/state"
    cat "$scene/state"
}
die() { # die N
    mkdir "$scene/service" &&
        LD_PRELOAD="$tools/test/fake/die_at.so" DIE_AT_PROGRAM=smki-recoveryd DIE_AT="$1" DIE_AT_COUNT="$scene/count" \
            "$tools/daemon/smki-recoveryd" --config "$scene/recovery.conf" --restore "$scene/unpacked"
}
must state_of "$scene/restored/recovery.db"
mv "$scene/state" "$scene/whole"
halves=0
each_step() {
    die 0 && steps=$(cat "$scene/count") && [ "$steps" -gt 10 ] && rm -rf "${scene:?}/service" || return 1
    step=1
    while [ $step -le "$steps" ]; do
        die $step && break # no two lives take the same number of steps
        if [ ! -e "$scene/service/recovery.db" ]; then
            halves=$((halves + 1))
            restore || { echo "step $step: not put back again"; return 1; }
        fi
        if ! state_of "$scene/service/recovery.db" || ! cmp "$scene/state" "$scene/whole"; then
            echo "step $step"
            return 1
        fi
        rm -rf "${scene:?}/service"
        step=$((step + 1))
    done
    rm -rf "${scene:?}/service"
    [ $step -gt $((steps / 2)) ] && [ $halves -gt 0 ]
}
t 'killed at any step it leaves no database or the whole one, and is begun again' each_step
echo "# $steps durable steps, without a database after $halves of them"
rm -rf "${scene:?}/service"
must mv "$scene/restored" "$scene/service"
: >"$scene/service.log"
must up
t 'the service says that it was restored' told ledger.restored
t 'and signs nothing of the batch' eventually batch_is held
t 'counters are skipped over all that may have been used' test "$(needed)" -gt "$used"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && as_second --version >"$scene/log" 2>&1; then
    t 'raised by two operators the batch goes on' lifted
    must commands_out "$scene/fifth.d"
    t 'every device has its command' commands_are "$scene/fifth.d" "$devices"
    t 'and no counter has two texts' one_text "$scene/first.d" "$scene/second.d" "$scene/fourth.d" "$scene/fifth.d"
    t 'the audit trail is whole' chain_whole
fi

# --- a damaged database ---

must put_back new service tokens signer
# Zeros over the first page of a table: no page of a tree begins like that. (One in the middle of
# the file may hold nothing but octets of a slice, and then it is the audit trail that misses them.)
first=$(sqlite3 "$scene/service/recovery.db" "SELECT rootpage FROM sqlite_schema WHERE name = 'batch'")
must dd if=/dev/zero of="$scene/service/recovery.db" bs=4096 seek=$((first - 1)) count=1 conv=notrunc
stopped_by() { # stopped_by RULE: it does not start, says so and what not to do: start it again
    service_launch
    service_wait
    same $service_status 78 && grep "($1)" "$scene/service.log"
}
t 'a database with a damaged page is refused at the start' stopped_by store.damaged
must put_back new service
must sqlite3 "$scene/service/recovery.db" 'DELETE FROM slice WHERE id = (SELECT max(id) FROM slice)'
t 'and one without signatures that the audit trail tells of' stopped_by audit.ledger
must put_back new service
t 'that is as it was starts' up

plan
