# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The hand-out of a session: what the room did, from the workshop's log; what became of it, from the service's JSON;
# what the meters hold, from themselves. handout.json, and handout.html made of it. Read by '.'.

handout_write() {
    handout_gather >>"$log" 2>&1 || return 1
    jq -n --slurpfile log "$work/log.jsonl" --slurpfile incidents "$work/told/incidents" --slurpfile audit "$work/told/audit" \
        --slurpfile rules "$work/told/rules" --slurpfile meters "$work/told/meters" --slurpfile digests "$work/digests.json" \
        --slurpfile settings "$work/settings.json" --slurpfile lists "$work/told/lists" --slurpfile before "$work/before" --rawfile fields "$work/scenario.tsv" --rawfile people "$work/told/people" \
        --arg number "$(cat "$work/number")" --arg name "$(cat "$work/name")" \
        -f "$room/handout.jq" >"$work/handout.json.new" 2>>"$log" &&
        jq -r -L "$room" --rawfile css "$data/page.css" -f "$room/handout_html.jq" "$work/handout.json.new" >"$work/handout.html.new" 2>>"$log" || return 1
    if [ -n "$(asked Scenario '' Unproven)" ]; then
        jq -r -L "$room" --rawfile css "$data/page.css" -f "$room/evidence_html.jq" "$work/handout.json.new" >"$work/evidence.html" 2>>"$log" || return 1
    fi
    mv "$work/handout.json.new" "$work/handout.json"
    mv "$work/handout.html.new" "$work/handout.html"
}
# handout_cells METERS: what each of them holds, by its own word.
handout_cells() {
    "$tools/test/meter/smki-meter" cells --state "$work/$1"
}
# What service, meters and cards say, as files in $work/told.
handout_gather() {
    rm -rf "$work/told"
    mkdir "$work/told" && : >"$work/told/incidents" && : >"$work/told/meters" && : >"$work/told/lists" && rehearsal_digests || return 1
    for handout_id in $(look incident list | jq -r '.incidents[].id'); do
        look incident show "$handout_id" >"$work/told/show" && echo '{}' >"$work/told/figures" && : >"$work/told/decisions" || return 1
        if jq -e '.roster != null or (.children | length > 0)' "$work/told/show" >/dev/null; then
            figures_of "$handout_id" >"$work/told/figures" || return 1
        fi
        for handout_decision in $(jq -r '.decisions[].id' "$work/told/show"); do
            look decision show "$handout_id" "$handout_decision" >>"$work/told/decisions" || return 1
        done
        # every device that was on a list of this incident
        if jq -e '.roster != null' "$work/told/show" >/dev/null; then
            look devices "$handout_id" --all | jq -c --arg id "$handout_id" '.devices[] | {incident: $id, device, type, state, batch}' >>"$work/told/lists" || return 1
        fi
        jq -c --slurpfile figures "$work/told/figures" --slurpfile decisions "$work/told/decisions" \
            '{show: ., figures: $figures[0], decisions: $decisions}' "$work/told/show" >>"$work/told/incidents" || return 1
    done
    look audit export >"$work/told/audit" && recoveryctl --json policy list >"$work/told/rules" || return 1
    for handout_meters in $(names Devices); do
        handout_cells "$handout_meters" >>"$work/told/meters" || return 1
    done
    cast_players >"$work/told/people"
}
