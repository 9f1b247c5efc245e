#!/bin/sh
# SPDX-License-Identifier: MIT
# Each draft that the service makes - deferral, decision, activation, refusal; instructions are in the
# scenarios of hand-back - is filled where it says null, and nowhere else, and is accepted. Whatever is left open is
# refused, and the line and the field are named. drafts.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"

must stage_make 6
must service_start
must scene_referred

# What people say where a draft says null; which of two cells of one kind a certificate is for.
words='{certainty: "actual", cause: "exposed", key_origin: "separate", requester: "Officer One", conflicts: [], method: "M3",
    attempts: 1, reasons: "The keys are in other hands.", residual_risk: "None: a rehearsal.", conditions: [],
    compromised: ["ds", "ka", "pp" | {cell: ("supplier-" + .), certificate: $d["supplier-" + . + "-old"], certainty: "actual", cause: "exposed"}],
    replacements: ["ds", "ka", "pp" | {cell: ("supplier-" + .), certificate: $d["supplier-" + . + "-new"], key_origin: "separate"}],
    end_condition: "when the inquiry is over", ceremony: "Rehearsal 1", review: $review,
    meeting: {reference: "M-1", quorum: "all five", votes: {for: 5, against: 0, abstain: 0}, members: [
        ("One", "Two", "Three", "Four", "Five") | {holder: ("Member " + .), seat: "as called", alternate: false}]},
    guidance: {version: "1", shall: [{id: "devices", value: "all", weight: 60}], may: [], weighting: "by share", steps: ["vote"]}}'
fill() { # fill DRAFT OUT [OPEN]: all that is null, but for the OPENth
    jq --argjson open "${3:--1}" --arg review "$(rehearsal_at '+1 month')" --slurpfile digests "$work/digests.json" "\$digests[0] as \$d | $words"' as $words
        | ($digests[0] | with_entries({key: .value, value: .key})) as $whose | . as $draft
        | [paths(. == null)] | to_entries | map(select(.key != $open))
        | reduce .[].value as $p ($draft; setpath($p; if $p[-1] == "cell"
            then $whose[getpath($p[:-1]).certificate] | sub("-(old|new)$"; "") else $words[$p[-1]] end))' "$1" >"$2"
}
# left_open LEAST: each null of $draft left open, one after the other; so many there are at least
left_open() {
    left=$(jq '[paths(. == null)] | length' "$draft")
    echo "$left fields are open"
    [ "$left" -ge "$1" ] || return 1
    while [ "$left" -gt 0 ]; do
        left=$((left - 1))
        named || return 1
    done
}
named() { # the one that is left open, in its line
    fill "$draft" "$scene/open.json" $left && same "$(grep -c null "$scene/open.json")" 1 || return 1
    named_at=$(grep -n null "$scene/open.json")
    named_is=$(printf '%s' "$named_at" | sed 's/.*"\(.*\)": null.*/\1/')
    ctl decision review "$scene/open.json" >"$scene/out" 2>"$scene/err"
    same $? 3 && cat "$scene/err" && grep -F 'rule    decision.schema' "$scene/err" &&
        grep -E "^smki-recoveryctl: line ${named_at%%:*}: ([a-z_]+\\[[0-9]+\\][.])?$named_is: " "$scene/err"
}
drafted() { # drafted NAME OPTION...: $draft
    draft=$scene/$1.draft
    shift
    ctl --quiet decision draft "$incident" "$@" >"$draft"
}
accepted() { # accepted NAME PERSON...: filled, signed, handed in
    accepted_name=$1
    shift
    fill "$draft" "$scene/$accepted_name.json" && not grep null "$scene/$accepted_name.json" &&
        rehearsal_sign "$scene/$accepted_name.json" "$scene/$accepted_name.cms" "$@" &&
        stage_patient ctl decision submit "$incident" "$scene/$accepted_name.cms"
}
rehearsal_digests

must drafted deferral --outcome defer-revocation
t 'a deferral: what is left open is named' left_open 10
t 'a deferral is accepted' accepted deferral pma-1 pma-2 pma-3
must ctl incident event "$incident" end-deferral --evidence 'the inquiry is over'
sleep 1 # a draft's id is made of the second
must drafted decision
t 'a decision: what is left open is named' left_open 10
t 'a decision is accepted' accepted decision pma-1 pma-2 pma-3
must rehearsal_event call-custodians --evidence 'three called'
sleep 1
must drafted activation --kind activation
t 'an activation: what is left open is named' left_open 1
t 'an activation is accepted' accepted activation custodian-1 custodian-2
must rehearsal_event deactivate-key --evidence 'the custodians left'
sleep 1
must drafted refusal --outcome refuse
t 'a refusal: what is left open is named' left_open 8
t 'a refusal is accepted' accepted refusal pma-1 pma-2 pma-3
none() {
    ctl figures I-2026-0099 >"$scene/out" 2>"$scene/err"
    same $? 4 && cat "$scene/err" && grep -F 'incident.none' "$scene/err"
}
t 'figures of an incident that does not exist' none
plan
