# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The course of a scenario: steps, votes, signatures, injects, and the log of what the room did. Read by '.'.
#
#   $work/step    the step that is due ("end": none is left)     $work/line   how many of its actions are done
#   $work/due     since when it is due, seconds of the epoch     $work/log.jsonl   what happened

play_verb() { # VERB ARGUMENT...
    play=$1
    shift
    case $play in
    start) play_start "$@" ;;
    reset) play_reset ;;
    *)
        [ -f "$work/step" ] || fail 'no scenario is in play: start SCENARIO'
        cast_tokens
        play_injects
        "play_$play" "$@"
        ;;
    esac
}

play_now() {
    date +%s.%3N
}
# play_log KIND [JQ-OPTION...]: a line of the log; options name further members (--arg NAME VALUE).
play_log() {
    log_kind=$1
    shift
    jq -nc --arg kind "$log_kind" --arg at "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" --argjson seconds "$(play_now)" "$@" \
        '$ARGS.named | {at, seconds} + .' >>"$work/log.jsonl"
}

# --- beginning and end ---

play_start() { # SCENARIO
    [ $# -eq 1 ] || fail 'start SCENARIO'
    [ ! -f "$work/step" ] || [ -f "$work/closed" ] ||
        fail "$(cat "$work/name") is in play: close it, or reset, before another begins"
    begin_file=$(scenario_file "$1") || fail "there is no scenario $1: list has their names"
    begin_fields=$(scenario_read "$begin_file") || fail "$1 is no scenario as it stands"
    begin_file=$(cd "$(dirname "$begin_file")" && pwd)/$(basename "$begin_file")
    cast_base
    work=$folder/play
    play_reset >>"$log"
    # Each play has a number: no incident and no decision is called as one of an earlier play.
    begin_number=$(($(cat "$folder/plays" 2>/dev/null || echo 0) + 1))
    echo $begin_number >"$folder/plays"
    cast_play
    printf '%s\n' "$begin_fields" >"$work/scenario.tsv"
    play_unlike >"$work/settings.json" || fail 'the settings cannot be told'
    echo "$begin_file" >"$work/source"
    basename "$begin_file" .scenario >"$work/name"
    echo "W$begin_number" >"$work/number"
    { cast_scenario >>"$log" 2>&1 && cast_cards; } || fail "the scenario cannot be set up; $log says why"
    # what is held open here is not the service's
    { (trap '' HUP && service_start 9>&-) && eventually look_ready; } >>"$log" 2>&1 ||
        fail "the service does not answer; see $work/service.log"
    play_log start --arg scenario "$(asked Scenario '' Title)"
    play_now >"$work/started"
    play_goto "$(names Step | head -n 1)"
    say "EXERCISE. Scenario: $(asked Scenario '' Title)"
    asked Scenario '' About | fold -s -w 90
    play_settings
    say "Cards are in $work/cards, to print in $work/cards.html; each person: smki-recovery-workshop --folder $folder shell PERSON"
    play_turn
}
# What is not as in life: each setting of the scenario that is none of the service's own.
play_unlike() {
    recoveryctl --json policy settings | jq -c --rawfile fields "$work/scenario.tsv" '
        ([.settings[] | {key, value: .default}] + [{key: "WindowHours", value: "24"}, {key: "Clock", value: "1"}] | from_entries) as $life
        | [$fields | split("\n")[] | split("\t") | select(.[0] == "Setting") | {key: .[2], value: .[4], life: $life[.[2]]} | select(.value != .life)
            | .exercise = "EXERCISE: not as in life"]'
}
# ... said aloud.
play_settings() {
    jq -r '.[] | "EXERCISE: not as in life: \(.key)=\(.value) (else \(.life))"' "$work/settings.json"
}
# Nothing of what was played is left for the next one: its papers and its hand-out go to past/, the rest goes.
play_reset() {
    [ -d "$work" ] || { say 'Nothing is in play'; return 0; }
    if [ -f "$work/service.pid" ]; then service_stop || :; fi
    keep=$folder/past/$(cat "$work/number" 2>/dev/null || echo W0)-$(cat "$work/name" 2>/dev/null || echo none)
    mkdir -p "$keep"
    for keep_file in "$work"/handout.html "$work"/handout.json "$work"/evidence.html "$work"/log.jsonl "$work"/letters "$work"/*.cms "$work"/pack-* "$work"/sheet-*; do
        [ ! -e "$keep_file" ] || mv "$keep_file" "$keep/"
    done
    rm -rf "$work"
    say "Nothing is in play. What it left is in $keep"
}
play_close() {
    [ ! -f "$work/closed" ] || fail 'it is closed'
    play_log close --arg left "$(cat "$work/step")"
    play_handout
    if [ -f "$work/service.pid" ]; then service_stop || :; fi
    touch "$work/closed"
    say 'Closed. Another one: start SCENARIO'
}
play_handout() {
    [ ! -f "$work/closed" ] || { say "$work/handout.html"; return 0; }
    handout_write || fail "the hand-out cannot be written; $log says why"
    say "$work/handout.html"
    say "$work/handout.json"
}
play_card() {
    cat "$work/cards/${1:-}.txt" 2>/dev/null || fail "no card of \"${1:-}\""
}

# --- injects ---

# Minutes of the story since the start. Clock= says how many pass in one of the room.
play_minutes() {
    awk -v now="$(play_now)" -v then="$(cat "$work/started")" -v clock="$(asked Setting '' Clock)" \
        'BEGIN { print int((now - then) / 60 * (clock ? clock : 1)) }'
}
play_injects() {
    [ ! -f "$work/closed" ] || return 0
    for one_inject in $(names Inject); do
        inject_at=$(asked Inject "$one_inject" At)
        [ -z "$inject_at" ] || grep -qx "$one_inject" "$work/injected" 2>/dev/null || [ "$(play_minutes)" -lt "$inject_at" ] ||
            play_inject_one "$one_inject" clock
    done
}
play_inject_one() { # NAME clock|hand
    echo "$1" >>"$work/injected"
    say ''
    say "INJECT for $(asked Inject "$1" To):"
    asked Inject "$1" Says | fold -s -w 90 | sed 's/^/  /'
    play_log inject --arg inject "$1" --arg by "$2" --arg to "$(asked Inject "$1" To)" --arg text "$(asked Inject "$1" Says)"
}
play_inject() {
    if [ $# -eq 0 ]; then
        for one_inject in $(names Inject); do
            if grep -qx "$one_inject" "$work/injected" 2>/dev/null; then told='played'; else told='to come'; fi
            printf '%-20s %-8s %s\n' "$one_inject" "$told" "$(asked Inject "$one_inject" Says | cut -c 1-70)"
        done
        return 0
    fi
    [ -n "$(asked Inject "$1" To)" ] || fail "there is no inject $1"
    play_inject_one "$1" hand
}

# --- steps ---

play_goto() { # STEP
    echo "$1" >"$work/step"
    echo 0 >"$work/line"
    play_now >"$work/due"
}
play_people() { # who plays the step that is due
    asked Role "$(asked Step "$step" Role)" People
}
play_turn() {
    step=$(cat "$work/step")
    [ "$step" != end ] || { say 'No step is left: close'; return 0; }
    turn_role=$(asked Step "$step" Role)
    say ''
    say "Step $(names Step | grep -nx "$step" | cut -d : -f 1) of $(names Step | wc -l), \"$step\": $turn_role ($(play_people))"
    case " $(play_people) " in
    *" $as "*) say "It is you: $(asked Step "$step" Tell)" ;;
    *)
        [ -z "$as" ] || say "You wait for $turn_role."
        say "$(asked Step "$step" Tell)"
        ;;
    esac
    asked Step "$step" Do | sed 's/^/  do: /'
    [ -z "$(asked Step "$step" Refuses)" ] || say "  The rules refuse this: $(asked Step "$step" Refuses)"
    [ -z "$(asked Step "$step" Vote)" ] || say "  vote for|against|abstain, each of: $(play_people)"
    [ -z "$(asked Step "$step" Sign)" ] || say "  to read it: smki-recoveryctl decision review play/$(asked Step "$step" Sign).json"
    [ -z "$(asked Step "$step" Sign)" ] || say "  next signs $(asked Step "$step" Sign), each for himself; $(play_need) have to"
    asked Step "$step" Ask | sed 's/^/  For the room: /'
    [ -z "$(asked Step "$step" Otherwise)" ] || say "  The other way: next --otherwise"
}

# Who acts: --as, else the first of the role, played by the facilitator.
play_actor() {
    if [ -n "$as" ]; then
        case " $(play_people) " in *" $as "*) ;; *) fail "$as: it is not your step; $(asked Step "$step" Role) is due ($(play_people))" ;; esac
        person=$as by=$as
    else
        person=$(play_people) person=${person%% *} by=facilitator
    fi
}
play_next() {
    [ ! -f "$work/closed" ] || fail 'the scenario is closed'
    step=$(cat "$work/step")
    [ "$step" != end ] || { say 'No step is left: close'; return 0; }
    play_actor
    if [ $otherwise = yes ]; then
        [ -n "$(asked Step "$step" Otherwise)" ] || fail "step \"$step\" has no other way"
        play_done "$(asked Step "$step" Otherwise)"
    elif [ $done_by_hand = yes ]; then
        play_done ''
    elif [ -n "$(asked Step "$step" Vote)" ]; then
        [ -z "$as" ] || fail 'it is a vote: vote for, against or abstain'
        for voter in $(play_people); do
            [ -e "$work/votes/$(asked Step "$step" Vote).$voter" ] || play_ballot "$voter" for facilitator
        done
        play_count
    elif [ -n "$(asked Step "$step" Sign)" ]; then
        play_sign
    else
        play_do
        play_done ''
    fi
}
# What the command said, in words, where it said it as JSON.
play_words() {
    jq -Rr '. as $line | ((fromjson? | objects) // {}) as $p
        | if $p.schema == "smki-recoveryctl/1" then "smki-recoveryctl: \($p.detail)\n  rule    \($p.id // "")\n  advice  \($p.advice // "")"
          else $line end' "$1" >"$1.words" && mv "$1.words" "$1"
}
# The actions of the step, from the first that is not done yet.
play_do() {
    refuses=$(asked Step "$step" Refuses)
    done_lines=$(cat "$work/line")
    asked Step "$step" Do >"$work/actions"
    while [ "$done_lines" -lt "$(wc -l <"$work/actions")" ]; do
        action=$(sed -n "$((done_lines + 1))p" "$work/actions")
        # Quotations as the format has them; scenario.awk has read them already.
        act_status=0
        eval "act $(printf '%s\n' "$action" | play_quote)" 7>&1 >>"$log" 2>"$work/said" || act_status=$?
        play_words "$work/said"
        cat "$work/said" >>"$log"
        if [ -n "$refuses" ]; then
            [ $act_status -ne 0 ] || fail "step \"$step\": it should have been refused by $refuses"
            grep -q "^  rule  *$refuses\$" "$work/said" || { cat "$work/said" >&2; fail "step \"$step\": refused, but not by $refuses"; }
            play_log refused --arg step "$step" --arg rule "$refuses" --arg person "$person" --arg by "$by"
            cat "$work/said" || :
        elif [ $act_status -ne 0 ]; then
            cat "$work/said" >&2
            fail "step \"$step\" is still due: '$action' did not go well"
        else
            sed 's/^/  /' "$work/said" || :
        fi
        done_lines=$((done_lines + 1))
        echo $done_lines >"$work/line"
    done
}
# Words for the shell: what stands in '...' as it is, the others too, nothing expanded.
play_quote() {
    awk '{ rest = $0
        while (rest != "") {
            sub(/^ +/, "", rest)
            if (rest == "") break
            if (substr(rest, 1, 1) == "\047") { match(rest, /^\047[^\047]*\047/); printf "%s ", substr(rest, 1, RLENGTH) }
            else { match(rest, /^[^ ]+/); printf "\047%s\047 ", substr(rest, 1, RLENGTH) }
            rest = substr(rest, RLENGTH + 1)
        } }'
}
# play_done WHERE: the step is over, where the incident is where it should be; on to WHERE, or to the next one.
play_done() {
    incident=$(cat "$work/incident" 2>/dev/null || :)
    state=''
    [ -z "$incident" ] || state=$(look incident show "$incident" | jq -r .state)
    expect=$(asked Step "$step" Expect)
    [ -z "$expect" ] || [ -n "$1" ] || [ "$state" = "$expect" ] ||
        fail "step \"$step\" is still due: $incident is $state, and should be $expect"
    play_log step --arg step "$step" --arg role "$(asked Step "$step" Role)" --arg person "$person" --arg by "$by" \
        --arg incident "$incident" --arg state "$state" --argjson due "$(cat "$work/due")" --arg way "${1:+otherwise}" \
        --arg text "$(asked Step "$step" Tell)"
    where=$1 done_step=$step
    [ -n "$where" ] || where=$(asked Step "$step" Then)
    [ -n "$where" ] || where=$(names Step | awk -v s="$step" 'found { print; exit } $0 == s { found = 1 }')
    play_goto "${where:-end}"
    say "Done: $done_step${state:+ ($incident is $state)}"
    play_turn
}

# --- votes and signatures ---

play_ballot() { # PERSON WORD BY
    echo "$2" >"$work/votes/$(asked Step "$step" Vote).$1"
    play_log vote --arg step "$step" --arg decision "$(asked Step "$step" Vote)" --arg person "$1" --arg vote "$2" --arg by "$3"
}
play_vote() { # WORD
    step=$(cat "$work/step")
    [ -n "$(asked Step "$step" Vote)" ] || fail 'nothing is to be voted on now'
    case ${1:-} in for | against | abstain) ;; *) fail 'vote for, against or abstain' ;; esac
    [ -n "$as" ] || fail 'who votes? --as PERSON'
    play_actor
    [ ! -e "$work/votes/$(asked Step "$step" Vote).$as" ] || fail "$as has voted"
    play_ballot "$as" "$1" "$as"
    for voter in $(play_people); do
        [ -e "$work/votes/$(asked Step "$step" Vote).$voter" ] || { say "$as votes $1; others are awaited"; return 0; }
    done
    play_count
}
# Everybody has voted: more for than against, and enough to sign. The draft says who was there and how many voted how.
play_count() {
    count_of=$(asked Step "$step" Vote)
    for voter in $(play_people); do
        printf '%s\t%s\t%s\t%s\n' "$voter" "$(cat "$work/votes/$count_of.$voter")" "$(stage_subject "$pki/$voter.pem" commonName)" \
            "$(stage_subject "$pki/$voter.pem" organizationalUnitName)"
    done >"$work/ballots"
    jq --rawfile ballots "$work/ballots" '($ballots | split("\n") | map(select(. != "") | split("\t"))) as $b
        | .meeting.members = [$b[] | {holder: .[2], seat: .[3], alternate: false}]
        | .meeting.votes = ({for: 0, against: 0, abstain: 0} + ($b | group_by(.[1]) | map({key: .[0][1], value: length}) | from_entries))' \
        "$work/$count_of.json" >"$work/counted.json"
    mv "$work/counted.json" "$work/$count_of.json"
    count_for=$(cut -f 2 "$work/ballots" | grep -cx for || :)
    count_against=$(cut -f 2 "$work/ballots" | grep -cx against || :)
    say "Votes on $count_of: $count_for for, $count_against against, $(($(wc -l <"$work/ballots") - count_for - count_against)) abstain"
    play_log count --arg step "$step" --arg decision "$count_of" --argjson votes "$(jq -c .meeting.votes "$work/$count_of.json")"
    if [ "$count_for" -gt "$count_against" ] && [ "$count_for" -ge 3 ]; then
        person='' by=${as:-facilitator}
        play_done ''
    else
        rm -f "$work/votes/$count_of".*
        say 'The motion fell. Vote again, or go the other way where there is one (next --otherwise).'
        play_log fell --arg step "$step" --arg decision "$count_of"
    fi
}
# How many have to sign: Need=, else three members of the PMA, two custodians, one of anybody else.
play_need() {
    need=$(asked Step "$step" Need)
    case "$need/$(play_people)" in
    [1-9]/*) echo "$need" ;;
    */pma-*) echo 3 ;;
    */custodian-*) echo 2 ;;
    *) echo 1 ;;
    esac
}
# Whoever voted for it signs. A person signs for himself; the facilitator for those who are not there.
play_sign() {
    sign_what=$(asked Step "$step" Sign)
    sign_need=$(play_need)
    [ -e "$work/$sign_what.signed" ] || : >"$work/$sign_what.signed"
    for signer in ${as:-$(play_people)}; do
        ! grep -qx "$signer" "$work/$sign_what.signed" || { [ -z "$as" ] || fail "$as has signed"; continue; }
        case $(cat "$work/votes/$sign_what.$signer" 2>/dev/null || echo for) in for) ;; *) [ -z "$as" ] || fail "$as did not vote for it"; continue ;; esac
        [ -n "$as" ] || [ "$(grep -c . "$work/$sign_what.signed")" -lt "$sign_need" ] || break
        rehearsal_sign_one "$work/$sign_what.json" "$work/$sign_what.cms" "$signer" 7>&1 >>"$log" 2>&1 || fail "$signer cannot sign; $log says why"
        echo "$signer" >>"$work/$sign_what.signed"
        play_log sign --arg step "$step" --arg decision "$sign_what" --arg person "$signer" --arg by "$by"
    done
    sign_n=$(wc -l <"$work/$sign_what.signed")
    say "$sign_n of $sign_need have signed $sign_what"
    [ "$sign_n" -lt "$sign_need" ] || play_done ''
}
