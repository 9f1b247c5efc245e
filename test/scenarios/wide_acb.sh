#!/bin/sh
# SPDX-License-Identifier: MIT
# A wide event of the ACB: how many devices of each type get a command, and why others get none, is said before anybody
# signs, when the decision comes in, and when the batch begins; and it comes true.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

check 'token, certificates' story_setup
party_issue acb-ds-new 04 "$acb" ds
party_issue acb-ka-new 04 "$acb" ka
check 'devices of four kinds' stage_meters meters 16 supplier --mix ESME:1,GSME:1,CHF:1,PPMID:1
check 'the service answers' service_start
story_ready recovery
cat "$pki"/acb-ds.pem "$pki"/acb-ka.pem "$pki"/acb-ds-new.pem "$pki"/acb-ka-new.pem >"$work/bundle.pem"
cat "$pki"/acb-ds.pem "$pki"/acb-ds-new.pem >"$work/ds.pem"
# One CHF was suspended when it began.
awk -F, -v OFS=, '$2 == "CHF" && !seen { $3 = "suspended"; seen = 1 } { print }' "$work/meters/roster.csv" >"$work/roster.csv"
count() {
    grep -c ",$1," "$work/roster.csv"
}
esme=$(count ESME) chf=$(count CHF) ppmid=$(count PPMID) all=16

check 'the DCC reports both keys of the ACB' story_open --initiator dcc --subscriber "$acb" --notice 'DCC security operations' 'ACB keys exposed'
check 'to the PMA' rehearsal_to_pma "$work/ds.pem" "$work/roster.csv" dcc
named='.method = "dcc" | .device_types = ["ESME", "GSME", "CHF", "PPMID"]'
reviewed() { # FILTER LINE...: what the service foretells of it
    story_decision early supplier "$1" || return 1
    shift
    ctl decision review --ask "$work/early.json" >"$work/foretold" 2>&1 || return 1
    for line; do
        grep "$line" "$work/foretold" || return 1
    done
}
check 'of the signing key alone: meters hold none of it, and their authors are told' reviewed \
    "$named"' | .compromised = [bad("acb-ds"; "acb-ds")] | .replacements = [new("acb-ds"; "acb-ds-new")]' \
    "^ESME: 0 of $esme devices will get a command" "ESME: $esme will get none by row.no-cell; the first: row [0-9]*: a ESME holds none" \
    "GSME: [0-9]* will get none by row.no-cell" "^PPMID: $ppmid of $ppmid devices" "CHF: 1 will get none by row.status"
check 'certificates of both keys' ctl --quiet certificates add "$incident" "$work/bundle.pem"
both="$named"' | .compromised = [bad("acb-ds"; "acb-ds"), bad("acb-ka"; "acb-ka")] | .replacements = [new("acb-ds"; "acb-ds-new"), new("acb-ka"; "acb-ka-new")]'
check 'of both: every type gets its commands' reviewed "$both" \
    "^ESME: $esme of $esme devices will get a command" "^CHF: $((chf - 1)) of $chf devices" "^PPMID: $ppmid of $ppmid devices" \
    'CHF: 1 will get none by row.status; the first: row [0-9]*: the device was suspended'
decided() {
    story_decide yes supplier "$both" >"$work/submitted" 2>&1 && grep 'CHF: 1 will get none by row.status' "$work/submitted"
}
check 'said again when it comes in' decided
check 'the key is switched on' story_activate yes
started() {
    ctl --json --yes batch start "$incident" "$decision" >"$work/started" && batch=$(jq -r .id "$work/started") &&
        jq -e --argjson n $((chf - 1)) '.forecast.CHF | .commands == $n and .without[0].rule == "row.status" and .without[0].rows == 1' "$work/started"
}
check 'and when the batch begins, before anything is signed' started
watched() { # its exit status and its reason
    ctl batch watch "$batch" >"$work/watched" 2>&1
    [ $? -eq 9 ] && grep '1 rows were not signed by row.status; the first: row [0-9]*: the device was suspended' "$work/watched"
}
check 'who watches it is told which row is left, and why' watched
came_true() {
    ctl --json batch show "$batch" | jq -e --slurpfile s "$work/started" '.signed == ([$s[0].forecast[].commands] | add)
        and .failed == ([$s[0].forecast[].without[].rows] | add)'
}
check 'what was foretold came true' came_true
told() {
    ctl incident show "$incident" | grep 'not signed: 1 by row.status; the first: row [0-9]*: the device was suspended'
}
check 'the story says so' told
answered() {
    story_exchange meters && event deactivate-key --evidence 'the custodians left'
}
check 'devices take them and answer' answered
left=$(awk -F, '$3 == "suspended" { print $1 }' "$work/roster.csv")
echo "$left,excused,suspended before it began" >"$work/marks"
check 'the one that is left is excused' ctl --quiet devices mark "$incident" "$work/marks"
check 'executed' event executed --evidence 'all but one'
check 'closed' event close
check 'all but one hold the new agreement key, as they say themselves' story_hold meters acb-ka acb-ka-new $((all - 1))
check 'CHF and PPMID the new signing key' story_hold meters acb-ds acb-ds-new $((chf - 1 + ppmid))
story_tell "$incident"
story_end
