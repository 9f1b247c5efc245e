# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The page for the room, $folder/room.html: what is due and for whom, the way of the incident, devices, refusals.
# Written anew after each verb; a browser that has it open follows. Read by '.'.

room_write() {
    if room_which >"$folder/room.html.new" 2>>"$log"; then
        mv "$folder/room.html.new" "$folder/room.html"
    else
        say "room.html cannot be written; $log says why"
    fi
}
room_which() {
    if [ ! -f "$work/step" ]; then
        jq -rn -L "$room" --rawfile css "$data/page.css" --rawfile script "$room/room.js" -f "$room/room_none.jq"
    elif [ -f "$work/closed" ]; then
        room_page # of what was seen last
    else
        room_gather && room_page
    fi
}
# figures_of INCIDENT: what the service counts; by region, too, where the scenario says in which region a meter hangs.
figures_of() {
    look figures "$1" >"$work/counted" || return 1
    if [ -s "$work/regions" ] && jq -e '.commands_signed > 0' "$work/counted" >/dev/null; then
        look devices "$1" --all >"$work/counted-devices" &&
            jq -cn --rawfile regions "$work/regions" --slurpfile figures "$work/counted" '
                ($regions | split("\n") | map(split("\t") | select(length == 2) | {key: .[0], value: .[1]}) | from_entries) as $of
                | $figures[0] + {by_region: (reduce inputs.devices[] as $d ({}; .[$of[$d.device] // "elsewhere"] |=
                    (.devices += 1 | if $d.state == "sent" then . else .[$d.state] += 1 end)))}' \
                "$work/counted-devices"
    else
        cat "$work/counted"
    fi
}
# {show, figures} of each incident, the one in hand first.
room_gather() {
    mkdir -p "$work/wall" && : >"$work/wall/next" || return 1
    [ -s "$work/wall/table" ] || recoveryctl --json incident states >"$work/wall/table" || return 1
    room_hand=$(cat "$work/incident" 2>/dev/null || :)
    for room_id in $room_hand $(look incident list | jq -r --arg hand "$room_hand" '.incidents[].id | select(. != $hand)'); do
        look incident show "$room_id" >"$work/wall/show" && echo null >"$work/wall/figures" || return 1
        if jq -e '.devices > 0' "$work/wall/show" >/dev/null; then figures_of "$room_id" >"$work/wall/figures" || return 1; fi
        jq -c --slurpfile figures "$work/wall/figures" '{show: ., figures: $figures[0]}' "$work/wall/show" >>"$work/wall/next" || return 1
    done
    mv "$work/wall/next" "$work/wall/room"
}
room_page() {
    (cd "$work/votes" && grep . -- * /dev/null 2>/dev/null) >"$work/wall/votes" || : # nobody has voted
    jq -rn -L "$room" --rawfile css "$data/page.css" --rawfile script "$room/room.js" --slurpfile log "$work/log.jsonl" \
        --slurpfile told "$work/wall/room" --slurpfile table "$work/wall/table" --slurpfile settings "$work/settings.json" --rawfile fields "$work/scenario.tsv" \
        --rawfile votes "$work/wall/votes" --arg step "$(cat "$work/step")" --argjson due "$(cat "$work/due")" \
        --arg number "$(cat "$work/number")" --argjson minutes "$(play_minutes)" -f "$room/room_html.jq"
}
