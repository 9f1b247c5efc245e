# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Who is in the room, and what everybody brings: token, keys, certificates, cards. Read by '.'.
#
#   $folder/base   made once for a session: tokens, certificates, everybody's keys
#   $folder/play   the scenario in play; the next one begins with a new folder
#
# EXERCISE: everybody sits at one machine under one user. Who calls the service is the login that the
# configuration gives a person (ExerciseLogins=); a person without one has no role there.

# cast_login PERSON: the uid that is played for. Only duty managers operate; the facilitator reads.
cast_login() {
    case $1 in
    duty) echo 70001 ;;
    duty-2) echo 70002 ;;
    facilitator) echo 70003 ;;
    *) echo 70099 ;;
    esac
}
# --- once for a session ---

# A second token, the vault: the Contingency key does not lie where the others do. Sets $vault_serial.
cast_vault() {
    softhsm2-util --init-token --free --label vault --pin "$(cat "$work/pin")" --so-pin "$(cat "$work/so-pin")" &&
        cast_vault_serial
}
cast_vault_serial() {
    vault_serial=$(softhsm2-util --show-slots | awk '/Serial number:/ { s = $3 } /Label:/ && $2 == "vault" { print s }')
    [ -n "$vault_serial" ]
}
cast_hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
# cast_config daily|vault: a service signs with one token. Every day the one with the Recovery and ACB keys; where it
# is lost, or only the Contingency key will do, the vault's. Folders and PIN file of $work.
cast_config() {
    stage_config | sed -e "s|$work/pki|$pki|" -e 's/^Users=.*/Users=70001 70002/' -e 's/^Exercise=yes/&\nExerciseLogins=yes/' \
        -e '/^\[Role "auditor"\]/,/^Users=/s/^Users=.*/Users=70003/' -e 's/^Workers=.*/Workers=1/' >"$work/config"
    printf '[Role "viewer"]\nUsers=70003 70099\n' >>"$work/config"
    if [ "$1" = vault ]; then
        sed -e '/^\[Key "recovery"\]/,/^Authority=/d' -e 's/^Label=.*/Label=vault/' -e "s/^Serial=.*/Serial=$vault_serial/" "$work/config"
        party_key contingency 02 contingency pma "$pki/contingency.pem"
    else
        cat "$work/config"
        party_key acb-ds 03 acb-ds dcc "$pki/acb-ds.pem"
        party_key acb-ka 04 acb-ka dcc "$pki/acb-ka.pem"
    fi
    rm "$work/config"
    party_authority supplier "$pki/org-anchor.pem" 1 2 "$stage_supplier"
    party_authority dcc "$pki/dcc-anchor.pem" 1 2 90B3D51F30040001
}
# Roots: root.pem, which carries the wrapped Contingency key; renewed-root, the same key with the next one wrapped;
# next-root, another key.
# Officers of other organisations: people of another officers' CA.
cast_officers() {
    stage_pki init --dir "$work/officers" || return 1
    cp "$work/officers/org-anchor.pem" "$pki/dcc-anchor.pem"
    while IFS=: read -r officer holder organisation; do
        stage_pki person --dir "$work/officers" --anchor org-anchor --out "$pki/$officer.pem" \
            --key "$pki/$officer.key" --cn "$holder" --seat officer --organisation "$organisation" || return 1
    done <<'END'
dcc-1:DCC Officer:DCC
duty:Duty Manager:DCC
duty-2:Second Duty Manager:DCC
provider:Provider Officer:Shared Provider
ofgem:Authority Officer:Ofgem
solr:Supplier of Last Resort:SoLR
END
}
cast_base() {
    [ ! -e "$folder/base/made" ] || return 0
    rm -rf "$folder/base"
    work=$folder/base
    mkdir -p "$work"
    say 'Made once: a token for every day, a token in the vault, certificates, a key for each person ...'
    {
        stage_token && ls "$work/tokens" >"$work/daily" && cast_vault && cast_config daily >"$work/recovery.conf" && stage_keys && cast_config vault >"$work/vault.conf" &&
            "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/vault.conf" --all --out "$work/vault.pem" &&
            cat "$work/vault.pem" >>"$work/public.pem" && stage_certificates &&
            cast_officers && party_of_token acb-ds 04 90B3D51F30040001 ds && party_of_token acb-ka 04 90B3D51F30040001 ka &&
            party_of_token contingency 7F 90B3D51F30010009 ds && openssl rand -out "$work/symmetric" 16 &&
            openssl rand -out "$work/symmetric-next" 16 &&
            openssl ecparam -name prime256v1 -genkey -noout -out "$work/next.key" &&
            openssl pkey -in "$work/next.key" -pubout -out "$work/next.pub" &&
            stage_pki root --dir "$pki" --contingency-pub "$work/next.pub" --symmetric-key "$(cast_hex "$work/symmetric-next")" &&
            cp "$pki/root.pem" "$pki/renewed-root.pem" &&
            stage_pki root --dir "$pki" --contingency-pub "$pki/contingency.pub" --symmetric-key "$(cast_hex "$work/symmetric")" &&
            stage_pki root --dir "$pki" --out "$pki/next-root.pem" --key "$pki/next-root.key" --contingency-pub "$work/next.pub" \
                --symmetric-key "$(cast_hex "$work/symmetric-next")" && cast_people >"$work/people.conf" &&
            rehearsal_digests
    } >>"$log" 2>&1 || fail "it cannot be made; $log says why"
    touch "$work/made"
    work=$folder/play
}
cast_people() {
    stage_people "$pki" | sed -n '/^\[Person "operator"\]/q; p'
    stage_person dcc-1 "$pki/dcc-1.pem"
    for manager in duty duty-2; do
        stage_person $manager "$pki/$manager.pem" "Users=$(cast_login $manager)"
    done
    for other in provider ofgem solr; do
        stage_person $other "$pki/$other.pem"
    done
}

# --- for each scenario ---

# $work anew, with nothing of what was played before but certificates and keys.
cast_play() {
    rm -rf "$work"
    mkdir -p "$work/run" "$work/cards" "$work/votes" "$work/incidents" "$work/letters" "$work/recovery.conf.d"
    cp -R "$folder/base/tokens" "$work/tokens"
    cp "$folder/base/pin" "$folder/base/so-pin" "$folder/base/public.pem" "$folder/base/digests" "$work"
    sed "s|$folder/base|$work|" "$folder/base/softhsm2.conf" >"$work/softhsm2.conf"
    cp "$folder/base/people.conf" "$work/recovery.conf.d"
    cast_tokens
}
cast_tokens() {
    SOFTHSM2_CONF=$work/softhsm2.conf
    export SOFTHSM2_CONF
}
# What the scenario file asks for: settings, suppliers, certificates, meters.
cast_scenario() {
    scenario_token=$(asked Scenario '' Token)
    stage_serial && cast_vault_serial && cast_config "${scenario_token:-daily}" >"$work/recovery.conf" || return 1
    for setting in RefusedListDays TwoPersonSec; do
        value=$(asked Setting '' $setting)
        [ -z "$value" ] || sed -i -e "/^$setting=/d" -e "s/^\[Service\]/&\n$setting=$value/" "$work/recovery.conf"
    done
    value=$(asked Setting '' TokenLostSec)
    sed -i "s/^\[Signer\]/&\nTokenLostSec=${value:-300}\nProbeIntervalSec=2/" "$work/recovery.conf"
    for supplier in $(names Supplier); do
        eui=$(asked Supplier "$supplier" Eui)
        [ "$(cat "$pki/$supplier.eui" 2>/dev/null)" = "$eui" ] || party_supplier "$supplier" "$eui" || return 1
        echo "$eui" >"$pki/$supplier.eui"
        party_authority "$supplier" "$pki/org-anchor.pem" 1 2 "$eui" >>"$work/recovery.conf"
    done
    for certificate in $(names Certificate); do
        [ -e "$pki/$certificate.pem" ] || party_issue "$certificate" "$(asked Certificate "$certificate" Role)" \
            "$(asked Certificate "$certificate" Eui)" "$(asked Certificate "$certificate" Usage)" || return 1
    done
    cast_seed=0
    : >"$work/before"
    : >"$work/regions"
    for devices in $(names Devices); do
        cast_seed=$((cast_seed + 1))
        types=$(asked Devices "$devices" Types)
        stage_meters "$devices" "$(asked Devices "$devices" Count)" "$(asked Devices "$devices" Supplier)" \
            --first "00DB12340${cast_seed}000000" --seed $cast_seed ${types:+--mix "$types"} && handout_cells "$devices" >>"$work/before" && cast_regions "$devices" >"$work/hangs" &&
            cat "$work/hangs" >>"$work/regions" && cast_column "$work/$devices/roster.csv" || return 1
    done
}
# The list says it, too, where there are regions.
cast_column() { # LIST
    [ ! -s "$work/hangs" ] || {
        sed -e 's/^[^\t]*\t/,/' -e '1i ,region' "$work/hangs" | paste -d '\0' "$1" - >"$1.new" && mv "$1.new" "$1"
    }
}
# In which region each meter hangs, a line each: the first so many of the list, the next so many, by the shares of Regions=.
cast_regions() { # DEVICES
    regions=$(asked Devices "$1" Regions)
    [ -z "$regions" ] || awk -F , -v regions="$regions" -v total="$(asked Devices "$1" Count)" '
        BEGIN { n = split(regions, part, ","); for (i = 1; i <= n; i++) { split(part[i], p, ":"); name[i] = p[1]; all += p[2]; upto[i] = all } }
        NR > 1 { i = 1; while (i < n && (NR - 1) * all > upto[i] * total) i++; print $1 "\t" name[i] }' "$work/$1/roster.csv"
}

# cast_role PERSON: the first role of the scenario that this person plays.
cast_role() {
    for one_role in $(names Role); do
        case " $(asked Role "$one_role" People) " in *" $1 "*) echo "$one_role"; return 0 ;; esac
    done
    return 1
}
cast_card() { # PERSON
    card_role=$(cast_role "$1") || return 1
    echo 'EXERCISE - nothing of this is real'
    echo
    echo "Scenario: $(asked Scenario '' Title)"
    echo "You are:  $1, $(asked Role "$card_role" Player)"
    echo "          on your certificate: $(stage_subject "$pki/$1.pem" commonName)"
    echo
    echo 'What you know'
    asked Role "$card_role" Knows | fold -s -w 76 | sed 's/^/  /'
    card_aim=$(asked Role "$card_role" Aim)
    [ -z "$card_aim" ] || printf '\nWhat you want\n  %s\n' "$card_aim"
    printf '\nYour key and certificate\n  %s\n  %s\n' "$pki/$1.key" "$pki/$1.pem"
    case $1 in duty*) printf '\nYou operate the service: smki-recoveryctl counts as login %s of it.\n' "$(cast_login "$1")" ;; esac
    printf '\nYour shell:     smki-recovery-workshop --folder %s shell %s\n' "$folder" "$1"
    echo 'In it:          smki-recovery-workshop turn   - what is due, and is it you?'
    echo '                smki-recovery-workshop next   - do it; every command is shown'
    case $1 in pma-*) echo '                smki-recovery-workshop vote for   - or against, or abstain' ;; esac
}
cast_cards() {
    for one_role in $(names Role); do
        for card_person in $(asked Role "$one_role" People); do
            [ -e "$work/cards/$card_person.txt" ] || cast_card "$card_person" >"$work/cards/$card_person.txt"
        done
    done
    cast_players >"$work/players" && jq -rn -L "$room" --rawfile css "$data/page.css" --rawfile fields "$work/scenario.tsv" --rawfile people "$work/players" \
        --arg folder "$folder" --arg number "$(cat "$work/number")" -f "$room/cards_html.jq" >"$work/cards.html"
}

# Who plays what: person, role, player, name on the certificate, key, a line each.
cast_players() {
    for players_role in $(names Role); do
        for players_person in $(asked Role "$players_role" People); do
            printf '%s\t%s\t%s\t%s\t%s\n' "$players_person" "$players_role" "$(asked Role "$players_role" Player)" \
                "$(stage_subject "$pki/$players_person.pem" commonName)" "$(stage_key "$pki/$players_person.pem")"
        done
    done
}

# cast_shell PERSON [-c COMMAND]: be that person.
cast_shell() {
    [ -f "$folder/play/cards/${1:-}.txt" ] || fail "no card of \"${1:-}\": who plays is in $folder/play/cards"
    shell_person=$1
    shift
    mkdir -p "$folder/bin"
    ln -sf "$tools/daemon/smki-recoveryctl" "$folder/bin/smki-recoveryctl"
    printf '#!/bin/sh\nexec sh "%s" "$@"\n' "$(realpath "$(command -v "$0" || echo "$0")")" >"$folder/bin/smki-recovery-workshop"
    chmod 700 "$folder/bin/smki-recovery-workshop"
    echo "PS1='[$shell_person] '" >"$folder/play/cards/$shell_person.env"
    PATH=$folder/bin:$PATH SMKI_WORKSHOP=$folder SMKI_WORKSHOP_PERSON=$shell_person SMKI_RECOVERY_SOCKET=$socket
    SMKI_RECOVERY_EXERCISE_LOGIN=$(cast_login "$shell_person") ENV=$folder/play/cards/$shell_person.env
    export PATH SMKI_WORKSHOP SMKI_WORKSHOP_PERSON SMKI_RECOVERY_SOCKET SMKI_RECOVERY_EXERCISE_LOGIN ENV
    if [ $# -eq 0 ]; then
        cat "$folder/play/cards/$shell_person.txt"
        set -- -i
    fi
    trap - PIPE
    cd "$folder" || fail "$folder is gone" # what is shown names files from here
    exec sh "$@"
}
