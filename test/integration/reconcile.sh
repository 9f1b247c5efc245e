#!/bin/sh
# SPDX-License-Identifier: MIT
# What the service counts is what the meters did: reconcile.sh BUILD SOURCE. TAP.
#
#   SMKI_DEVICES=N   so many meters (default 2000; 10000 take a minute or two)
#
# Commands of the real service go to meters of which some cannot be reached, some fail one
# cell and some answer twice. The meters' own log, which shares no code with the service, says
# how many and which; the service has to say the same, device for device and cell for cell.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
devices=${SMKI_DEVICES:-2000}
meter=$tools/test/meter/smki-meter
log=$scene/meters.jsonl

# --- what the log says and what the service says, in the same words ---

# Each device: identifier, type, state, counter, cells with their status.
log_devices() {
    jq -nr --rawfile roster "$roster" --slurpfile log "$1" '
        ($roster | split("\n")[1:] | map(select(. != "") | split(",") | {key: .[0], value: .[1]}) | from_entries) as $type
        | $log[] | [.device, $type[.device],
            {accepted: "success", partly: "partly", unreachable: "sent"}[.verdict], .counter,
            (.cells | to_entries | sort_by(.key) | map("\(.key):\(.value)") | join(" "))] | @tsv' | sort
}
service_devices() {
    service_page="/v1/incidents/$incident/devices?limit=10000" service_next=
    : >"$scene/pages"
    until get "$service_page$service_next" >"$scene/page" && jq -e '.next == ""' "$scene/page" >/dev/null; do
        cat "$scene/page" >>"$scene/pages"
        service_next="&from=$(jq -re .next "$scene/page")" || return 1
    done
    jq -r '.devices[] | [.device, .type, .state, .counter,
        (.cells // {} | to_entries | sort_by(.key) | map("\(.key):\(.value.status)") | join(" "))] | @tsv' \
        "$scene/pages" "$scene/page" | sort
}
devices_agree() {
    log_devices "$1" >"$scene/log-says" && service_devices >"$scene/service-says" &&
        same "$(wc -l <"$scene/service-says")" "$devices" &&
        diff "$scene/log-says" "$scene/service-says"
}

# Totals: by state, by type and state, failed cells by code, answers and what was set aside.
log_figures() {
    log_devices "$1" >"$scene/log-says" &&
        jq -nS --rawfile lines "$scene/log-says" --slurpfile log "$1" '
            def count(f): reduce .[] as $d ({}; .[$d | f] += 1);
            ($lines | split("\n") | map(select(. != "") | split("\t") | {type: .[1], state: .[2]})) as $all
            | ($all | map(select(.state != "sent"))) as $answered
            | {devices: ($all | length), answered: ($answered | length), unanswered: ($all - $answered | length),
               by_state: ($answered | count(.state)),
               by_type: ($all | group_by(.type) | map({key: .[0].type, value: ({devices: length}
                   + (map(select(.state != "sent")) | count(.state)))}) | from_entries),
               failed_cells: (reduce ($log[].cells | to_entries[] | select(.value != 0)) as $c ({}; .[$c.key]["\($c.value)"] += 1)),
               set_aside: ([$log[] | select(.answers > 1) | .answers - 1] | add
                   | if . then {"response.duplicate": .} else {} end)}'
}
service_figures() {
    get "/v1/incidents/$incident/figures" |
        jq -S '{devices, answered, unanswered, by_state, by_type, failed_cells, set_aside}'
}
figures_agree() {
    log_figures "$1" >"$scene/log-counts" && service_figures >"$scene/service-counts" &&
        diff "$scene/log-counts" "$scene/service-counts"
}
# The meters' log with one of its lines changed by the filter.
off_by_one() {
    jq -c "$1" "$log" >"$scene/off.jsonl" && not cmp -s "$log" "$scene/off.jsonl"
}

# --- signed ---

must stage_make "$devices"
must service_start
must scene_referred
must scene_decide '.attempts = 2'
must scene_activate
must scene_batch all
must eventually batch_is 'done'
must commands_out "$scene/first.d"
t "$devices commands are signed and taken out" commands_are "$scene/first.d" "$devices"

# --- no faults: on a copy of the meters, whose answers are thrown away ---

faultless() {
    cp -r "$scene/meters" "$scene/copy" &&
        "$meter" run --state "$scene/copy" --commands "$scene/first.d" --responses "$scene/none" \
            --log "$scene/copy.jsonl" --json >"$scene/verdict" && cat "$scene/verdict" &&
        jq -e --argjson n "$devices" '.commands == $n and .accepted == $n and .answers == $n and
            .refused == 0 and .cells == 3 * $n and .cells_failed == 0' "$scene/verdict" &&
        same "$(grep -c '"verdict":"accepted","reason":"executed"' "$scene/copy.jsonl")" "$devices"
}
t "without faults the meters accept all of $devices" faultless

# --- faults ---

must "$meter" run --state "$scene/meters" --commands "$scene/first.d" --responses "$scene/responses.hex" \
    --log "$log" --unreachable 5 --cell-fail 3 --duplicate 2 --json
cp "$scene/log" "$scene/verdict"
each_fault() { # how many exactly follows from the seed
    jq -e '.unreachable > 0 and .partly > 0 and .refused == 0' "$scene/verdict" && grep -q '"duplicate"' "$log"
}
t 'some are unreachable, some fail a cell, some answer twice' each_fault
taken() {
    ctl --json responses add "$incident" "$scene/responses.hex" >"$scene/taken" && cat "$scene/taken" &&
        same "$(jq .lines "$scene/taken")" "$(wc -l <"$scene/responses.hex")"
}
t 'every answer is taken in' taken
t 'the service counts what the meters counted' figures_agree "$log"
t 'and says the same of every device and every cell' devices_agree "$log"
echo "# $(jq -c . "$scene/verdict")"
echo "# $(service_figures | jq -c .)"

tooth() { # tooth NAME FILTER COMMAND: with a log that is off by one the comparison fails
    t "$1" off_by_one "$2"
    t '  and is told apart' not "$3" "$scene/off.jsonl"
}
last=$(jq -r 'select(.verdict == "accepted" and .answers == 1) | .device' "$log" | tail -n 1)
tooth 'one success less in the log' "if .device == \"$last\" then .verdict = \"unreachable\" | .cells = {} else . end" figures_agree
tooth 'one answer more in the log' "if .device == \"$last\" then .answers = 2 else . end" figures_agree
tooth 'another code in the log' "if .device == \"$last\" then .cells[\"supplier-ka\"] = 5 else . end" devices_agree
again() { # no answer counts twice
    ctl --quiet responses add "$incident" "$scene/responses.hex" && service_figures >"$scene/service-counts" &&
        jq --argjson n "$(wc -l <"$scene/responses.hex")" '.set_aside["response.duplicate"] += $n' \
            "$scene/log-counts" | jq -S . | diff - "$scene/service-counts"
}
must figures_agree "$log"
t 'the same answers once more change nothing and are all set aside' again

# --- the rest ---

devices_of() { # devices_of DIR: those that have a command there
    find "$1" -name '*.bin' -printf '%f\n' | cut -d - -f 1 | sort
}
meters_answer() { # meters_answer DIR LOG
    "$meter" run --state "$scene/meters" --commands "$1" --responses "$scene/responses.hex" --log "$2" &&
        ctl --quiet responses add "$incident" "$scene/responses.hex"
}
must scene_batch unfinished
must eventually batch_is 'done'
rest() { # what the codes 17, 30 and 127 say may go better another time
    jq -r 'select(.verdict != "accepted" and ([.cells[]] - [0, 17, 30, 127]) == []) | .device' "$log" | sort >"$scene/due" &&
        commands_out "$scene/second.d" && devices_of "$scene/second.d" | diff "$scene/due" -
}
t 'a second command goes to those and only those where it may help' rest
must meters_answer "$scene/second.d" "$scene/second.jsonl"
must scene_batch unsuccessful
must eventually batch_is 'done'
others() {
    jq -r 'select(.verdict != "accepted" and ([.cells[]] - [0, 17, 30, 127]) != []) | .device' "$log" | sort >"$scene/due" &&
        [ -s "$scene/due" ] && commands_out "$scene/third.d" && devices_of "$scene/third.d" | diff "$scene/due" -
}
t 'asked for by name, one goes to those that refused for good' others
recovered() {
    meters_answer "$scene/third.d" "$scene/third.jsonl" && service_figures | jq -e --argjson n "$devices" \
        '.by_state == {success: $n} and .unanswered == 0 and .failed_cells == {}'
}
t 'and then every device is recovered' recovered
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
