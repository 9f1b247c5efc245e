# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Steps that packaging/quickstart and the tests share: documents and their signatures, an
# incident from its notice to its end. Read by '.' after stage.sh.

rehearsal_digest() {
    openssl x509 -in "$1" -outform DER | sha256sum | cut -d ' ' -f 1
}

# SHA-256 of every certificate by its file's name, for jq: $d["supplier-ds-old"].
rehearsal_digests() {
    [ -e "$work/digests" ] || : >"$work/digests"
    digests_known=" $(cut -f 1 "$work/digests" | tr '\n' ' ')"
    for pem in "$pki"/*.pem; do
        pem_name=${pem##*/} pem_name=${pem_name%.pem}
        case $digests_known in *" $pem_name "*) [ -n "$(find "$pem" -newer "$work/digests")" ] || continue ;; esac
        printf '%s\t%s\n' "$pem_name" "$(rehearsal_digest "$pem")"
    done >"$work/new"
    cat "$work/new" >>"$work/digests"
    jq -Rn '[inputs | split("\t") | {key: .[0], value: .[1]}] | from_entries' \
        "$work/digests" >"$work/digests.json"
}

# rehearsal_decision DRAFT.json OUT.json PREFIX FILTER [JQ-OPTION...]: complete what `decision draft` left open: Method 3, the three
# cells of the supplier PREFIX, all five members present; changed by a jq filter in which $d holds the
# certificates' digests and bad(cell; name) and new(cell; name) make list entries.
rehearsal_decision() {
    decision_draft=$1 decision_out=$2 decision_of=$3 decision_filter=$4
    shift 4
    rehearsal_digests
    jq "$@" --slurpfile digests "$work/digests.json" --arg p "$decision_of" '
    $digests[0] as $d
    | def bad($cell; $name): {cell: $cell, certificate: $d[$name], certainty: "actual", cause: "exposed"};
      def new($cell; $name): {cell: $cell, certificate: $d[$name], key_origin: "separate"};
    . + {key: "recovery", key_certificate: $d["recovery-ds"], method: "M3", mode: "anyExceptAbnormalRootByRecovery",
      subscriber_name: (($p[:1] | ascii_upcase) + $p[1:] + " Ltd"),
      compromised: [bad("supplier-ds"; $p + "-ds-old"), bad("supplier-ka"; $p + "-ka-old"), bad("supplier-pp"; $p + "-pp-old")],
      replacements: [new("supplier-ds"; $p + "-ds-new"), new("supplier-ka"; $p + "-ka-new"), new("supplier-pp"; $p + "-pp-new")],
      device_types: ["ESME", "GSME"], attempts: 1, requester: "Officer One", conflicts: [],
      meeting: {reference: "Rehearsal 1", quorum: "three of five, all present",
        members: [{holder: "Member One", seat: "chair", alternate: false},
          {holder: "Member Two", seat: "tabasc", alternate: false},
          {holder: "Member Three", seat: "specialist", alternate: false},
          {holder: "Member Four", seat: "large-supplier", alternate: false},
          {holder: "Member Five", seat: "networks", alternate: false}],
        votes: {for: 5, against: 0, abstain: 0}},
      guidance: {version: "rehearsal",
        shall: [{id: "devices-affected", value: "all devices of the roster", weight: 60}],
        may: [{id: "method-1-feasible", value: "no: the key is in other hands", weight: 40}],
        weighting: "share of the whole", steps: ["factors weighed one by one", "vote"]},
      reasons: "A rehearsal: the supplier lost its keys to somebody else.",
      residual_risk: "None: nothing of this is real.", conditions: []}
    | '"$decision_filter"'
    | if .outcome == "authorise" then . else del(.key, .key_certificate, .method, .mode, .replacements, .device_types,
        .roster, .attempts) end' "$decision_draft" >"$decision_out"
}

# rehearsal_sign DOCUMENT.json OUT.cms NAME...: one signature after the other, as people far
# apart would do it.
rehearsal_sign() {
    sign_in=$1 sign_out=$2
    shift 2
    rm -f "$sign_out.part"
    for name; do
        rehearsal_sign_one "$sign_in" "$sign_out.part" "$name" || return 1
    done
    mv "$sign_out.part" "$sign_out"
}
# rehearsal_sign_one DOCUMENT.json OUT.cms NAME: that person's signature; beside those that are there.
# $show, where it is set, is put before the command and shows it.
rehearsal_sign_one() {
    if [ -e "$2" ]; then
        ${show:-} openssl cms -resign -binary -nodetach -md sha256 -inform DER -in "$2" -outform DER -out "$2.next" \
            -signer "$pki/$3.pem" -inkey "$pki/$3.key"
    else
        ${show:-} openssl cms -sign -binary -nodetach -md sha256 -in "$1" -outform DER -out "$2.next" \
            -signer "$pki/$3.pem" -inkey "$pki/$3.key"
    fi && mv "$2.next" "$2"
}

# rehearsal_at OFFSET: that long from now ('+5 years', 'yesterday'), in UTC.
rehearsal_at() {
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}

rehearsal_state() {
    ctl --json incident show "$incident" | jq -r .state
}

rehearsal_event() {
    ctl --quiet incident event "$incident" "$@"
}

# The supplier's notice; sets $incident.
rehearsal_notice() {
    incident=$(ctl --json incident open --exercise --initiator subscriber \
        --subscriber "$stage_supplier" --notice 'Officer One, by telephone and by signed e-mail' \
        'Supplier Ltd: signing, agreement and top-up keys exposed' | jq -r .id) && [ -n "$incident" ]
}
# rehearsal_to_pma BUNDLE.pem ROSTER.csv [WHO]: an organisation's incident from confirmation until the PMA considers;
# WHO asks (default: the subscriber).
rehearsal_to_pma() {
    rehearsal_event confirm --evidence 'called back over the number on file' \
        --facts notifier_authenticated &&
        ctl --quiet certificates add "$incident" "$1" &&
        ctl --quiet roster add "$incident" "$2" &&
        rehearsal_event receive-file --as "${3:-subscriber}" --evidence 'Organisation Compromise Notification File 1' &&
        rehearsal_event ask-suspension --as "${3:-subscriber}" --evidence 'requested by Officer One' &&
        rehearsal_event devices-suspended --evidence 'every device of the roster' &&
        rehearsal_event recovery-set --evidence 'every device of the roster' &&
        rehearsal_event revoked --evidence 'revocation list 42' &&
        rehearsal_event refer-to-pma --evidence 'notice to every member'
}

# rehearsal_activation DECISION.json: the custodians' document for it, on standard output.
rehearsal_activation() {
    jq --arg digest "$(sha256sum <"$1" | cut -d ' ' -f 1)" '{schema, kind: "activation",
        id: ("activation-" + .id), incident, by: "custodians", outcome: "authorise", exercise,
        key, method, decision: $digest, ceremony: "Rehearsal 1: two of three present",
        valid_from, valid_to}' "$1"
}

# rehearsal_activate DECISION.json DECISION.cms: hand the decision in, call the custodians; two of three switch
# the key on. Sets $decision.
rehearsal_activate() {
    # shellcheck disable=SC2034 # for the caller
    decision=$(jq -r .id "$1") &&
        ctl decision submit "$incident" "$2" &&
        rehearsal_event call-custodians --evidence 'three called, two on their way' &&
        rehearsal_switch_on "$1"
}
# rehearsal_switch_on DECISION.json: the last step alone.
rehearsal_switch_on() {
    rehearsal_activation "$1" >"$work/activation.json" &&
        rehearsal_sign "$work/activation.json" "$work/activation.cms" custodian-1 custodian-2 &&
        stage_patient ctl decision submit "$incident" "$work/activation.cms"
}

# rehearsal_close: after the last answer.
rehearsal_close() {
    rehearsal_event deactivate-key --evidence 'the custodians left at noon' &&
        rehearsal_event executed --evidence 'every device answered; Recovery Progress File 1' &&
        rehearsal_event close
}
