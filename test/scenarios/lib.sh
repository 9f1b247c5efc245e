# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the stories share, on top of packaging/rehearsal.sh. Read by '.'; a story's arguments are the
# build directory and the source directory. A story is TAP; its tables are comments.
#
#   SMKI_RESTART=yes  the service is killed (SIGKILL) and started anew after every step of the story
#
# Functions named story_* set the stage or tell; check, refuse and refused each make one test.

story=$(basename "$0" .sh) tools=$1 source=$2
set -u
umask 077
results=$tools/test/scenarios/results
mkdir -p "$results"
[ "${SMKI_RESTART:-no}" = yes ] && story=$story-restarted
work=$(mktemp -d)
# shellcheck source=packaging/stage.sh
. "$source/packaging/stage.sh"
# shellcheck source=packaging/rehearsal.sh
. "$source/packaging/rehearsal.sh"
# shellcheck source=packaging/parties.sh
. "$source/packaging/parties.sh"
# shellcheck source=test/fake/shim.sh
. "$source/test/fake/shim.sh"
log=$work/log pki=$work/pki socket=$work/run/operator.sock
mkdir "$work/run"
rm -f "$results/$story" "$results/$story".*
tests=0 failed=0 tried=0 held=0
incident=''

story_finish() { # STATUS
    if [ "$1" -ne 0 ] || [ $failed -gt 0 ]; then
        [ ! -f "$log" ] || tail -n "${SMKI_LOG_LINES:-60}" "$log" | sed 's/^/# | /'
        [ ! -f "$work/service.log" ] || tail -n 15 "$work/service.log" | sed 's/^/# service | /'
    fi
    if [ -n "${SMKI_KEEP:-}" ]; then echo "# kept: $work"; else rm -rf "$work"; fi
    [ $failed -eq 0 ] || exit 1
}
stage_at_end story_finish

# story_ready KEY: until a signer has proven this key.
story_ready() {
    eventually story_usable "$1"
}
story_usable() {
    ctl --json status | jq -e --arg key "$1" '[.keys[] | select(.key == $key) | .usable] == [true]' >/dev/null
}

ctl() {
    stage_patient ctl_once "$@" || return $?
    [ "${SMKI_RESTART:-no}" = yes ] || return 0
    case " $* " in
    *' incident event '* | *' incident open '* | *' decision submit '* | *' batch start '* | *' responses add '* | *' file add '*)
        service_kill
        # shellcheck disable=SC2119 # it takes settings, or none
        service_start
        ;;
    esac
}

# --- the stage ---

acb=90B3D51F30040001
# story_setup: token with every key, everybody's certificates, the configuration. The module is
# the shim in front of SoftHSM: it counts the uses of each key at the token.
story_setup() {
    stage_token >>"$log" 2>&1 || return 1
    {
        stage_config | sed -e "s|^Module=.*|Module=$shim|" \
            -e '/^\[Key "recovery"\]/,/^Authority=/s|^Id=.*|&\nLabel=recovery|'
        party_key contingency 02 contingency pma "$pki/contingency.pem"
        party_key acb-ds 03 acb-ds dcc "$pki/acb-ds.pem"
        party_key acb-ka 04 acb-ka dcc "$pki/acb-ka.pem"
        party_authority supplier "$pki/org-anchor.pem" 1 2 "$stage_supplier"
        party_authority dcc "$pki/dcc-anchor.pem" 1 2 "$acb"
    } >"$work/recovery.conf"
    stage_keys >>"$log" 2>&1 || return 1
    stage_certificates >>"$log" 2>&1 || return 1
    party_of_token acb-ds 04 "$acb" ds
    party_of_token acb-ka 04 "$acb" ka
    party_of_token contingency 7F 90B3D51F30010009 ds
    # The DCC's own officers: people of another officers' CA.
    stage_pki init --dir "$work/dcc" >>"$log" 2>&1 || return 1
    for end in pem key; do
        cp "$work/dcc/org-anchor.$end" "$pki/dcc-anchor.$end"
    done
    stage_pki person --dir "$work/dcc" --anchor org-anchor --out "$pki/dcc-1.pem" \
        --key "$pki/dcc-1.key" --cn 'DCC Officer' --seat officer --organisation DCC >>"$log" 2>&1 || return 1
    {
        stage_person dcc-1 "$pki/dcc-1.pem"
        printf '[Person "duty"]\nName=Duty Manager\nOrganisation=DCC\n' # asks for things, signs nothing
    } >>"$work/recovery.conf.d/people.conf"
    rm -f "$work/uses"/* # what the ceremony used
}

# --- incidents and documents ---

# story_open [OPTION...] TITLE: sets $incident.
story_open() {
    incident=$(ctl --json incident open --exercise "$@" 2>>"$log" | jq -r .id)
    [ -n "$incident" ]
}

event() {
    rehearsal_event "$@"
}

# story_decision NAME PREFIX FILTER: NAME.json, a decision on $incident; see rehearsal_decision.
story_decision() {
    decision_last=$((${decision_last:-0} + 1))
    ctl --quiet --json decision draft "$incident" --kind "${decision_kind:-decision}" >"$work/draft.json" 2>>"$log" &&
        rehearsal_decision "$work/draft.json" "$work/$1.json" "$2" \
            '.id = "'"$incident-D$decision_last"'" | .attempts = 2 | '"${3:-.}"
}

# story_sign NAME HOLDER...: NAME.cms.
story_sign() {
    sign_name=$1
    shift
    rehearsal_sign "$work/$sign_name.json" "$work/$sign_name.cms" "$@" >>"$log" 2>&1
}

# story_decide NAME PREFIX FILTER: decided and signed by three of five, handed in. Sets $decision.
story_decide() {
    story_decision "$@" && story_sign "$1" pma-1 pma-2 pma-3 || return 1
    decision=$(jq -r .id "$work/$1.json")
    ctl --quiet decision submit "$incident" "$work/$1.cms"
}

# story_activate DECISION: custodians called; two of three switch the key on.
story_activate() {
    event call-custodians --evidence 'three called, two on their way' &&
        party_activation "${1}-key" "$1" && story_sign "${1}-key" custodian-1 custodian-2 &&
        ctl --quiet decision submit "$incident" "$work/${1}-key.cms"
}

# story_batch [OPTION...]: a batch under $decision, to its end, rows that could not be signed or none. Sets $batch.
# shellcheck disable=SC2119,SC2120 # often without an option
story_batch() {
    batch=$(ctl --json --yes batch start "$@" "$incident" "$decision" 2>>"$log" | jq -r .id)
    [ -n "$batch" ] && { ctl --quiet batch watch "$batch" || [ $? -eq 9 ]; }
}
# story_rows_left BATCH: it is done, and some of its rows could not be signed.
story_rows_left() {
    ctl --quiet batch watch "$1"
    [ $? -eq 9 ]
}

# story_instruct NAME PREFIX FILTER OFFICER...: hand-back as officers of the DCC instruct it: the ACB key signs, in mode 2.
story_instruct() {
    decision_kind=instruction
    story_decision "$1" "$2" '.by = "dcc" | .method = "handback" | .mode = "supplierBySupplier"
        | .key = "acb-ds" | .requester = "Duty Manager" | .key_certificate = $d["acb-ds"]
        | del(.conflicts, .meeting, .guidance, .residual_risk, .conditions, .initiator) | '"$3"
    instruct_status=$?
    decision_kind=
    [ $instruct_status -eq 0 ] || return 1
    instruct_name=$1
    shift 3
    story_sign "$instruct_name" "$@" && ctl --quiet decision submit "$incident" "$work/$instruct_name.cms"
}
# story_appoint NAME PREFIX EUI APPOINTMENT: the PMA names who takes the devices of PREFIX over. $decision stays.
story_appoint() {
    story_decision "$1" "$2" ".outcome = \"appoint\" | .replacement_subscriber = \"$3\" | .appointment = \"$4\"" &&
        story_sign "$1" pma-1 pma-2 pma-3 && ctl --quiet decision submit "$incident" "$work/$1.cms"
}

# story_run NAME PREFIX FILTER METERS: decided, activated, signed, answered, key off.
story_run() {
    story_decide "$1" "$2" "$3" && story_activate "$1" && story_batch && story_exchange "$4" &&
        event deactivate-key --evidence 'the custodians left'
}

# story_spoilt FILTER [PREFIX]: a decision as it might be, with the filter's change, handed in.
story_spoilt() {
    story_decision spoilt "${2:-supplier}" "$1" && story_sign spoilt pma-1 pma-2 pma-3 &&
        ctl decision submit "$incident" "$work/spoilt.cms"
}

# story_exchange METERS [OPTION...]: commands of $batch to the meters, their answers back. Leaves verdict.json.
story_exchange() {
    exchange_meters=$work/$1
    shift
    rm -rf "$work/commands"
    ctl --quiet commands export "$batch" --out "$work/commands" >>"$log" 2>&1 &&
        "$tools/test/meter/smki-meter" run --state "$exchange_meters" --commands "$work/commands" \
            --responses "$work/responses.hex" --log "$work/meters.jsonl" --json "$@" >"$work/verdict.json" 2>>"$log" &&
        ctl --quiet responses add "$incident" "$work/responses.hex"
}

# --- what others do to the meters ---

# story_moved METERS PREFIX DEVICE...: they change to the supplier of PREFIX-ds-old and so on, by the transitional CoS.
# What they answer to it is in moved.hex.
story_moved() {
    moved_meters=$1 moved_to=$2
    shift 2
    "$tools/test/meter/smki-meter" change --state "$work/$moved_meters" --mode 7 --responses "$work/moved.hex" \
        --cell supplier-ds="$pki/$moved_to-ds-old.pem" --cell supplier-ka="$pki/$moved_to-ka-old.pem" \
        --cell supplier-pp="$pki/$moved_to-pp-old.pem" "$@"
}
# story_misused METERS CELL DEVICE...: somebody places an unknown key in that supplier's cell with the kept one. What the
# devices answer to the supplier is in misused.hex.
story_misused() {
    misused_meters=$1 misused_cell=$2
    shift 2
    "$tools/test/meter/smki-meter" change --state "$work/$misused_meters" --mode 2 --responses "$work/misused.hex" \
        --unknown "$misused_cell" "$@"
}
# story_asked METERS QUERIES [OPTION...]: the transitional CoS completes the service's questions (a folder) and sends
# them; what the devices answer is in asked.hex.
story_asked() {
    asked_meters=$1 asked_queries=$2
    shift 2
    "$tools/test/meter/smki-meter" run --state "$work/$asked_meters" --commands "$asked_queries" \
        --signer "$pki/tcos-ds.key" --responses "$work/asked.hex" --log "$work/asked.jsonl" "$@"
}
# story_excuse REASON: every device that is not done yet, by name.
story_excuse() {
    ctl --json devices "$incident" | jq -r --arg why "$1" '.devices[] |
        select(.state != "success" and .state != "excused") | "\(.device),excused,\($why)"' >"$work/excused.csv" &&
        ctl --quiet devices mark "$incident" "$work/excused.csv"
}

# story_hold METERS CELL CERTIFICATE N: that many of the meters hold it there, as they say themselves.
story_hold() {
    rehearsal_digests
    hold_n=$("$tools/test/meter/smki-meter" cells --state "$work/$1" |
        jq -s --slurpfile digests "$work/digests.json" --arg cell "$2" --arg name "$3" \
            'map(select(.cells[$cell].certificate == $digests[0][$name])) | length') && [ "$hold_n" -eq "$4" ]
}

# --- files of the parties ---

# story_file NAME [SIGNER]: sign NAME.csv by SIGNER (default: the supplier's first officer), hand both in.
story_file() {
    openssl cms -sign -binary -md sha256 -in "$work/$1.csv" -signer "$pki/${2:-org-1}.pem" \
        -inkey "$pki/${2:-org-1}.key" -outform DER -out "$work/$1.p7s" 2>>"$log" &&
        ctl --quiet file add "$incident" "$work/$1.csv" "$work/$1.p7s"
}

# --- asking ---

story_state() {
    ctl --json incident show "$incident" | jq -r .state
}
in_state() {
    [ "$(story_state)" = "$1" ]
}
# shows FILTER: of the incident's own story.
shows() {
    ctl --json incident show "$incident" | jq -e "$1" >/dev/null
}
# audited FILTER: of the list of audit records, [{kind, incident, actor, data}].
audited() {
    ctl audit export | jq -se "$1" >/dev/null
}
# Uses of the Recovery key.
uses_are() {
    [ "$(uses recovery)" -eq "$1" ]
}
json_is() { # FILE FILTER
    jq -e "$2" "$1" >/dev/null
}

# --- tests ---

story_result() { # STATUS NAME
    tests=$((tests + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tests - $2"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $2"
    fi
}

# check NAME COMMAND...
check() {
    check_name=$1
    shift
    printf '\n== %s\n' "$check_name" >>"$log"
    "$@" >>"$log" 2>&1
    story_result $? "$check_name"
}

story_held() { # RULE NAME
    held=$((held + 1))
    printf '%s\t%s\n' "$1" "$2" >>"$results/$story.held"
}

# refuse NAME RULE COMMAND...: the command must fail by that rule and change nothing: the one record more
# in the audit chain, where every change has one, is that of the refusal. (What comes by itself, and what
# was refused because signers were coming back, does not count.)
refuse() {
    refuse_name=$1 refuse_rule=$2
    shift 2
    tried=$((tried + 1))
    printf '\n== refuse: %s\n' "$refuse_name" >>"$log"
    refuse_seq=$(ctl audit export | wc -l)
    refuse_status=0
    if "$@" >"$work/said" 2>&1; then
        echo 'it was not refused' >>"$log"
        refuse_status=1
    fi
    cat "$work/said" >>"$log"
    ctl audit export | tail -n "+$((refuse_seq + 1))" >"$work/records"
    jq -se --arg rule "$refuse_rule" '[.[] | select(.kind | IN("ORDER_LOST", "DEADLINE_PASSED", "ROLL_BACK_FOUND", "HEAD") | not)] | length == 1
        and .[0].kind == "REFUSED" and .[0].data.rule == $rule' "$work/records" >/dev/null || refuse_status=1
    [ $refuse_status -eq 0 ] || cat "$work/records" >>"$log"
    [ $refuse_status -ne 0 ] || story_held "$refuse_rule" "$refuse_name"
    story_result $refuse_status "refused: $refuse_name [$refuse_rule]"
}

# refused NAME RULE COMMAND...: for what is refused later than it is asked (while signing), or by a tool
# without the service: the command is true when it was.
refused() {
    refused_name=$1 refused_rule=$2
    shift 2
    tried=$((tried + 1))
    printf '\n== refused: %s\n' "$refused_name" >>"$log"
    if "$@" >>"$log" 2>&1; then
        story_held "$refused_rule" "$refused_name"
        story_result 0 "refused: $refused_name [$refused_rule]"
    else
        story_result 1 "refused: $refused_name [$refused_rule]"
    fi
}

# tell ID...: states passed, commands by key, of each incident. The story as a person reads it stays with the results.
story_tell() {
    ctl audit export >"$work/audit.jsonl" 2>>"$log"
    for tell_id; do
        echo "# $tell_id: $(ctl --json incident show "$tell_id" | jq -r '[.events[].to] | reduce .[] as $s
            ([]; if .[-1] == $s then . else . + [$s] end) | join(" ")')"
        jq -rs --arg id "$tell_id" '[.[] | select(.kind == "BATCH_SIGNED" and .incident == $id) | .data]
            | if . == [] then "# \($id): nothing was signed"
              else group_by(.key)[] | "# \($id): \(map(.count) | add) commands signed by key \(.[0].key)" end' \
            "$work/audit.jsonl"
        ctl incident show "$tell_id" >"$results/$story.$tell_id.txt" 2>>"$log"
    done
}

# Where the service was killed: at a start with no stop before it. Prints, for each incident, the states it was in
# then; fails where it passed another one.
every_state_killed() {
    jq -rs 'reduce .[] as $r ({stopped: true};
        if $r.kind == "SERVICE_STOPPED" then .stopped = true
        elif $r.kind == "SERVICE_STARTED" then
            if .stopped then . else reduce (.now // {} | to_entries[]) as $i (.; .killed[$i.key][$i.value] = true) end
            | .stopped = false
        elif $r.data.to? then .now[$r.incident] = $r.data.to | .passed[$r.incident][$r.data.to] = true
        else . end)
        | .killed as $killed | .passed | to_entries[]
        | "# \(.key): killed at \($killed[.key] // {} | keys_unsorted | join(" "))",
          ((.value | keys_unsorted) - ($killed[.key] // {} | keys) | select(length > 0)
          | "# \(.key): NOT killed at \(join(" "))")' "$work/audit.jsonl" >"$work/killed"
    cat "$work/killed" >&3
    ! grep -q 'NOT killed' "$work/killed"
}

# The audit story, and how it ended: what a run with kills must have in common with one without. Runs of one kind
# of record count as one: orders may be cut differently. How often signers were waited for is left out. A story whose
# end depends on the machine sets outcome_records and outcome_incidents: what came before that.
story_outcome() {
    outcome_of=${outcome_incidents:-$(ctl --json incident list | jq -r '.incidents[].id')}
    head -n "${outcome_records:-9999999}" "$work/audit.jsonl" >"$work/audit.head"
    jq -r --arg but 'SERVICE_STARTED SERVICE_STOPPED ORDER_LOST COUNTERS_RESERVED HEAD COMMANDS_EXPORTED DEADLINE_PASSED' '.kind as $k
        | select(($but | split(" ") | index($k) == null) and .data.rule != "signer.not-ready")
        | [.kind, .incident, .data.rule // .data.event // .data.id // "", .data.to // ""] | join(" ")' "$work/audit.head" | uniq
    echo
    for outcome_id in $outcome_of; do
        ctl --json incident show "$outcome_id" | jq -r '"\(.id) \(.route) \(.state): \(.devices) devices, \(.signed) signed, \(.recovered) recovered",
            (.decisions[] | "  \(.id) \(.outcome) \(.state)"), (.files[] | "  \(.file)"), (.batches[] | "  \(.signed) of \(.rows) \(.state)")'
    done
}

# --- the independent reader ---

# story_read FOLDER: what the service says of every listed device, and what the meters hold, as files (see reader.jq).
story_read() {
    rm -rf "$1" "$work/reader.said" && mkdir "$1" && : >"$work/reader.said" && rehearsal_digests && : >"$1/said" && : >"$1/cells" || return 1
    for read_meters in "$work"/*/meters.state; do
        [ ! -e "$read_meters" ] || "$tools/test/meter/smki-meter" cells --state "${read_meters%/*}" >>"$1/cells" || return 1
    done
    ctl --json incident list >"$1/list" || return 1
    for read_id in $(jq -r '.incidents[] | select(.devices > 0) | .id' "$1/list"); do
        ctl --json incident show "$read_id" >"$1/show" || return 1
        jq -e .roster "$1/show" >/dev/null || continue # of a shared event: its incidents have the lists
        ctl --json devices "$read_id" --all --limit 10000 >"$1/devices" &&
            ctl --json figures "$read_id" >"$1/figures" && : >"$1/documents" && : >"$1/only" || return 1
        for read_decision in $(jq -r '.decisions[] | select(.outcome == "authorise") | .id' "$1/show"); do
            ctl --json decision show "$read_id" "$read_decision" >>"$1/documents" || return 1
        done
        for read_list in $(jq -r '.devices[].list' "$1/devices" | sort -u); do
            ctl roster get "$read_id" --number "$read_list" >"$1/roster" || return 1
            awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cells") at = i; if (!at) exit }
                NR > 1 && $at != "" { print $1, $at }' "$1/roster" | jq -Rn --arg list "$read_list" \
                '{($list): ([inputs | split(" ") | {key: .[0], value: (.[1] | split("+"))}] | from_entries)}' >>"$1/only" || return 1
        done
        jq -n --slurpfile show "$1/show" --slurpfile figures "$1/figures" --slurpfile pages "$1/devices" \
            --slurpfile documents "$1/documents" --slurpfile only "$1/only" '{show: $show[0], figures: $figures[0],
                devices: [$pages[].devices[]], documents: $documents, only: ($only | add // {})}' >>"$1/said" || return 1
    done
}
# story_compare FOLDER: the differences, and a last line that counts them.
story_compare() {
    jq -nr -f "$source/test/scenarios/reader.jq" --slurpfile held "$1/cells" --slurpfile said "$1/said" \
        --slurpfile digests "$work/digests.json"
}
# story_reads N: it finds so many differences; they are in reader.said.
story_reads() {
    story_read "$work/reader" && story_compare "$work/reader" >"$work/reader.said" && cat "$work/reader.said" &&
        tail -n 1 "$work/reader.said" | grep -q "^reader: .*, $1 differences\$"
}
# story_reader: one test, for every listed device of every incident.
story_reader() {
    printf '\n== reader\n' >>"$log"
    reader_status=0
    story_reads 0 >>"$log" 2>&1 || reader_status=1
    reader_counted=$(tail -n 1 "$work/reader.said" | grep '^reader: ') || reader_counted='reader: it could not read'
    [ $reader_status -eq 0 ] || sed '$d; s/^/# /' "$work/reader.said"
    story_result $reader_status "$reader_counted"
}

# story_end: the chain holds, nothing secret is in the log; results for the summary.
story_end() {
    ctl audit export >"$work/audit.jsonl" 2>>"$log"
    check 'the audit chain verifies from its first record to its last, no counter twice' \
        ctl audit verify "$work/audit.jsonl"
    # shellcheck disable=SC2016 # for the inner shell
    check 'no PIN and no private key in the log of the service' sh -c \
        '! grep -qF -e "$(cat "$1/pin")" -e "PRIVATE KEY" "$1/service.log" "$1/audit.jsonl"' sh "$work"
    story_reader
    if [ "${SMKI_RESTART:-no}" = yes ]; then
        exec 3>&1
        check 'the service was killed in every state that an incident was in' every_state_killed
    fi
    find "$work/uses" -type f ! -name '* probe' -printf ', %f %s' | sed -e 's/^, //' -e 's/.*/# uses counted at the token: &\n/'
    echo "# uses of the Recovery key, counted at the token: $(uses recovery)"
    echo "# refusals: $tried tried, $held held"
    story_outcome >"$results/$story.outcome" 2>>"$log"
    echo "$tried $held" >"$results/$story"
    echo "1..$tests"
}
