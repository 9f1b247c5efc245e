# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What a step can do (Do=): each action runs the real programs and shows the command. Read by '.'.
#
#   $person    who acts; $incident   the incident that is in hand

show=shown
# shown COMMAND...: as somebody would type it, then done. Standard output is the reader's; 7 is the room.
shown() {
    shown_line='$'
    for shown_word; do
        case $shown_word in
        '' | *[!A-Za-z0-9_./:,@=+-]*) shown_line="$shown_line '$shown_word'" ;;
        *) shown_line="$shown_line $shown_word" ;;
        esac
    done
    printf '%s\n' "$shown_line" | sed -e "s|$tools/daemon/smki-recoveryctl --socket $socket|smki-recoveryctl|" \
        -e "s|$tools/test/meter/||" -e "s|$folder/||g" >&7
    "$@"
}
ctl() {
    SMKI_RECOVERY_EXERCISE_LOGIN=$(cast_login "$person") stage_patient ctl_shown "$@"
}
ctl_shown() {
    if [ -n "$show" ]; then shown "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"; else ctl_once "$@"; fi
}
# look ...: what the service says to the facilitator, who reads and does nothing.
look() {
    SMKI_RECOVERY_EXERCISE_LOGIN=$(cast_login facilitator) stage_patient ctl_once --json "$@"
}
look_ready() {
    look status | jq -e '.state == "ready" and all(.keys[]; .usable or .ended)' >/dev/null
}
# What every caller waits with: as the facilitator.
SMKI_RECOVERY_EXERCISE_LOGIN=$(cast_login facilitator)
export SMKI_RECOVERY_EXERCISE_LOGIN

incident_of() { # NAME
    cat "$work/incidents/$1" 2>/dev/null || { echo "no incident of the scenario is called $1" >&2; return 1; }
}
incident_take() { # NAME
    incident=$(incident_of "$1") && echo "$incident" >"$work/incident"
}

# act ACTION ARGUMENT...
act() {
    act_name=$1
    shift
    incident=$(cat "$work/incident" 2>/dev/null || :)
    decision=$(cat "$work/decision" 2>/dev/null || :)
    batch=$(cat "$work/batch" 2>/dev/null || :)
    case $act_name in
    open) act_open "$@" ;;
    incident) incident_take "$1" ;;
    event)
        act_event=$1 act_evidence=$2
        shift 2
        ctl --quiet incident event "$incident" "$act_event" --evidence "$act_evidence" "$@"
        ;;
    letter)
        printf '%s\n' "$2" >"$work/letters/$1.txt"
        rm -f "$work/letters/$1.cms"
        rehearsal_sign_one "$work/letters/$1.txt" "$work/letters/$1.cms" "$person"
        ;;
    certificates)
        : >"$work/bundle.pem"
        for act_pem; do
            cat "$pki/$act_pem.pem" >>"$work/bundle.pem" || return 1
        done
        ctl --quiet certificates add "$incident" "$work/bundle.pem"
        ;;
    devices) act_devices "$@" ;;
    notify)
        act_supplier=$(asked Devices "$2" Supplier)
        party_notify "$1" "$act_supplier" "$(act_eui "$act_supplier")" "$work/$2/roster.csv" "$3" "$4" && act_file_sign "$1"
        ;;
    progress)
        act_supplier=$(asked Devices "$2" Supplier)
        party_progress "$1" "$act_supplier" "$(act_eui "$act_supplier")" "$work/$2/roster.csv" "$3" && act_file_sign "$1"
        ;;
    file) ctl --quiet file add "$incident" "$work/$1.csv" "$work/$1.p7s" ;;
    own-key)
        # shellcheck disable=SC2046 # a list of devices
        shown "$tools/test/meter/smki-meter" change --state "$work/$1" --mode 2 --responses "$work/own.hex" \
            --cell supplier-ds="$pki/$3-ds-new.pem" --cell supplier-ka="$pki/$3-ka-new.pem" \
            --cell supplier-pp="$pki/$3-pp-new.pem" $(sed -n "2,$(($2 + 1))s/,.*//p" "$work/$1/roster.csv")
        ;;
    draft) act_draft "$1" ;;
    submit) ctl --quiet decision submit "$incident" "$work/$1.cms" && act_submitted "$1" ;;
    activation)
        rm -f "$work/$1-key.cms" "$work/${2:-$1-key}.cms"
        party_activation "${2:-$1-key}" "$1"
        ;;
    batch) act_batch "$@" ;;
    wave) act_wave ;;
    confirm)
        ctl --yes --quiet batch confirm "$batch" || return 1
        [ "${1:-}" = only ] || act_watch
        ;;
    send) act_send "$@" ;;
    excuse) act_mark excused "$@" ;;
    unreachable) act_mark unreachable "$@" ;;
    hsm-loss) shown "$tools/daemon/smki-recoveryctl" hsm-loss "$@" || [ $? -eq 1 ] ;;
    token) act_token "$1" ;;
    vault) act_vault "$@" ;;
    symmetric-key) ctl --quiet symmetric-key add "$incident" "$folder/base/$1" ;;
    root) act_root "$1" ;;
    await) eventually act_in_state "$1" ;;
    esac
}
act_in_state() {
    [ "$(look incident show "$incident" | jq -r .state)" = "$1" ]
}
act_eui() { # SUPPLIER
    if [ "$1" = supplier ]; then echo "$stage_supplier"; else asked Supplier "$1" Eui; fi
}

# open NAME INITIATOR SUPPLIER|- NOTICE TITLE [OPTION...]
act_open() {
    open_name=$1 open_by=$2 open_for=$3 open_notice=$4 open_title=$5
    shift 5
    # in options a name of the scenario stands for its incident or its supplier
    open_options=''
    while [ $# -gt 0 ]; do
        case $1 in
        --parent) open_options="$open_options $1 $(incident_of "$2")" || return 1 ;;
        --replacement) open_options="$open_options $1 $(act_eui "$2")" ;;
        *) open_options="$open_options $1 $2" ;;
        esac
        shift 2
    done
    [ "$open_for" = - ] || open_options="$open_options --subscriber $(case $open_for in *[!0-9A-F]*) act_eui "$open_for" ;; *) echo "$open_for" ;; esac)"
    # shellcheck disable=SC2086 # a list of options
    ctl --quiet incident open --exercise --id "$(cat "$work/number")-$open_name" --initiator "$open_by" $open_options \
        --notice "$open_notice" "$open_title" || return 1
    echo "$(cat "$work/number")-$open_name" >"$work/incidents/$open_name"
    incident_take "$open_name"
}

# devices NAME [FROM-TO|open]: the list, or a part of it.
act_devices() {
    devices_list=$work/$1/roster.csv
    case ${2:-} in
    '') ;;
    open)
        look devices "$incident" --all | jq -r '.devices[] | select(.state != "success") | .device' >"$work/left"
        awk -F, 'NR == FNR { left[$1]; next } FNR == 1 || $1 in left' "$work/left" "$devices_list" >"$work/part.csv"
        devices_list=$work/part.csv
        ;;
    *)
        awk -v from="${2%-*}" -v to="${2#*-}" 'NR == 1 || (NR > from && NR <= to + 1)' "$devices_list" >"$work/part.csv"
        devices_list=$work/part.csv
        ;;
    esac
    ctl --quiet roster add "$incident" "$devices_list"
}

act_file_sign() {
    shown openssl cms -sign -binary -md sha256 -in "$work/$1.csv" -signer "$pki/$person.pem" -inkey "$pki/$person.key" \
        -outform DER -out "$work/$1.p7s"
}

# draft DECISION: what the service knows, completed by what the scenario says.
act_draft() {
    ctl --quiet --json decision draft "$incident" --hours "$(value=$(asked Setting '' WindowHours); echo "${value:-24}")" >"$work/draft.json" || return 1
    draft_supplier=$(asked Decision "$1" Supplier)
    draft_id="$incident-$1"
    awk -F '\t' -v n="$1" '$1 == "Decision" && $2 == n { print $3 "\t" $5 }' "$work/scenario.tsv" |
        jq -Rn 'reduce (inputs | split("\t")) as [$k, $v] ({}; .[$k] += [$v])' >"$work/wanted.json"
    draft_before=$(jq -r '.Supersedes[0] // empty' "$work/wanted.json")
    rehearsal_decision "$work/draft.json" "$work/$1.json" "${draft_supplier:-supplier}" "$(cat "$room/decision.jq")" \
        --slurpfile wanted "$work/wanted.json" --arg id "$draft_id" --arg before "${draft_before:+$incident-$draft_before}" \
        --arg symmetric "$(sha256sum <"$folder/base/symmetric" | cut -d ' ' -f 1)" --arg review "$(rehearsal_at '+1 month')" || return 1
    rm -f "$work/$1.cms"
    say "The draft is in play/$1.json" >&7
    [ "$(jq -r .by "$work/$1.json")" != pma ] || act_pack "$1"
}
# What the PMA reads before it votes: play/pack-DECISION.html and .json.
act_pack() {
    look incident show "$incident" >"$work/pack-show" && { look figures "$incident" >"$work/pack-figures" 2>/dev/null || echo '{}' >"$work/pack-figures"; } &&
        recoveryctl --json incident states >"$work/pack-table" &&
        jq -n --slurpfile draft "$work/$1.json" --slurpfile show "$work/pack-show" --slurpfile figures "$work/pack-figures" \
            --slurpfile table "$work/pack-table" --slurpfile digests "$work/digests.json" --arg number "$(cat "$work/number")" \
            -f "$room/pack.jq" >"$work/pack-$1.json" &&
        jq -r -L "$room" --rawfile css "$data/page.css" -f "$room/pack_html.jq" "$work/pack-$1.json" >"$work/pack-$1.html" || return 1
    rm -f "$work/pack-show" "$work/pack-figures" "$work/pack-table"
    say "The PMA's pack is in play/pack-$1.html" >&7
}
# A decision that is on file is a paper of its own: play/sheet-DECISION.html and .json.
act_submitted() {
    case $1 in
    *-key) ;;
    *) [ "$(jq -r .outcome "$work/$1.json")" != authorise ] || jq -r .id "$work/$1.json" >"$work/decision" ;;
    esac
    submitted_id=$(jq -r .id "$work/$1.json")
    look decision sheet "$incident" "$submitted_id" --out "$work/sheet-$1.json" &&
        SMKI_RECOVERY_EXERCISE_LOGIN=$(cast_login facilitator) ctl_once decision sheet "$incident" "$submitted_id" --html --out "$work/sheet-$1.html" &&
        say "The decision sheet is in play/sheet-$1.html" >&7
}

act_batch() {
    if [ "${1:-}" = --waves ]; then
        act_plan "$2" >"$work/waves.json" || return 1
        shift 2
        set -- --waves "$work/waves.json" "$@"
    fi
    batch=$(ctl --json --yes batch start "$@" "$incident" "$decision" | jq -r '.id // empty')
    [ -n "$batch" ] || return 1
    echo "$batch" >"$work/batch"
    # whoever has to confirm it watches it
    look batch show "$batch" | jq -e '.state == "waiting"' >/dev/null || act_watch
}
# In waves, the plan that is handed in: region by region, as Waves= of the devices says; all others behind them.
act_plan() { # DEVICES
    jq -n --arg regions "$(asked Devices "$1" Waves)" '{schema: "smki-recovery/waves/1",
        waves: ($regions | split(",") | map({name: ascii_downcase, regions: [.]}))}'
}
# The next wave, which began by itself when the commands of the one before had left.
act_wave() {
    eventually act_next && act_watch
}
act_next() {
    act_newest=$(look incident show "$incident" | jq -r '.waves.waves[-1].batch // empty')
    [ -n "$act_newest" ] && [ "$act_newest" != "$batch" ] || return 1
    batch=$act_newest
    echo "$batch" >"$work/batch"
}
# To its end, rows that could not be signed or none; or until it is held because the token is away.
act_watch() {
    ctl --quiet batch watch "$batch" || [ $? -eq 9 ]
}
# send DEVICES [OPTION...]: the commands to the meters, their answers back.
act_send() {
    send_to=$1
    shift
    rm -rf "$work/commands"
    ctl --quiet commands export "$batch" --out "$work/commands" &&
        shown "$tools/test/meter/smki-meter" run --state "$work/$send_to" --commands "$work/commands" \
            --responses "$work/responses.hex" --log "$work/meters.jsonl" --json "$@" >"$work/verdict.json" &&
        jq -r '"The meters: \(.commands) commands, \(.accepted) accepted, \(.answers) answers"' "$work/verdict.json" >&7 &&
        ctl --quiet responses add "$incident" "$work/responses.hex"
}

# act_mark STATE REASON [N]: the first N of the devices that have not answered; without N every one that is not done.
act_mark() {
    look devices "$incident" --all | jq -rn --arg state "$1" --arg why "$2" --argjson n "${3:-null}" '[inputs.devices[]
        | select(if $n then .state == "sent" else .state | IN("success", "excused", $state) | not end)][:$n][]
        | "\(.device),\($state),\($why)"' >"$work/marked.csv" && ctl --quiet devices mark "$incident" "$work/marked.csv"
}
# token away: the daily token is gone for good, and with it whoever uses it.
act_token() {
    say '(the plug is pulled: the token with the Recovery key is gone)' >&7
    rm -rf "${work:?}/tokens/$(cat "$folder/base/daily")"
    signers_kill
}
# vault recovery: a new Recovery key is made in the vault, its certificate is NEW; the lost token leaves the configuration.
act_vault() {
    service_stop || :
    stage_token_settings=$(sed -n '/^\[Signer\]/,/^\[/p' "$work/recovery.conf" | grep -E '^(TokenLostSec|ProbeIntervalSec)=')
    serial='' # the daily token's: it is gone
    cast_vault_serial && cast_config vault | sed "s/^\[Signer\]/&\n$(echo "$stage_token_settings" | paste -sd '|' | sed 's/|/\\n/g')/" >"$work/vault.conf" || return 1
    party_key recovery 21 recovery-2 pma "$pki/recovery-2.pem" >>"$work/vault.conf"
    vault_two=$(asked Setting '' TwoPersonSec)
    [ -z "$vault_two" ] || sed -i "s/^TwoPersonSec=.*/TwoPersonSec=$vault_two/" "$work/vault.conf"
    mv "$work/vault.conf" "$work/recovery.conf"
    shown "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --key recovery --out "$work/recovery-2.pub" >>"$log" 2>&1 &&
        stage_pki issue --dir "$pki" --out "$pki/recovery-2.pem" --pubkey "$work/recovery-2.pub" --role 01 \
            --eui 90B3D51F30010001 --usage ds --cn R2 >>"$log" 2>&1 && service_start 7>&- 9>&- || return 1
    vault_mark=$(look status | jq -r '[.counters[] | select(.originator == "90B3D51F30010001") | .reserved_up_to] | max // 0')
    if [ "$vault_mark" != 0 ]; then # as the alarm's advice has it
        service_stop || :
        shown "$tools/pkcs11/smki-recovery-ceremony" mark --config "$work/recovery.conf" --originator 90B3D51F30010001 \
            --raise-to "$vault_mark" >>"$log" 2>&1 && service_start 7>&- 9>&- || return 1
    fi
    eventually look_ready
}
# root NAME: that root is the present one.
act_root() {
    service_stop || :
    sed -i "s|^Root=.*|Root=$pki/$1.pem|" "$work/recovery.conf"
    service_start 7>&- 9>&- && eventually look_ready
}
