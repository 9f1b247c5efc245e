#!/bin/sh
# SPDX-License-Identifier: MIT
# The service against its own description, by generic validators from npm at pinned versions (test/api): api.sh BUILD
# SOURCE. TAP.
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"

must cp "$top/test/api/package.json" "$top/test/api/package-lock.json" "$top/test/api/drive.mjs" "$scene"
must npm ci --prefix "$scene" --cache "$scene/npm" --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved
must stage_make 6
must service_start
must eventually signers_ready
must scene_active
must scene_batch all
must eventually batch_is 'done'
answers() { # of four of the six: figures have several states
    ctl commands export "$batch" --out "$scene/commands" &&
        stage_meter run --state "$work/meters" --commands "$scene/commands" --responses "$scene/all" --log "$scene/meters.jsonl" &&
        head -n 4 "$scene/all" >"$scene/responses" && ctl responses add "$incident" "$scene/responses" &&
        ctl backup --out "$scene/state.tar"
}
must answers
jq -n --arg id "$incident" --arg decision "$decision" --arg n "$batch" '{id: $id, decision: $decision, n: $n, to: 99999999,
    eui: "90B3D51F30010001", originator: "90B3D51F30050001", from: 1,
    list: ["batches", "rosters", "bundles", "events", "decisions", "children", "files", "differences", "refusals"]}' >"$scene/known"
# Each request that the service knows is described, and no other.
all_described() {
    sed -n 's/^ *\(GET\|POST\|PUT\)\(_DOES\)\{0,1\}("\([^"]*\)".*/\1 \3/p; s/^ *STREAM(VERB_\([A-Z]*\), "\([^"]*\)".*/\1 \2/p' "$top/daemon/api.c" | sort >"$scene/knows"
    jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | (ascii_upcase) + " " + $path' "$top/daemon/openapi.json" |
        sort | diff "$scene/knows" - && [ "$(wc -l <"$scene/knows")" -gt 40 ]
}
t 'each request of the table is described, and no other' all_described
# ... and so is which of them can be judged dry.
all_dry() {
    sed -n 's/^ *\(POST\|PUT\)("\([^"]*\)".*/\1 \2/p; s/^ *STREAM(VERB_\([A-Z]*\), "\([^"]*\)", true.*/\1 \2/p' "$top/daemon/api.c" | sort >"$scene/knows"
    jq -r '.paths | to_entries[] | .key as $path | .value | to_entries[]
        | select(any(.value.parameters[]?; .["$ref"] == "#/components/parameters/DryRun")) | (.key | ascii_upcase) + " " + $path' \
        "$top/daemon/openapi.json" | sort | diff "$scene/knows" - && [ "$(wc -l <"$scene/knows")" -ge 20 ]
}
t 'each that can be judged dry is described so' all_dry
driven=0
node "$scene/drive.mjs" "$socket" "$scene/known" >"$scene/driven" 2>&1 || driven=$?
# Its cases count on behind ours.
sed '/^1\.\./d' "$scene/driven" | awk -v n="$n" '/^(not )?ok / { sub(/ok [0-9]+/, "ok " (++n)) } { print }'
n=$((n + $(grep -cE '^(not )?ok ' "$scene/driven")))
t 'the driver came to its end' same "$driven/$(tail -n 1 "$scene/driven" | cut -c 1-3)" 0/1..
plan
