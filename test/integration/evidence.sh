#!/bin/sh
# SPDX-License-Identifier: MIT
# Evidence: what the service and its signers say of an incident, in one folder, and what becomes of it when it is changed
# afterwards. Judged twice: by `audit verify`, and by jq, openssl and sha256sum alone. evidence.sh BUILD SOURCE. TAP.
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"

devices=700
must stage_make $devices
must service_start
must eventually signers_ready
must scene_active
must scene_batch all
t 'a batch is signed' eventually batch_is 'done'
folder=$scene/evidence
t 'all that a stranger needs is in one folder' ctl evidence export "$incident" --out "$folder"
has() {
    for has_file; do
        [ -s "$folder/$has_file" ] || {
            ls "$folder"
            echo "no $has_file"
            return 1
        }
    done
}
t 'story, papers, list, certificates, commands, both chains, key, sums' has incident.json "decision-$decision.cms" \
    "decision-$decision.json" roster.csv certificates.pem "commands-$batch.tar" audit.jsonl account.jsonl audit-key.pem \
    record.json unused-counters.csv README.txt SHA256SUMS
activation_is_there() {
    same "$(find "$folder" -name 'decision-*.cms' | wc -l)" 2
}
t 'the activation is one of the papers' activation_is_there
t 'the sums are those of the files' sh -c 'cd "$1" && sha256sum --quiet -c SHA256SUMS' sh "$folder"
sound() {
    ctl --json audit verify --audit-key "$folder/audit-key.pem" "$folder/audit.jsonl" "$folder/account.jsonl" >"$scene/verdict" &&
        jq -e --argjson n $devices '.signed_rows == $n and .account_rows == $n and .signed_and_not_kept == 0
            and .heads > 0 and .records_behind_last_head < 4' "$scene/verdict"
}
t 'audit verify: trail and account tell the same, all of it under signed heads' sound
t 'the same by stock tools' "$top/packaging/check-evidence.sh" "$folder"
key_is_the_ceremonys() {
    awk '/^# audit key/ { on = 1; next } on { print } /END PUBLIC KEY/ && on { exit }' "$work/public.pem" >"$scene/ceremony.pem" &&
        cmp "$scene/ceremony.pem" "$folder/audit-key.pem"
}
t 'the audit key is the one that the ceremony printed' key_is_the_ceremonys
commands_hold() {
    mkdir -p "$scene/commands" && tar -xf "$folder/commands-$batch.tar" -C "$scene/commands" &&
        same "$(find "$scene/commands" -name '*.bin' | wc -l)" $devices &&
        jq -e '.record.counters[0].up_to > 1000' "$scene/commands/record.json" &&
        "$top/packaging/verify-command.sh" "$(find "$scene/commands" -name '*.bin' | sort | head -n 1)" "$pki/recovery-ds.pem"
}
t 'the commands are all there, and verify' commands_hold
t 'the list is the one that the decision names' sh -c \
    '[ "$(sha256sum <"$1/roster.csv" | cut -c 1-64)" = "$(jq -r .document.roster.sha256 "$2")" ]' sh "$folder" "$folder/decision-$decision.json"
t 'a folder that is there is not written into' sh -c '"$1" --socket "$2" evidence export "$3" --out "$4"; [ $? -eq 3 ]' sh \
    "$tools/daemon/smki-recoveryctl" "$socket" "$incident" "$folder"
# --- changed afterwards ---

line_of() { # FILE KIND: the number of its first record of that kind
    grep -n "\"kind\":\"$2\"" "$1" | head -n 1 | cut -d : -f 1
}
altered() { # FILE KIND FILTER: that record says otherwise, its hash stays
    at=$(line_of "$1" "$2")
    { head -n $((at - 1)) "$1"; sed -n "${at}p" "$1" | jq -c "$3"; tail -n +$((at + 1)) "$1"; } >"$1.new" && mv "$1.new" "$1"
}
cut_short() { # FILE LINES: so many lines less at its end
    head -n -"$2" "$1" >"$1.new" && mv "$1.new" "$1"
}
without() { # FILE KIND: no such records
    grep -v "\"kind\":\"$2\"" "$1" >"$1.new" && mv "$1.new" "$1"
}
said_so() { # STATUS WANTED: it ended like that, with the words
    cat "$scene/said"
    same "$1" "$2" && grep -q "$words" "$scene/said"
}
# Both judges refuse, and say where: refused WORDS STEP... on a copy of the folder.
refused() {
    words=$1
    shift
    rm -rf "$scene/copy" && cp -r "$folder" "$scene/copy" && rm "$scene/copy/SHA256SUMS"
    (cd "$scene/copy" && "$@") || return 1
    "$tools/daemon/smki-recoveryctl" audit verify --audit-key "$scene/copy/audit-key.pem" "$scene/copy/audit.jsonl" \
        "$scene/copy/account.jsonl" >"$scene/said" 2>&1
    said_so $? 3 || return 1
    "$top/packaging/check-evidence.sh" -k "$folder/audit-key.pem" "$scene/copy" >"$scene/said" 2>&1
    said_so $? 1
}
for file in audit account; do
    kind=SIGNED
    [ $file = account ] || kind=BATCH_SIGNED
    t "$file: an altered record is refused" refused "$file.jsonl: line $(line_of "$folder/$file.jsonl" $kind)" \
        altered $file.jsonl $kind '.data.decision |= sub("^."; "g")'
    t "$file: cut at its end it is refused" refused 'cut' cut_short $file.jsonl 4
    anew() {
        altered $file.jsonl $kind '.data.key = "another"' && scene_rehash $file.jsonl "$(line_of $file.jsonl $kind)"
    }
    t "$file: altered, and its hashes made anew, it is refused" refused "$file.jsonl" anew
    headless() {
        without $file.jsonl HEAD && altered $file.jsonl $kind '.data.key = "another"' && scene_rehash $file.jsonl 1
    }
    t "$file: the same without the heads in it" refused '.jsonl' headless
done
in_middle() {
    at=$(line_of audit.jsonl BATCH_SIGNED)
    sed -i "${at}d" audit.jsonl && scene_rehash audit.jsonl "$at"
}
t 'a record taken out of the middle is refused' refused 'audit.jsonl' in_middle
later() { # an export that begins with record 2 is a chain, but no whole trail
    ctl audit export --from 2 --out "$scene/later.jsonl" || return 1
    ctl audit verify "$scene/later.jsonl" || return 1
    ctl audit verify "$scene/later.jsonl" "$folder/account.jsonl" 2>&1 | tee "$scene/said"
    grep -q audit.account "$scene/said"
}
t 'a trail that begins later is held against no account' later
other_key() {
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout >"$scene/other.pem" &&
        ! ctl audit verify --audit-key "$scene/other.pem" "$folder/audit.jsonl" "$folder/account.jsonl" &&
        ! "$top/packaging/check-evidence.sh" -k "$scene/other.pem" "$folder"
}
t 'heads that another key is said to have signed are refused by both' other_key
among_others() { # of a token that was replaced, say
    cat "$scene/other.pem" "$folder/audit-key.pem" >"$scene/keys.pem" &&
        ctl audit verify --audit-key "$scene/keys.pem" "$folder/audit.jsonl" "$folder/account.jsonl" &&
        "$top/packaging/check-evidence.sh" -k "$scene/keys.pem" "$folder"
}
t 'with that key and the right one they hold, for both' among_others

# --- nobody to ask: a token that is lost, and signers' files of another machine ---

must service_stop
mv "$work/signer" "$work/signer.kept"
mkdir "$work/signer"
must service_start
must eventually signers_ready
gone() { # the trail tells of signatures that this account does not: the folder says so
    ctl evidence export "$incident" --out "$scene/gone" >"$scene/said" 2>&1
    same $? 3 && grep -q audit.account "$scene/said" && grep -q 'did NOT hold' "$scene/gone/README.txt" &&
        (cd "$scene/gone" && sha256sum --quiet -c SHA256SUMS)
}
t "with another account of the signers' the folder says what does not hold" gone
both() {
    ctl audit verify --audit-key "$scene/gone/audit-key.pem" "$scene/gone/audit.jsonl" "$scene/gone/account.jsonl" \
        "$work/signer.kept/account.jsonl"
}
t 'with both accounts all of it does' both
must service_stop
mv "$work/softhsm2.conf" "$work/softhsm2.kept"
must service_start
no_signer() {
    ctl evidence export "$incident" --out "$scene/alone" && grep -q 'no signer to ask' "$scene/alone/README.txt" &&
        [ ! -e "$scene/alone/account.jsonl" ]
}
t 'without any signer there is the trail, and where the account lies' no_signer
plan
