#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages that people look at, in a real browser: an incident of many devices as a report, the workshop's page for the
# room and its hand-out. pages.sh BUILD SOURCE WORKSHOP. TAP. Pictures and PDF stay in BUILD/test/pages/pictures.
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"
program=$3 devices=${SMKI_PAGES_DEVICES:-10000}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    scene_skip 'no browser: packaging/deps test brings chromium'
command -v npm >/dev/null || scene_skip 'npm is not installed'

must cp "$top/test/pages/package.json" "$top/test/pages/package-lock.json" "$top/test/pages/look.mjs" "$scene"
must npm ci --prefix "$scene" --cache "$scene/npm" --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved

# --- an incident of many devices: some have answered, some refused, some cannot be reached ---
must stage_make "$devices"
must service_start
must eventually signers_ready
must scene_active
must scene_batch all
must eventually batch_is 'done'
few=$((devices / 40))
answers() {
    ctl commands export "$batch" --out "$scene/commands" &&
        stage_meter run --state "$work/meters" --commands "$scene/commands" --responses "$scene/all" --log "$scene/meters.jsonl" &&
        head -n $((devices - 3 * few)) "$scene/all" >"$scene/responses" && ctl --quiet responses add "$incident" "$scene/responses" &&
        ctl --json devices "$incident" --all | jq -r --argjson n $few '[.devices[] | select(.state == "sent").device] | to_entries[] |
            if .key < $n then "\(.value),unreachable,no answer for a week" elif .key < 2 * $n then "\(.value),excused,demolished" else empty end' \
            >"$scene/marks" && ctl --quiet devices mark "$incident" "$scene/marks"
}
must answers
refused() {
    ! ctl --quiet incident event "$incident" call-custodians --evidence 'once more' && ctl --json incident show "$incident" | jq -e '.refusals | length == 1'
}
t 'an event that has no place' refused
must ctl --quiet incident event "$incident" deactivate-key --evidence 'they <b>left</b> & "locked" it'
t 'the report is a page' ctl incident report "$incident" --html --out "$scene/report.html"
t 'without either it says what is due' sh -c '"$@" 2>&1 | grep -q -e "--html or --json is due"' sh \
    "$tools/daemon/smki-recoveryctl" --socket "$socket" incident report "$incident"
json() {
    ctl --json incident report "$incident" >"$scene/report.json" && jq -e '.incident and .decisions and .figures and .record' "$scene/report.json"
}
t 'and the same as JSON' json
# The first bar says in words what the service's figures are.
bar_says() {
    sed -n 's/.*aria-label="All devices, \([^"]*\)".*/\1/p' "$scene/report.html" | tr -d , | sed 's/replaced/success/; s/no answer/unanswered/' |
        grep -o '[0-9][0-9]* [a-z]*' | sort >"$scene/drawn"
    ctl --json figures "$incident" | jq -r '.by_state + {unanswered: (.devices - ([.by_state[]] | add))} | to_entries[] | "\(.value) \(.key)"' | sort | diff "$scene/drawn" - &&
        [ "$(wc -l <"$scene/drawn")" -ge 4 ]
}
t 'its bar has the figures of the service, four states and more' bar_says
t 'what people wrote is text there' grep -q 'they &lt;b&gt;left&lt;/b&gt; &amp; &quot;locked&quot; it' "$scene/report.html"
must service_stop

# --- the workshop ---
export SMKI_BUILD="$tools" SMKI_WORKSHOP_DATA="$top/packaging" SMKI_WORKSHOP="$scene/w"
workshop() {
    sh "$program" "$@"
}
workshop_end() {
    workshop reset >/dev/null 2>&1
    rm -rf "$scene"
}
stage_at_end workshop_end
to() { # STEP
    until [ "$(cat "$scene/w/play/step")" = "$1" ]; do
        workshop next || return 1
    done
}
voting() {
    workshop start authorised-method-3 && to vote && workshop --as pma-1 vote for && workshop --as pma-2 vote against &&
        workshop inject press && cp "$scene/w/room.html" "$scene/room.html" && cp "$scene/w/play/pack-m3.html" "$scene/pack.html" && cp "$scene/w/play/cards.html" "$scene"
}
t 'a room in the middle of a vote' voting
t 'its page says who is awaited' sh -c 'grep -q "<li class=\"voted\">pma-2: against" "$1" && grep -q "<li class=\"wanted\">pma-3<" "$1"' sh "$scene/room.html"
played() {
    to end && workshop close && cp "$scene/w/play/handout.html" "$scene/handout.html" && cp "$scene/w/room.html" "$scene/room-closed.html" && workshop reset &&
        cp "$scene/w/room.html" "$scene/room-empty.html"
}
t 'played to its end' played

pack() {
    jq -e '.devices == ({list: 20, by_type: {ESME: 10, GSME: 10}} + (.devices | {list_sha256, named})) and (.cells | length == 3) and .prepayment == null and any(.options[]; .event == "authorise-method-3")' \
        "$scene"/w/past/*/pack-m3.json && grep -q 'nobody has said' "$scene/pack.html"
}
t "the PMA's pack names devices, cells, courses, and what nobody has said" pack

pictures=$tools/test/pages/pictures
rm -rf "$pictures"
must mkdir -p "$pictures"
looked=0
(cd "$scene" && node look.mjs "$browser" "$pictures" report.html room.html room-closed.html room-empty.html handout.html pack.html cards.html) >"$scene/looked" 2>&1 || looked=$?
sed '/^1\.\./d' "$scene/looked" | awk -v n="$n" '/^(not )?ok / { sub(/ok [0-9]+/, "ok " (++n)) } { print }'
n=$((n + $(grep -cE '^(not )?ok ' "$scene/looked")))
failed=$((failed + $(grep -c '^not ok ' "$scene/looked")))
t 'the browser came to its end' same "$looked/$(tail -n 1 "$scene/looked" | cut -c 1-3)" 0/1..
plan
