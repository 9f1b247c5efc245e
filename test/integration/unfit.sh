#!/bin/sh
# SPDX-License-Identifier: MIT
# Answers that do not fit are counted by reason, and the exit status says so: unfit.sh BUILD SOURCE. TAP.
#
#   SMKI_DEVICES=N   so many meters (default 1000)
#
# Every meter answers; one line in a hundred is then put in that fits nothing, in ten ways.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
devices=${SMKI_DEVICES:-1000}
each=$((devices / 1000)) # of every way
[ "$each" -gt 0 ] || each=1
meter=$tools/test/meter/smki-meter

must stage_make "$devices"
must service_start
must scene_active
must scene_batch all
must eventually batch_is 'done'
must commands_out "$scene/out"
must "$meter" run --state "$scene/meters" --commands "$scene/out" --responses "$scene/good.hex" --log "$scene/meters.jsonl"

# --- ten ways, made of one good answer ---

good=$(head -n 1 "$scene/good.hex")
printf '%s\n' "$good" | xxd -r -p >"$scene/good.bin"
counter=$(ctl --json message decode "$scene/good.bin" | jq .counter)
bent() { # bent FILTER: the answer, said otherwise; its signature stays
    ctl --json message decode "$scene/good.bin" | jq "$1" >"$scene/bent.json" &&
        ctl message encode "$scene/bent.json" --hex
}
to_another() { # a party that signed nothing here
    printf '%s\n' "$good" | sed 's/90B3D51F30010001/90B3D51F30010002/I'
}
of_another() { # a device that is on no list
    printf '%s\n' "$good" | sed "s/$(sed -n '2s/,.*//p' "$roster")/00DB99999999FFFF/I"
}
last_digit() {
    printf '%s\n' "$good" | sed 's/[0-7]$/8/;t;s/.$/0/'
}
ways() {
    echo 'not hexadecimal' && printf '%s\n' "$good" | cut -c 1-100 && echo 00112233445566778899 &&
        find "$scene/out" -name '*.bin' | sort | head -n 1 | xargs xxd -p | tr -d '\n' && echo &&
        of_another && to_another && last_digit &&
        bent '.form = "null-signature" | del(.signature)' &&
        bent ".counter = $counter + 7" &&
        bent ".counter = $counter + 100000 | .payload.outcome.counter = .counter"
}
must ways
cp "$scene/log" "$scene/ways"
made() {
    same "$(wc -l <"$scene/ways")" 10 && same "$(sort -u "$scene/ways" | wc -l)" 10
}
must made
must awk -v each="$each" '{ for (i = 0; i < each; i++) print }' "$scene/ways"
sort "$scene/log" "$scene/good.hex" >"$scene/all.hex" # among the others
bad=$((10 * each)) all=$(wc -l <"$scene/all.hex")
reasons=$(jq -nSc --argjson n "$each" '[("response.hex", "message.length", "message.header", "response.kind",
    "response.unknown-device", "response.mismatched", "response.forged",
    "response.unsigned", "response.inconsistent", "response.unmatched") | {key: ., value: $n}] | from_entries')

# --- handed in ---

add() { # add FILE: what is said is in taken and err
    ctl --json responses add "$incident" "$1" >"$scene/taken" 2>"$scene/err"
    add_status=$?
    cat "$scene/taken" "$scene/err"
}
one_percent() {
    add "$scene/all.hex"
    same "$add_status" 8 && grep "$bad of $all answers do not fit" "$scene/err"
}
t "of $all answers $bad do not fit, and the exit status says so" one_percent
counted() {
    jq -e --argjson n "$devices" --argjson bad "$bad" --argjson all "$all" --argjson reasons "$reasons" '.lines == $all and
        .success == $n and .aside == $bad and .unfit == $bad and .set_aside == $reasons' "$scene/taken"
}
t 'each reason is counted right, and every good answer counts' counted
figures() {
    get "/v1/incidents/$incident/figures" | jq -e --argjson n "$devices" --argjson reasons "$reasons" \
        '.set_aside == $reasons and .by_state == {success: $n} and .unanswered == 0'
}
t 'the figures of the incident say the same' figures
records() { # records N FILTER: so many of uploads; the last one
    ctl audit export | jq -se --argjson n "$1" "map(select(.kind == \"RESPONSES_TAKEN\") | .data) | length == \$n and (last | $2)"
}
t 'one record tells of the upload, with its figures' records 1 ".lines == $all and .unfit == $bad and .set_aside == $reasons and .whole"
echo "# $(jq -c . "$scene/taken")"

# --- what fits ---

again() {
    add "$scene/good.hex"
    same "$add_status" 0 && jq -e --argjson n "$devices" '.unfit == 0 and .set_aside == {"response.duplicate": $n}' "$scene/taken"
}
t 'answers that came before are set aside, and fit' again
t 'that is one record more' records 2 ".lines == $devices and .unfit == 0"
told() {
    ctl responses add "$incident" "$scene/ways" >"$scene/taken" 2>"$scene/err"
    same "$?" 8 && cat "$scene/taken" "$scene/err" && grep '^ *response.forged: *1$' "$scene/taken" &&
        grep '1 set aside by response.forged. ' "$scene/err"
}
t 'to a person it is told in words, with what to do' told

# --- broken off ---

duplicates() {
    field "/v1/incidents/$incident/figures" '.set_aside["response.duplicate"]'
}
more_than() {
    more_now=$(duplicates) && [ "$more_now" -gt "$1" ]
}
mkfifo "$scene/pipe"
# More than is taken in at a time, and no end: when the first of it counts, the command runs.
upload_and() { # upload_and COMMAND...
    upload_before=$(duplicates)
    curl -sS --unix-socket "$socket" -X POST -H 'Content-Type: text/plain' -T - \
        "http://localhost/v1/incidents/$incident/responses" <"$scene/pipe" >/dev/null 2>&1 &
    upload_pid=$!
    exec 9>"$scene/pipe"
    cat "$scene/flood" >&9
    eventually more_than "$upload_before" && "$@"
    upload_status=$?
    kill "$upload_pid" 2>/dev/null
    exec 9>&-
    wait "$upload_pid"
    return "$upload_status"
}
flood() { # two mebibytes
    while [ "$(wc -c <"$scene/flood")" -lt 2097152 ]; do cat "$scene/good.hex" >>"$scene/flood"; done
}
true >"$scene/flood"
must flood
cut_off() {
    upload_and true && eventually records 4 '.whole == false and .lines > 0 and .aside == .lines'
}
t 'an upload that breaks off is on record as far as it came' cut_off
# shellcheck disable=SC2119 # it takes settings, or none
killed() {
    upload_and service_kill && service_start && records 5 '.whole == false and .lines > 0 and .aside == .lines'
}
t 'so is one in whose midst the service was killed' killed
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
