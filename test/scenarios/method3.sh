#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 4, Method 3: the PMA authorises, custodians switch the Recovery key on, new certificates of the
# supplier go to every device, devices answer, the key is switched off, the incident is closed.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=40
check 'token, certificates, meters, service' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
roster=$work/meters/roster.csv bundle=$pki/bundle.pem

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One, by telephone and by signed e-mail' 'Supplier Ltd: signing, agreement and top-up keys exposed'
check 'suspension, revocation, notice to the PMA' rehearsal_to_pma "$bundle" "$roster"
check 'the incident is with the PMA' in_state WITH_PMA

# A document as it would be decided, with one thing changed: handed in, refused.
with() {
    story_decision spoilt supplier "$1" && story_sign spoilt pma-1 pma-2 pma-3 &&
        ctl decision submit "$incident" "$work/spoilt.cms"
}
signed_by() {
    story_decision spoilt supplier . && story_sign spoilt "$@" && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'a batch without a decision' decision.none ctl --yes batch start "$incident" nothing
refuse 'two signatures where three are needed' decision.quorum signed_by pma-1 pma-2
refuse 'the chair did not sign' decision.seats signed_by pma-2 pma-3 pma-4
refuse 'the officers of the supplier decide' decision.quorum signed_by org-1 org-2
refuse 'an expired decision' decision.window with \
    ".valid_from = \"$(rehearsal_at '-2 days')\" | .valid_to = \"$(rehearsal_at yesterday)\""
refuse 'a decision that begins tomorrow' decision.window with \
    ".valid_from = \"$(rehearsal_at tomorrow)\" | .valid_to = \"$(rehearsal_at '+2 days')\""
refuse 'another roster than the one on file' decision.roster with '.roster.sha256 = ("0" * 64)'
refuse 'more devices than the decision allows' decision.count with '.roster.count = 39'
refuse 'mode 9 under a Method 3 decision' method.mode with '.mode = "anyByContingency"'
refuse 'a live decision in an exercise' decision.exercise with '.exercise = false'
refuse 'a key that the decision may not use' key.authority with '.key = "acb-ds" | .key_certificate = $d["acb-ds"]'
refuse 'another certificate of the Recovery key' key.certificate with '.key_certificate = $d["acb-ds"]'
sed '$s/,[EG]SME,/,PPMID,/' "$roster" >"$work/ppmid.csv"
check 'a list with a PPMID on it' ctl --quiet roster add "$incident" "$work/ppmid.csv"
refuse 'a PPMID in an incident of a supplier' device.ppmid-key with '.device_types = ["ESME", "GSME", "PPMID"]'
check 'the right list again' ctl --quiet roster add "$incident" "$roster"
refuse 'a consumer access device' device.type2 with '.device_types = ["ESME", "GSME", "CAD"]'
refuse 'Method 2 with the certificates of Method 3' replacement.role with '.method = "M2"'
refuse 'an in-home display' device.type2 with '.device_types = ["ESME", "GSME", "IHD"]'
refuse 'a cell whose certificate is not notified' cell.compromised with '.compromised |= .[:2]'
refuse 'an old certificate as replacement' replacement.key with '.replacements[0].certificate = $d["supplier-ds-old"]'
# Certificates that are wrong in themselves come with a bundle of their own.
bundle_with() { # NAME FILTER: the new signing certificate is NAME
    cat "$pki/$1.pem" "$pki"/supplier-k?-new.pem "$pki"/supplier-p?-new.pem "$pki"/supplier-??-old.pem >"$work/odd.pem"
    ctl --quiet certificates add "$incident" "$work/odd.pem" >>"$log" 2>&1
    refuse "$3" "$2" with ".replacements[0].certificate = \$d[\"$1\"]"
}
party_issue other-ds 02 90B3D51F30020099 ds
party_issue late-ds 02 "$stage_supplier" ds --not-before 2020-01-01T00:00:00Z --not-after 2021-01-01T00:00:00Z
openssl x509 -in "$pki/supplier-ds-old.pem" -noout -pubkey >"$work/same.pub"
stage_pki issue --dir "$pki" --out "$pki/same-ds.pem" --pubkey "$work/same.pub" --role 02 \
    --eui "$stage_supplier" --usage ds --cn same >>"$log" 2>&1
bundle_with other-ds replacement.party 'a new certificate of another party'
bundle_with late-ds replacement.date 'a new certificate that has expired'
bundle_with same-ds replacement.key 'a new certificate over the compromised key'
mkdir "$work/elsewhere"
stage_pki init --dir "$work/elsewhere" >>"$log" 2>&1
stage_pki issue --dir "$work/elsewhere" --out "$pki/foreign-ds.pem" --key "$work/foreign.key" --role 02 \
    --eui "$stage_supplier" --usage ds --cn foreign >>"$log" 2>&1
bundle_with foreign-ds replacement.chain 'a new certificate of another PKI'
check 'the right certificates again' ctl --quiet certificates add "$incident" "$bundle"

check 'the PMA authorises Method 3' story_decide decision supplier .
check 'it is authorised' in_state AUTHORISED
refuse 'the same decision again' incident.no-transition ctl decision submit "$incident" "$work/decision.cms"
refuse 'a batch before the key is switched on' incident.may-not-sign ctl --yes batch start "$incident" "$decision"
check 'custodians are called' event call-custodians --evidence 'three called, two on their way'
activation() { # HOLDER...
    party_activation spoilt decision && story_sign spoilt "$@" && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'one custodian' decision.quorum activation custodian-1
stage_pki person --dir "$pki" --anchor custodian-anchor --out "$pki/custodian-again.pem" --key "$pki/custodian-again.key" \
    --cn "$(openssl x509 -in "$pki/custodian-1.pem" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')" >>"$log" 2>&1
refuse 'one custodian with two shares' decision.quorum activation custodian-1 custodian-again
party_activation key decision
check 'two of three sign the activation' story_sign key custodian-1 custodian-2
check 'the key is switched on' ctl --quiet decision submit "$incident" "$work/key.cms"
check 'the key is active' in_state KEY_ACTIVE
uses_before=$(uses recovery)
check 'the batch is signed' story_batch
check 'the state is EXECUTING' in_state EXECUTING
refuse 'closing while it executes' incident.no-transition event close
check "devices take every command and answer" story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices and .answers == $devices"
one_each() {
    find "$work/commands" -name '*.bin' | sed 's/.*-\([0-9]*\)\.bin/\1/' | sort -un | wc -l | grep -qx "$devices" || return 1
    for command in $(find "$work/commands" -name '*.bin' | sort | head -n 3); do
        "$source/packaging/verify-command.sh" "$command" "$pki/recovery-ds.pem" | grep 'code 0108' || return 1
    done
}
check 'one command per device, each with a counter of its own; samples of code 0108, verified by openssl' one_each
if [ "${SMKI_RESTART:-no}" = no ]; then
    check "$devices signatures at the token, no more" uses_are $((uses_before + devices))
fi
check 'every cell of every device is replaced' shows ".recovered == $devices"
check 'the key is switched off' event deactivate-key --evidence 'the custodians left at noon'
check 'what the custodians signed is void with it' shows '.decisions | map(select(.outcome == "activation") | .state) == ["void"]'
check 'on record' audited 'map(select(.kind == "ACTIVATION_VOIDED") | .data.id) | length == 1'
told_void() {
    grep -q "$(sha256sum <"$work/key.json" | cut -d ' ' -f 1)" "$work/signer"/*
}
check 'and the signers are told, to remember it' eventually told_void
refuse 'a batch after that' incident.may-not-sign ctl --yes batch start "$incident" "$decision"
check 'custodians are called once more, for nothing' event call-custodians --evidence 'called'
refuse 'executed, while they are on their way' incident.no-transition event executed --evidence 'ten answers'
check 'they are sent home' event dismiss-custodians --evidence 'not needed: every device has answered'
check 'and the incident is where it was' in_state AWAITING_RESPONSES
check 'nothing of it is lost' shows ".recovered == $devices"
check 'executed' event executed --evidence 'every device answered; Recovery Progress File 1'
check 'closed' event close
check 'the incident is CLOSED' in_state CLOSED
told() { # WHO KIND
    jq -es --arg to "$1" --arg kind "$2" 'map(select(.to == $to and .kind == $kind)) | length == 1' "$work/service/outbox"/*.json
}
check 'the PMA was told, by a notice in the outbox' told pma PMA_INFORMED
check 'the parties were told that it is over' told parties CLOSED
check 'the supplier was told that it is recovered' told subscriber EXECUTION_COMPLETE
check 'incident show tells the story in words' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' incident show '$incident' |
    tee -a '$log' | grep -q 'The custodians switched the key on'"
story_tell "$incident"
story_end
