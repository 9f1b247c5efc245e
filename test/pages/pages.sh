#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages that people look at, in a real browser, of an incident of ten thousand devices that a room plays: its page, the
# PMA's pack, decision sheet, report, hand-out, evidence sheet, cards. pages.sh BUILD SOURCE WORKSHOP. TAP. Pictures and PDF stay in
# BUILD/test/pages/pictures.
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"
program=$3 devices=${SMKI_PAGES_DEVICES:-10000}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    scene_skip 'no browser: packaging/deps test brings chromium'
command -v npm >/dev/null || scene_skip 'npm is not installed'

must cp "$top/test/pages/package.json" "$top/test/pages/package-lock.json" "$top/test/pages/look.mjs" "$scene"
must npm ci --prefix "$scene" --cache "$scene/npm" --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved

# --- a room that plays an incident of ten thousand devices: four types, three regions, a storm ---
export SMKI_BUILD="$tools" SMKI_WORKSHOP_DATA="$top/packaging" SMKI_WORKSHOP="$scene/w"
play=$scene/w/play
workshop() {
    sh "$program" "$@"
}
workshop_end() {
    workshop reset >/dev/null 2>&1
    rm -rf "$scene"
}
stage_at_end workshop_end
to() { # STEP
    until [ "$(cat "$play/step")" = "$1" ]; do
        workshop next || return 1
    done
}
ask() { # as the facilitator, who reads
    SMKI_RECOVERY_EXERCISE_LOGIN=70003 "$tools/daemon/smki-recoveryctl" --socket "$play/run/operator.sock" "$@"
}
sed "s/^Count=.*/Count=$devices/" "$top/test/pages/storm.scenario" >"$scene/storm.scenario"
voting() {
    workshop start "$scene/storm.scenario" && cp "$play/cards.html" "$scene" && to vote && workshop --as pma-1 vote for &&
        workshop --as pma-2 vote against && workshop inject lines && cp "$scene/w/room.html" "$scene/room-vote.html" && cp "$play/pack-m3.html" "$scene/pack.html"
}
t 'a room in the middle of a vote' voting
t 'its page says who is awaited' sh -c 'grep -q "<li class=\"voted\">pma-2: against" "$1" && grep -q "<li class=\"wanted\">pma-3<" "$1"' sh "$scene/room-vote.html"
pack() {
    jq -e --argjson n "$devices" '.devices.list == $n and ([.devices.by_type[]] | add == $n and length == 4) and (.cells | length == 3)
        and any(.options[]; .event == "authorise-method-3")' "$play/pack-m3.json"
}
t "the PMA's pack names devices, cells, courses" pack
# The commands leave region by region, and the page says how far that is.
waves() {
    to third-wave && cp "$scene/w/room.html" "$scene/room-waves.html" && ask --json incident show "$(cat "$play/incident")" >"$scene/waves-told" &&
        jq -e '.waves | .state == "running" and ([.waves[].wave] == ["midlands", "south", "rest"]) and ([.waves[:2][] | .released == .rows] | all)' "$scene/waves-told"
}
t 'two of three waves are out, the third is signed by itself' waves
sending() {
    to too-soon && cp "$scene/w/room.html" "$scene/room.html" && cp "$play/sheet-m3.html" "$scene/sheet.html"
}
t 'the commands are out, a part of the answers is in' sending
incident=$(cat "$play/incident")
ask --json figures "$incident" >"$scene/figures"

# The decision sheet's own commands, as they stand there, with nothing but openssl and the anchor; its digest, as a person reads it.
sheet_commands() {
    mkdir -p "$scene/checks/bin" && cp "$scene/w/base/pki/pma-anchor.pem" "$scene/checks/anchor.pem" &&
        printf '#!/bin/sh\nSMKI_RECOVERY_EXERCISE_LOGIN=70003 exec "%s" --socket "%s" "$@"\n' "$tools/daemon/smki-recoveryctl" "$play/run/operator.sock" >"$scene/checks/bin/smki-recoveryctl" &&
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$top/packaging/check-decision.sh" >"$scene/checks/bin/smki-recovery-check-decision" && chmod 700 "$scene/checks/bin"/* &&
        sed -n 's/^<pre>smki-recoveryctl decision/smki-recoveryctl decision/; /^smki-recoveryctl decision/,/^<\/pre>/p' "$scene/sheet.html" | sed '/^<\/pre>/d' >"$scene/checks/commands" &&
        (cd "$scene/checks" && PATH=$scene/checks/bin:$PATH sh -ex ./commands >said) &&
        sed -n 's/^<pre class="digest">//; /^[0-9a-f]\{4\}  /p' "$scene/sheet.html" | sed 's/<.*//' | tr -d ' \n' >"$scene/checks/digest" &&
        [ "$(wc -c <"$scene/checks/digest")" -eq 64 ] && grep -qF "= $(cat "$scene/checks/digest")" "$scene/checks/said" && [ "$(wc -l <"$scene/checks/commands")" -eq 5 ]
}
t "the decision sheet's commands check it, and come to its digest" sheet_commands
sheet() {
    jq -e '.decision.quorum == {threshold: 3, members: 5, seats: ["chair"], certainty: "UNKNOWN"} and ([.options[] | select(.taken).event] == ["authorise-method-3"])
        and (.options | length >= 4) and any(.decision.settings[]; .key == "EndDecision" and .certainty == "UNKNOWN")' "$play/sheet-m3.json"
}
t 'and as JSON it has options, quorum, and who may end it' sheet
t 'the report is a page' ask incident report "$incident" --html --out "$scene/report.html"
t 'without either it says what is due' sh -c '"$@" 2>&1 | grep -q -e "--html or --json is due"' sh \
    env SMKI_RECOVERY_EXERCISE_LOGIN=70003 "$tools/daemon/smki-recoveryctl" --socket "$play/run/operator.sock" incident report "$incident"
json() {
    ask --json incident report "$incident" >"$scene/report-all" && jq -e '.incident and .decisions and .figures and .record' "$scene/report-all"
}
t 'and the same as JSON' json
t 'people have names there' sh -c 'grep -q "(Duty Manager)" "$1" && ! grep -q "uid 7" "$1"' sh "$scene/report.html"
t 'what people wrote is text there' grep -q 'they &lt;b&gt;left&lt;/b&gt; &amp; &quot;locked&quot; it' "$scene/report.html"
played() {
    to end && workshop close && cp "$play/handout.html" "$play/evidence.html" "$scene" && cp "$scene/w/room.html" "$scene/room-closed.html" &&
        cp "$play/handout.json" "$scene/handout-all" && workshop reset && cp "$scene/w/room.html" "$scene/room-empty.html"
}
t 'played to its end' played
t 'its figures add up' jq -e '(.sums | length >= 3) and all(.sums[]; .equal)' "$scene/handout-all"

pictures=$tools/test/pages/pictures
rm -rf "$pictures"
must mkdir -p "$pictures"
looked=0
(cd "$scene" && node look.mjs "$browser" "$pictures" room-vote.html room-waves.html room.html room-closed.html room-empty.html pack.html sheet.html report.html handout.html evidence.html cards.html) >"$scene/looked" 2>&1 || looked=$?
sed '/^1\.\./d' "$scene/looked" | awk -v n="$n" '/^(not )?ok / { sub(/ok [0-9]+/, "ok " (++n)) } { print }'
n=$((n + $(grep -cE '^(not )?ok ' "$scene/looked")))
failed=$((failed + $(grep -c '^not ok ' "$scene/looked")))

# What is drawn is what the service counts: bars of one page, as the browser has seen them.
counted() { # PAGE FILTER
    jq -en --slurpfile bars "$pictures/$1.json" --slurpfile f "$scene/figures" '
        def named($n): [$bars[0][] | select(.name == $n) | .parts][0];
        def words: {success: "replaced", partly: "replaced in part", unreachable: "unreachable", excused: "excused, with a reason"};
        def drawn: . as $of | (del(.devices) | with_entries(.key |= words[.])) + ({"no answer yet": ($of.devices - ($of | del(.devices) | add))} | map_values(select(. > 0)));
        $f[0] as $f | ($f.by_state + {devices: $f.devices}) as $all | '"$2"
}
whole='([$f.by_state[]] | length >= 4) and named("All devices") == ($all | drawn) and all($f.by_type | to_entries[]; .key as $t | named($t) == (.value | drawn))'
for drawn_page in room report handout; do
    t "$drawn_page: the bars are the service's figures, all and by type" counted $drawn_page "$whole"
done
regions='[named("North", "Midlands", "South") | to_entries[]] | group_by(.key) | map({key: .[0].key, value: (map(.value) | add)}) | from_entries == ($all | drawn)'
t 'room: regions add up to the whole' counted room "$regions"
t 'room-waves: its waves are the service'"'"'s' jq -en --slurpfile bars "$pictures/room-waves.json" --slurpfile told "$scene/waves-told" '
    def named($n): [$bars[0][] | select(.name == $n) | .parts][0];
    all($told[0].waves.waves[]; . as $w | named($w.wave) as $p | ([$p[]] | add) == $w.rows and ($p["on their way"] // 0) == $w.released)'
t 'evidence: types add up to the whole' counted evidence '[$bars[0][].parts | to_entries[]] | group_by(.key) | map({key: .[0].key, value: (map(.value) | add)}) | from_entries == ($all | drawn)'
t 'the browser came to its end' same "$looked/$(tail -n 1 "$scene/looked" | cut -c 1-3)" 0/1..
plan
