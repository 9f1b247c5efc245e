# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the service tells of every incident, as {ID: {show, figures, devices}}. Read by '.' after scene.sh.
story_told() {
    ctl --json incident list >"$scene/list" && for told_id in $(jq -r '.incidents[].id' "$scene/list"); do
        ctl --json incident show "$told_id" >"$scene/show" && ctl --json figures "$told_id" >"$scene/figures" &&
            ctl --json devices "$told_id" --all >"$scene/devices" &&
            jq -n --arg id "$told_id" --slurpfile show "$scene/show" --slurpfile figures "$scene/figures" --slurpfile pages "$scene/devices" \
                '{($id): {show: $show[0], figures: $figures[0], devices: [$pages[].devices[]]}}' || return 1
    done | jq -s add
}
