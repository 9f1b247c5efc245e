# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Scenarios of the workshop: found, read, asked. Read by '.'. scenario.awk holds the format.

# Who can play, and the certificates that lie ready beside those of the scenario's own suppliers.
cast_all='org-1 org-2 provider dcc-1 duty duty-2 pma-1 pma-2 pma-3 pma-4 pma-5 custodian-1 custodian-2 custodian-3 ofgem solr'
cast_certificates='root renewed-root next-root issuing recovery-ds recovery-2 contingency acb-ds acb-ka network-ds network-ka tcos-ds wan-ds'

# scenario_file NAME|FILE: where it is.
scenario_file() {
    case $1 in
    */* | *.scenario) [ -f "$1" ] && printf '%s\n' "$1" ;;
    *) [ -f "$room/scenarios/$1.scenario" ] && printf '%s\n' "$room/scenarios/$1.scenario" ;;
    esac
}

# scenario_read FILE: its fields, a line each: SECTION name key line value, with tabs between. Mistakes are
# said on standard error as FILE:LINE: FIELD: WHAT.
scenario_read() {
    [ -f "$1" ] || { echo "$1: there is no such file" >&2; return 1; }
    read_tables=$(recoveryctl --json incident states) || return 1
    read_states=$(printf '%s' "$read_tables" | jq -r '.states[].name' | tr '\n' ' ')
    read_events=$(printf '%s' "$read_tables" | jq -r '.transitions[].event' | sort -u | tr '\n' ' ')
    awk -v states="$read_states" -v events="$read_events" -v people="$cast_all" -v certificates="$cast_certificates" \
        -v rules="$(recoveryctl --json policy list | jq -r '.rules[].id' | tr '\n' ' ')" -f "$room/scenario.awk" "$1"
}

# The scenarios that are installed, in the order of the procedure.
scenario_list() {
    for list_file in "$room/scenarios"/*.scenario; do
        list_name=${list_file##*/}
        printf '%s\t%s\t%s\t%s\n' "$(sed -n 's/^Order=//p' "$list_file" | head -n 1)" "${list_name%.scenario}" \
            "$(sed -n 's/^Minutes=//p' "$list_file" | head -n 1)" "$(sed -n 's/^Title=//p' "$list_file" | head -n 1)"
    done | sort -n | awk -F '\t' '{ printf "%2d  %-20s %3d min  %s\n", $1, $2, $3, $4 }'
}

# --- of the scenario in play, which is in $work/scenario.tsv ---

# asked SECTION NAME KEY: its values, a line each.
asked() {
    awk -F '\t' -v s="$1" -v n="$2" -v k="$3" '$1 == s && $2 == n && $3 == k { print $5 }' "$work/scenario.tsv"
}
# names SECTION: in the order of the file.
names() {
    awk -F '\t' -v s="$1" '$1 == s && !seen[$2]++ { print $2 }' "$work/scenario.tsv"
}
