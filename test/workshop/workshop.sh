#!/bin/sh
# SPDX-License-Identifier: MIT
# A scripted room plays all scenarios of the workshop in one session, in the order of the procedure, with a reset
# between two. Each hand-out's figures are held against the service's JSON and the meters' own word. Scenario files
# with a mistake are refused naming line and field.
set -u
build=$1 source=$2 program=$3
dir=$(mktemp -d)
room=$dir/room
tests=0 failed=0
export SMKI_BUILD="$build" SMKI_WORKSHOP_DATA="$source/packaging" SMKI_WORKSHOP="$room"
umask 077

finish() {
    status=$?
    trap - EXIT
    [ ! -s "$room/play/service.pid" ] || kill "$(cat "$room/play/service.pid")" 2>/dev/null
    if [ $failed -gt 0 ]; then
        tail -n 30 "$dir/said" "$room/workshop.log" 2>/dev/null | sed 's/^/# | /'
    fi
    rm -rf "$dir"
    [ $failed -eq 0 ] || exit 1
    exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

result() { # STATUS NAME
    tests=$((tests + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tests - $2"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $2"
    fi
}
check() { # NAME COMMAND...
    check_name=$1
    shift
    "$@" >"$dir/said" 2>&1
    result $? "$check_name"
}
workshop() {
    sh "$program" "$@"
}
# said NAME TEXT COMMAND...: it fails, and says so.
refused() {
    refused_name=$1 refused_text=$2
    shift 2
    if "$@" >"$dir/said" 2>&1; then
        result 1 "$refused_name"
    else
        grep -qF -e "$refused_text" "$dir/said"
        result $? "$refused_name"
    fi
}
# As the facilitator, who reads.
ask() {
    SMKI_RECOVERY_EXERCISE_LOGIN=70003 "$build/daemon/smki-recoveryctl" --socket "$room/play/run/operator.sock" --json "$@"
}
scenarios=$(workshop list | awk '{ print $2 }')

echo '# Mistakes of a scenario file'
good=$source/packaging/workshop/scenarios/authorised-method-3.scenario
at() { # PATTERN: its line
    grep -n -m 1 -e "$1" "$good" | cut -d : -f 1
}
mistake() { # NAME LINE FIELD:WHAT SED
    sed "$4" "$good" >"$dir/bad.scenario"
    refused "refused: $1" "bad.scenario:$2: $3" workshop check "$dir/bad.scenario"
}
check 'every scenario that ships is one' workshop check "$source"/packaging/workshop/scenarios/*.scenario
mistake 'a field that is none' "$(at '^Minutes=')" 'Hours: no field of [Scenario]' 's/^Minutes=/Hours=/'
mistake 'a field that is missing' "$(at '^\[Scenario')" 'Minutes: missing in [Scenario]' '/^Minutes=/d'
mistake 'a number that is none' "$(at '^Minutes=')" 'Minutes: "soon" is none' 's/^Minutes=.*/Minutes=soon/'
mistake 'a field twice' "$(($(at '^Order=') + 1))" "Order: is there already, in line $(at '^Order=')" 's/^Order=.*/&\n&/'
mistake 'an empty field' "$(at '^Title=')" 'Title: is empty' 's/^Title=.*/Title=/'
mistake 'a section that is none' "$(at '^\[Inject "press"')" 'Rumour "press": no such section' 's/^\[Inject "press"/[Rumour "press"/'
mistake 'a section twice' "$(at '^\[Step "open"')" 'Step "notice": is there already, in line' 's/^\[Step "open"/[Step "notice"/'
mistake 'a header that does not end' "$(at '^\[Setting')" '[Setting: a header is' 's/^\[Setting\]/[Setting/'
mistake 'no line at all' "$(at '^Aim=')" 'as you like: a line is' 's/^Aim=.*/as you like/'
mistake 'a role that nobody has' "$(at '^Role=supplier')" 'Role: there is no [Role] "press"' '0,/^Role=supplier/s//Role=press/'
mistake 'a decision that is not written' "$(at '^Vote=m3')" 'Vote: there is no [Decision] "m4"' 's/^Vote=m3/Vote=m4/'
mistake 'an action that is none' "$(at '^Do=draft m3')" 'Do: "sketch" is no action' 's/^Do=draft m3/Do=sketch m3/'
mistake 'an event that is none' "$(at '^Do=event recovery-set')" 'Do: "recovery-sat" is no event' 's/^Do=event recovery-set/Do=event recovery-sat/'
mistake 'a state that is none' "$(at '^Expect=WITH_PMA')" 'Expect: "WITH_PMB" is no state of an incident' 's/^Expect=WITH_PMA/Expect=WITH_PMB/'
mistake 'a rule that is none' "$(at '^Refuses=')" 'Refuses: "incident.nothing" is no rule' '0,/^Refuses=.*/s//Refuses=incident.nothing/'
mistake 'a quotation that does not end' "$(at '^Do=draft m3')" 'Do: a quotation does not end' "s/^Do=draft m3/Do=letter a 'so/"
mistake 'a paper that nobody makes' "$(at '^Do=submit m3-key')" 'Do: there is no document "m4-key" to hand in' 's/^Do=submit m3-key/Do=submit m4-key/'
mistake 'devices that are not there' "$(at '^Do=devices meters')" 'Do: there is no [Devices] "boilers"' 's/^Do=devices meters/Do=devices boilers/'
mistake 'an inject without time' "$(at '^\[Inject "prepayment"')" 'At: missing in [Inject]' '/^By=hand/d'
mistake 'more devices than a room needs' "$(at '^Count=')" 'Count: "50000" is none' 's/^Count=.*/Count=50000/'
mistake 'regions without shares' "$(($(at '^Count=') + 1))" 'Regions: "North,South" is none' 's/^Count=.*/&\nRegions=North,South/'
mistake 'somebody who does not exist' "$(at '^People=org-1')" 'People: there is no person "org-9"' 's/^People=org-1/People=org-9/'
mistake 'a device of no type' "$(at '^Types=')" 'Types: there is no type of device "TOASTER"' 's/^Types=.*/Types=ESME:1,TOASTER:1/'
mistake 'a certificate that is not there' "$(at '^Do=certificates')" 'Do: there is no certificate "supplier-ds-newest"' 's/^Do=certificates supplier-ds-new /Do=certificates supplier-ds-newest /'
mistake 'words that are missing' "$(at '^Do=notify')" 'Do: "notify" has 4 words behind it, not 3' 's/^\(Do=notify.*\) yes/\1/'
mistake 'words that are too many' "$(at '^Do=draft m3')" 'Do: "draft" has 1 words behind it, not 2' 's/^Do=draft m3/& m4/'
mistake 'two things in a step' "$(at '^Sign=m3$')" 'Sign: a step is one of Do=, Vote= and Sign=' 's/^Sign=m3$/&\nDo=draft m3/'
mistake 'more who have to sign than there are' "$(at '^Sign=m3$')" 'Sign: 3 have to sign, and the role has 2' 's/^People=pma-1.*/People=pma-1 pma-2/'
mistake 'an incident that nobody opened' "$(at '^Do=draft m3')" 'Do: no step opens an incident "exit"' 's/^Do=draft m3/Do=incident exit/'
mistake 'a byte order mark in front' 1 "$(printf '\357\273\277')[Scenario]: a line is" '1s/.*/\xef\xbb\xbf[Scenario]/'
refused 'it does not begin either' 'is no scenario as it stands' workshop start "$dir/bad.scenario"
refused 'a scenario that is not there' 'there is no scenario tea-time' workshop start tea-time

# --- the room ---

# step_is STEP
step_is() {
    [ "$(cat "$room/play/step")" = "$1" ]
}
# To the step, everybody played by the facilitator.
play_to() { # STEP
    until step_is "$1"; do
        workshop next >>"$dir/played" 2>&1 || { tail -n 15 "$dir/played"; return 1; }
    done
}
# What the hand-out says, against service and meters, asked here in other words.
agrees() {
    workshop handout && h=$room/play/handout.json || return 1
    jq -e '.sums | length > 0 and all(.[]; .equal)' "$h" || return 1
    for id in $(ask incident list | jq -r '.incidents[].id'); do
        ask incident show "$id" | jq '{id, state, devices, signed, recovered}' >"$dir/show"
        jq --arg id "$id" '.incidents[] | select(.id == $id) | {id, state, devices, signed, recovered}' "$h" | cmp - "$dir/show" || return 1
        jq -e --arg id "$id" '.incidents[] | select(.id == $id) | .figures != {}' "$h" >/dev/null || continue
        ask figures "$id" | jq -S . >"$dir/figures"
        jq -S --arg id "$id" '.incidents[] | select(.id == $id) | .figures' "$h" | cmp - "$dir/figures" || return 1
    done
    # one list of cells and certificates' digests, by the meters
    for meters in "$room"/play/*/meters.state; do
        "$build/test/meter/smki-meter" cells --state "${meters%/*}"
    done | jq -r '.cells | to_entries[] | "\(.key) \(.value.certificate)"' | sort | uniq -c | awk '{ print $2, $3, $1 }' | sort >"$dir/hold"
    for pem in "$room"/base/pki/*.pem; do
        printf '%s\t%s\n' "$(openssl x509 -in "$pem" -outform DER | sha256sum | cut -d ' ' -f 1)" "$(basename "$pem" .pem)"
    done >"$dir/names"
    jq -r '.meters.cells | to_entries[] | .key as $cell | .value | to_entries[] | "\($cell)\t\(.key)\t\(.value)"' "$h" |
        awk -F '\t' -v OFS=' ' 'NR == FNR { d[$2] = $1; next } { print $1, d[$2], $3 }' "$dir/names" - | sort | diff - "$dir/hold"
}
# Every refusal of the script is in the hand-out, with rule and certainty.
refusals_told() {
    sed -n 's/^Refuses=//p' "$(cat "$room/play/source")" | sort -u >"$dir/wanted"
    jq -r '.refusals[], .offline_refusals[] | select(.certainty | IN("CONFIRMED", "INFERRED", "UNKNOWN", "choice")) | .rule' \
        "$room/play/handout.json" | sort -u | comm -23 "$dir/wanted" - | grep . && return 1
    return 0
}
# One page that needs nothing from elsewhere and says what it is.
page() {
    grep -q 'EXERCISE</b> Nothing of this is real' "$room/play/handout.html" || return 1
    ! grep -Eio '<script|src=|https?://|@import|url\(' "$room/play/handout.html"
}
# One meter takes the old certificates back, and the service is not told.
alter() {
    "$build/test/meter/smki-meter" change --state "$room/play/meters" --mode 2 --responses "$dir/unsent" \
        --cell supplier-ds="$room/base/pki/supplier-ds-old.pem" "$(sed -n '2s/,.*//p' "$room/play/meters/roster.csv")"
}
# The devices whose every command was accepted hold what the last decision names: not one less than the service says.
recovered() { # N
    jq -e --argjson n "$1" '[.incidents[] | select(.parent == "" or .parent == null) | .recovered] | add == $n' "$room/play/handout.json"
}

for scenario in $scenarios; do
    echo "# $scenario"
    check "$scenario begins" workshop start "$scenario"
    case $scenario in
    own-key)
        check 'a card for each person, a key for each' sh -c 'for c in "$1"/play/cards/*.txt; do p=$(basename "$c" .txt); test -s "$1/base/pki/$p.key" || exit 1; done; test -s "$1/play/cards/org-1.txt"' sh "$room"
        refused 'another scenario while this one is in play' 'is in play: close it' workshop start refusal
        refused 'a step out of turn' 'it is not your step' workshop --as duty next
        check 'the supplier is told that it is its turn' sh -c 'sh "$1" shell org-1 -c "smki-recovery-workshop turn" | grep -q "It is you"' sh "$program"
        check 'the duty manager is told for whom he waits' sh -c 'sh "$1" shell duty -c "smki-recovery-workshop turn" | grep -q "You wait for supplier"' sh "$program"
        check 'the supplier does its step in its own shell' sh -c 'sh "$1" shell org-1 -c "smki-recovery-workshop next" | grep -q "openssl cms -sign"' sh "$program"
        refused 'the supplier operates the service' 'needs one of: operator' workshop shell org-1 -c \
            "smki-recoveryctl incident open --exercise --initiator subscriber --notice x y"
        check 'by hand, in the duty manager'"'"'s shell' workshop shell duty -c \
            "smki-recoveryctl incident open --exercise --id W1-supplier --initiator subscriber --subscriber 90B3D51F30020001 --notice letter 'Supplier Ltd'"
        check 'an inject is played by hand' sh -c 'sh "$1" inject misuse | grep -q "INJECT for supplier"' sh "$program"
        check 'reset, in the middle' workshop reset
        refused 'nothing is in play then' 'no scenario is in play' workshop next
        check 'it begins afresh' workshop start own-key
        check 'and knows of no incident' sh -c '[ "$(cat "$1/play/step")" = notice ] && ! ls "$1"/play/incidents/* 2>/dev/null' sh "$room"
        ;;
    authorised-method-3)
        check 'to the vote' play_to vote
        for member in 1 2 3; do
            check "member $member votes against" workshop --as pma-$member vote against
        done
        refused 'a vote twice' 'has voted' workshop --as pma-1 vote for
        refused 'a vote of somebody else' 'it is not your step' workshop --as duty vote for
        check 'member 4 votes for' workshop --as pma-4 vote for
        check 'the motion fell' sh -c 'sh "$1" --as pma-5 vote for | grep -q "The motion fell"' sh "$program"
        check 'nothing went on' step_is vote
        for member in 1 2 3 4; do
            check "member $member votes for" workshop --as pma-$member vote for
        done
        check 'member 5 against: it is carried' sh -c 'sh "$1" --as pma-5 vote against | grep -q "4 for, 1 against"' sh "$program"
        refused 'who voted against does not sign' 'did not vote for it' workshop --as pma-5 next
        check 'a member signs in his own shell, with openssl' sh -c 'sh "$1" shell pma-1 -c "smki-recovery-workshop next" | grep -q "openssl cms -sign"' sh "$program"
        check 'and reads it there first, by the line that turn has' sh -c 'cd / && sh "$1" shell pma-2 -c "$(sh "$1" turn | sed -n "s/^  to read it: //p")" | grep -q "supplier-ds"' sh "$program"
        old=$(ls "$room"/past/*-refusal/no.cms)
        refused 'the decision of an earlier play is handed in' 'decision.other-incident' workshop shell duty -c \
            "smki-recoveryctl decision submit $(cat "$room/play/incident") $old"
        ;;
    esac
    check "$scenario is played to its end" play_to end
    check 'the figures of the hand-out are the service'"'"'s, and the meters'"'"' own' agrees
    check 'its refusals are there, with certainty' refusals_told
    check 'one page, nothing from elsewhere' page
    cp "$room/play/handout.json" "$dir/$scenario.json"
    case $scenario in
    authorised-method-3)
        check 'all twenty were recovered' recovered 20
        check 'a meter of which the service says otherwise' alter
        refused 'then the hand-out does not agree' 'false' agrees
        check 'and says so on its page' grep -q 'NOT EQUAL' "$room/play/handout.html"
        ;;
    own-key | false-alarm) check 'no device was signed for' recovered 0 ;;
    refusal)
        check 'no device was signed for' recovered 0
        check 'the decision sheet tells how long a refusal lasts, as the house has it' jq -e '.decision.outcome == "refuse" and
            any(.decision.settings[]; .key == "RefusedListDays" and .value == "28 days" and .certainty == "UNKNOWN")' "$room/play/sheet-no.json"
        ;;
    shared-provider) check 'ten were recovered, ten and ten replaced by their own key' jq -e '[.incidents[] | select(.figures.by_key) | .figures.by_key] | map(select(. == {own: 10} or . == {recovery: 10})) | length == 3' "$dir/$scenario.json" ;;
    ppmid) check 'all twenty-four have the new key, PPMIDs among them' recovered 24 ;;
    hsm-loss) check 'twenty have the new Recovery key, and then the new certificates' recovered 40 ;;
    *) check 'all twenty were recovered' recovered 20 ;;
    esac
    check 'it is closed' workshop close
    check 'reset: nothing of it is left' sh -c 'sh "$1" reset && ! test -e "$2/play"' sh "$program" "$room"
done

echo '# The scenario of smki-recovery-workshop(1), as it stands there'
awk '/^# A WHOLE SCENARIO/ { here = 1 } here && /^```/ { inside = !inside; next } inside' \
    "$source/packaging/man/smki-recovery-workshop.1.scd" >"$dir/hoax.scenario"
check 'it is a scenario' workshop check "$dir/hoax.scenario"
check 'it begins' workshop start "$dir/hoax.scenario"
check 'it is played to its end' play_to end
check 'it is closed, too' workshop close
check 'its refusal is in the hand-out' refusals_told

check 'the vote is in the hand-out, that which fell too' jq -e '.decisions[0].votes == {for: 4, against: 1, abstain: 0} and any(.timeline[]; .kind == "fell")' "$dir/authorised-method-3.json"
check 'the refusal did not outlive its scenario' jq -e '[.refusals[].rule] | index("incident.list-refused") == null' "$dir/authorised-method-2.json"
check 'what was shortened is marked' jq -e '.settings | any(.key == "TokenLostSec" and .life == "300" and (.exercise | test("EXERCISE")))' "$dir/hsm-loss.json"
check 'and what is as in life is not' jq -e '.settings == []' "$dir/refusal.json"
echo "1..$tests"
