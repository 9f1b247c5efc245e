#!/bin/sh
# SPDX-License-Identifier: MIT
# Devices whose fate is unclear are asked what they hold: query.sh BUILD SOURCE. TAP.
#
# Six meters. The answers of two are lost; the commands of two never arrive. One of each is
# marked unknown, the other unreachable. The transitional CoS completes the queries with stock
# openssl, the meters answer, and the service knows.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
meter=$tools/test/meter/smki-meter
tcos=90B3D51F30050001

device() { # device N: of the roster
    sed -n "$(($1 + 1))s/,.*//p" "$roster"
}
states_are() { # a line per device: what the service thinks
    get "/v1/incidents/$incident/devices" | jq -r '.devices[].state' | tr '\n' ' ' >"$scene/states" &&
        same "$(cat "$scene/states")" "$* "
}

must stage_make 6
must service_start
must scene_referred
must scene_decide '.attempts = 2'
must scene_activate
must scene_batch all
must eventually batch_is 'done'
must commands_out "$scene/first.d"
cp -r "$scene/first.d" "$scene/arrived.d"
rm "$scene/arrived.d/$(device 3)"-* "$scene/arrived.d/$(device 4)"-*
must "$meter" run --state "$scene/meters" --commands "$scene/arrived.d" --responses "$scene/all.hex" --log "$scene/meters.jsonl"
grep -v -e "^.\{24\}$(device 1)" -e "^.\{24\}$(device 2)" "$scene/all.hex" >"$scene/responses.hex"
must ctl responses add "$incident" "$scene/responses.hex"
cat >"$scene/marks" <<END_MARKS
$(device 1),unknown,the line broke
$(device 2),unreachable,no answer
$(device 3),unknown,the line broke
$(device 4),unreachable,no answer
END_MARKS
must ctl devices mark "$incident" "$scene/marks"
t 'two answered, of four nobody knows' states_are unknown unreachable unknown unreachable success success

queries() { # queries DIR [OPTION...]
    queries_dir=$1
    shift
    ctl queries export "$incident" --out "$queries_dir" --originator "$tcos" "$@"
}
four() {
    queries "$scene/queries" && find "$scene/queries" -name '*.bin' -printf '%f\n' | sort >"$scene/is" &&
        cut -d , -f 1 "$scene/marks" | sed 's/$/-0.bin/' | sort | diff - "$scene/is"
}
t 'there is a query for each of the four' four
query=$scene/queries/$(device 1)-0.bin
asks() {
    ctl --json message decode "$query" | jq -e --arg to "$(device 1)" --arg from "$tcos" '.form == "bare" and
        .kind == "command" and .message_code == "0008" and .counter == 0 and .originator == $from and
        .recipient == $to and .payload == {authorising_cell: "tcos-ds", roles: ["supplier"]}'
}
t 'it is a pre-command without signature and counter, and asks for the roles replaced' asks
t 'as it is, no meter answers it' not "$meter" judge --state "$scene/meters" "$query"
on_record() {
    ctl audit export | jq -se --arg from "$tcos" 'map(select(.kind == "QUERIES_EXPORTED") | .data) ==
        [{originator: $from, cell: "tcos-ds", count: 4, whole: true, before: false}]'
}
t 'that they went out is on record' on_record
refused() { # refused CELL
    not queries "$scene/none" --cell "$1" 2>"$scene/err" && grep 'rule    command.query' "$scene/err"
}
t 'the Recovery key asks nothing' refused recovery-ds
t 'a party that gets answers with a MAC is not named' refused acb-ka

# --- the party that asks: its counter, its signature, by stock openssl ---

fill_in() { # fill_in PRE-COMMAND COUNTER COMMAND
    ctl --json message decode "$1" | jq --argjson n "$2" '.counter = $n' | ctl message encode - >"$scene/numbered" &&
        tail -c +2 "$scene/numbered" | openssl dgst -sha256 -sign "$scene/pki/tcos-ds.key" -out "$scene/der" &&
        rs=$(openssl asn1parse -inform DER -in "$scene/der" | sed -n 's/.*INTEGER *://p' |
            while read -r half; do printf '%64s' "$half" | tr ' ' 0; done) &&
        ctl --json message decode "$scene/numbered" | jq --arg rs "$rs" '.form = "signed" | .signature = $rs' |
        ctl message encode - >"$3"
}
asked() {
    mkdir -p "$scene/signed" && counter=70 && for query in "$scene/queries"/*.bin; do
        counter=$((counter + 1))
        fill_in "$query" $counter "$scene/signed/${query##*/}" || return 1
    done
    "$meter" run --state "$scene/meters" --commands "$scene/signed" --responses "$scene/reports.hex" \
        --log "$scene/reports.jsonl" && same "$(grep -c '"reason":"details"' "$scene/reports.jsonl")" 4
}
t 'the transitional CoS completes them; every meter answers' asked
taken() {
    ctl --json responses add "$incident" "$scene/reports.hex" | tee "$scene/taken" &&
        jq -e '.lines == 4 and .success == 2 and .resolved == 2 and .aside == 0' "$scene/taken"
}
t 'the answers settle all four' taken
t 'who holds the new keys has succeeded' states_are success success unreachable unreachable success success
with_command() { # the success counts for the command that brought it about
    get "/v1/incidents/$incident/devices?limit=1" | jq -r .devices[0].counter >"$scene/counter" &&
        [ -f "$scene/first.d/$(device 1)-$(cat "$scene/counter").bin" ]
}
t 'by the command that was signed for it' with_command
forged() { # an answer of another device's key; what was answered before
    sed 's/[0-7]$/8/;t;s/.$/0/' "$scene/reports.hex" >"$scene/forged.hex" &&
        ctl --json responses add "$incident" "$scene/forged.hex" | jq -e '.aside == 4' &&
        ctl --json responses add "$incident" "$scene/reports.hex" | jq -e '.aside == 4 and .resolved == 0 and .unfit == 0' &&
        get "/v1/incidents/$incident/figures" | jq -e '.set_aside == {"response.duplicate": 4, "response.forged": 4}'
}
t 'forged answers and answers to a question that was answered are set aside' forged

# --- the two that do not hold them ---

must scene_batch unfinished
must eventually batch_is 'done'
t 'a second command goes to those two' commands_out "$scene/second.d"
t 'and no other' commands_are "$scene/second.d" 2
recovered() {
    "$meter" run --state "$scene/meters" --commands "$scene/second.d" --responses "$scene/responses.hex" \
        --log "$scene/meters.jsonl" && ctl responses add "$incident" "$scene/responses.hex" &&
        states_are success success success success success success
}
t 'then every device is recovered' recovered
nobody() {
    queries "$scene/none" && commands_are "$scene/none" 0
}
t 'and nobody is left to be asked' nobody
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
