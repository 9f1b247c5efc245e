#!/bin/sh
# SPDX-License-Identifier: MIT
# Loss of the whole HSM, from the pulled plug to recovered devices: the token and every key in it are gone in the middle
# of a supplier's batch and no backup is left. What hsm-loss answers becomes an incident; the PMA lets the Contingency key,
# on another token, put a new Recovery key on the devices; that one finishes what the lost one had begun.
# shellcheck disable=SC2016,SC2119 # $d in single quotes is jq's; services that take settings, or none
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=300
if [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP a second operator needs root'
    exit 0
fi
ceremony() {
    ceremony_verb=$1
    shift
    "$tools/pkcs11/smki-recovery-ceremony" "$ceremony_verb" --config "$work/vault.conf" "$@"
}
hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
check 'token, certificates' story_setup

# The vault: a token of its own, with the Contingency key and nothing else. Its configuration: no key of the other token.
vault() {
    mv "$work/tokens" "$work/tokens-daily" && mkdir "$work/tokens" &&
        softhsm2-util --init-token --free --label rehearsal --pin "$(cat "$work/pin")" --so-pin "$(cat "$work/so-pin")" &&
        daily=$serial && stage_serial && awk '/^\[/ { key = $0 ~ /^\[Key/; kept = !key || /"contingency"/ } kept' "$work/recovery.conf" |
        sed "s/^Serial=.*/Serial=$serial/" >"$work/vault.conf" && cp -R "$work/recovery.conf.d" "$work/vault.conf.d" &&
        ceremony generate --all --out "$work/vault.pem" &&
        sed -n '/^# contingency,/,/^-----END/p' "$work/vault.pem" >"$pki/contingency.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/contingency.pem" --pubkey "$pki/contingency.pub" --role 7F \
            --eui 90B3D51F30010009 --usage ds --cn contingency &&
        mv "$work/tokens" "$work/tokens-vault" && mv "$work/tokens-daily" "$work/tokens" && serial=$daily
}
check 'the Contingency key is in a vault, on another token' vault
roots() {
    openssl rand -out "$work/symmetric" 16 && openssl rand -out "$work/symmetric-next" 16 &&
        openssl ecparam -name prime256v1 -genkey -noout -out "$work/next.key" && openssl pkey -in "$work/next.key" -pubout -out "$work/next.pub" &&
        stage_pki root --dir "$pki" --contingency-pub "$work/next.pub" --symmetric-key "$(hex "$work/symmetric-next")" &&
        cp "$pki/root.pem" "$pki/next-root.pem" &&
        stage_pki root --dir "$pki" --contingency-pub "$pki/contingency.pub" --symmetric-key "$(hex "$work/symmetric")"
}
check 'the root carries it, its next certificate the next' roots
sed -i '/^\[Key "contingency"\]/,/^Authority=/d' "$work/recovery.conf"
sed -i '/^\[Role "operator"\]/,/^Users=/s/^Users=.*/& 65534/' "$work/recovery.conf" "$work/vault.conf"
stage_login second 'Operator Two' 65534 | tee -a "$work/vault.conf.d/people.conf" >>"$work/recovery.conf.d/people.conf"
chmod 755 "$work" "$work/run"
install -m 755 "$tools/daemon/smki-recoveryctl" "$work/run/ctl"
second() {
    setpriv --reuid 65534 --regid 0 --clear-groups "$work/run/ctl" --socket "$socket" "$@"
}
sed -i -e 's/^\[Signer\]/&\nTokenLostSec=5\nProbeIntervalSec=1\nCallTimeoutSec=600/' -e 's/^Workers=.*/Workers=1/' "$work/recovery.conf"
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery

echo '# The plug is pulled'
check 'a supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
supplier=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
check 'authorised' story_decide m3 supplier .
check 'the key is on' story_activate m3
gate_shut recovery 0
batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id)
begun=$batch
# Beyond the first orders, however large they are: those are answered, what is under way will fail.
gate_shut recovery 270
in_the_middle() {
    gate_reached recovery && ctl --json batch show "$begun" | jq -e '.signed > 0'
}
check 'the batch is under way' eventually in_the_middle
token_goes() { # for good, and with it whoever uses it
    rm -r "$work/tokens" && mkdir "$work/tokens" && kill -KILL "$(ctl --json status | jq -r '.signers[0].pid')" && gate_open recovery
}
check 'the token is gone, and all of its keys' token_goes
batch_held() {
    ctl --json batch show "$begun" | jq -e '.state == "held"' >/dev/null
}
check 'the batch is held' eventually batch_held
check 'the incident is TOKEN_LOST' eventually in_state TOKEN_LOST
check 'part of it is signed, part is not' sh -c "'$tools/daemon/smki-recoveryctl' --socket '$socket' --json batch show '$begun' | jq -e '.signed > 0 and .signed < .rows'"
refuse 'signing without the token' incident.may-not-sign ctl batch resume "$begun"

echo '# What is left'
lost=recovery-key,acb
answer() {
    ctl hsm-loss recovery-key acb >"$work/answer" && cat "$work/answer" && grep -qx 'Routes that remain: contingency' "$work/answer" &&
        grep -qx 'After that: method-3' "$work/answer" && grep -q '(CONFIRMED)' "$work/answer" && grep -q '(INFERRED)' "$work/answer"
}
check 'hsm-loss: the contingency, and Method 3 after it' answer
check 'it becomes an incident' story_open --hsm-loss $lost --initiator dcc --notice 'DCC, machine room: the HSM does not come back' 'HSM lost with every key in it'
key=$incident
taken_over() {
    shows '.route == "recovery-key" and (.events[0].evidence["hsm-loss"] | .routes == ["contingency"] and .later == ["method-3"]
        and ([.says[] | select(.certainty | IN("CONFIRMED", "INFERRED", "UNKNOWN") | not)] == []))'
}
check 'with the answer on file, on the route that it names' taken_over
check 'confirmed' event confirm --evidence 'two people, in person' --facts notifier_authenticated
incident=$supplier
check 'what the lost key had begun stands still' in_state HALTED
batch_ended() {
    ctl --json batch show "$begun" | jq -e '.state == "stopped"'
}
check 'its batch has ended: nobody switches that key on again' batch_ended
batch=$begun
check 'what was signed before is answered' story_exchange meters
signed=$(jq -r .accepted "$work/verdict.json")
rest() { # the devices that it did not reach, a list of their own
    ctl --json devices "$incident" --all | jq -r '.devices[] | select(.state != "success") | .device' | sort >"$work/rest" &&
        { head -n 1 "$work/meters/roster.csv" && tail -n +2 "$work/meters/roster.csv" | sort | join -t , - "$work/rest"; } >"$work/rest.csv" &&
        [ $(($(wc -l <"$work/rest") + signed)) -eq $devices ]
}
check 'the others are known by name' rest
check 'they wait for the new key, in an incident of their own' story_excuse 'waits for the new Recovery key'
check 'key off' event deactivate-key --evidence 'it is gone'
check 'executed' event executed --evidence 'what was signed is answered'
check 'closed' event close
incident=$key

echo '# The vault'
service_stop
check 'the token of the vault takes the place' sh -c 'rm -r "$1/tokens" && mv "$1/tokens-vault" "$1/tokens"' sh "$work"
successor() { # and in it a new Recovery key
    party_key recovery 21 recovery-2 pma "$pki/recovery-ds-new.pem" >>"$work/vault.conf" &&
        ceremony generate --key recovery --out "$work/recovery-2.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/recovery-ds-new.pem" --pubkey "$work/recovery-2.pub" --role 01 \
            --eui 90B3D51F30010001 --usage ds --cn R2 && cp "$work/vault.conf" "$work/recovery.conf"
}
check 'a new Recovery key is made there' successor
party_issue acb-ka-new 04 "$acb" ka
check 'the service answers' service_start
story_ready contingency
story_ready recovery
fresh() {
    ctl --json status | jq -e 'any(.alarms[]; .alarm == "ledger.token-fresh" and .originator == "90B3D51F30010001")'
}
check 'a fresh token, it says' eventually fresh
raised() { # as the advice has it: to what the ledger has reserved
    mark=$(ctl --json status | jq -r '.counters[] | select(.originator == "90B3D51F30010001") | .reserved_up_to') && service_stop &&
        ceremony mark --originator 90B3D51F30010001 --raise-to "$mark" && service_start && story_ready recovery && story_ready contingency &&
        ctl --json status | jq -e 'all(.alarms[]; .alarm != "ledger.token-fresh")'
}
check 'its counters begin above those of the lost one' raised

check 'devices' ctl --quiet roster add "$incident" "$work/meters/roster.csv"
cat "$pki/next-root.pem" "$pki"/recovery-ds.pem "$pki"/recovery-ds-new.pem "$pki"/acb-ka.pem "$pki"/acb-ka-new.pem >"$work/bundle.pem"
check 'certificates' ctl --quiet certificates add "$incident" "$work/bundle.pem"
check 'to the PMA' event refer-to-pma --evidence 'Other Compromise Notification File 1'
check 'the PMA authorises the contingency' story_decide contingency supplier '.method = "contingency" | .mode = "anyByContingency" | .key = "contingency"
    | .key_certificate = $d["contingency"] | .initiator = "dcc" | .subscriber = "90B3D51F30010009"
    | .compromised = ([bad("recovery-ds"; "recovery-ds"), bad("acb-ka"; "acb-ka")] | map(.cause = "loss-of-use"))
    | .replacements = [new("root"; "next-root"), new("recovery-ds"; "recovery-ds-new"), new("acb-ka"; "acb-ka-new")]
    | .symmetric_key_sha256 = "'"$(sha256sum <"$work/symmetric" | cut -d ' ' -f 1)"'"'
check 'the custodians switch the Contingency key on' story_activate contingency
check 'the Symmetric Key is released' ctl --quiet symmetric-key add "$incident" "$work/symmetric"
batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id)
check 'a second person confirms' second --yes --quiet batch confirm "$batch"
check 'signed' ctl --quiet batch watch "$batch"
check 'devices take the new Recovery key and answer' story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'all hold the new Recovery key' story_hold meters recovery-ds recovery-ds-new $devices
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'executed: the contingency is consumed' event executed --evidence 'all answered'
party_activation fresh contingency
check 'the custodians have made a new contingency' story_sign fresh custodian-1 custodian-2
check 'and say so' ctl --quiet decision submit "$incident" "$work/fresh.cms"
check 'recovered' event recovered --evidence 'Other Recovery Progress File 1'
check 'the lost certificates are revoked' event revoked --evidence 'list 48'
check 'closed' event close

echo '# What had been begun'
new_root() {
    service_stop
    sed -i "s|^Root=.*|Root=$pki/next-root.pem|" "$work/recovery.conf" && service_start && story_ready recovery
}
check 'the new root is the present one' new_root
check 'the supplier asks for the devices that are left' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One' 'Supplier Ltd: what the lost key did not reach'
left=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/rest.csv"
check 'authorised, with the new Recovery key' story_run again supplier '.key_certificate = $d["recovery-ds-new"]' meters
check 'the supplier has its devices back, all of them' story_hold meters supplier-ds supplier-ds-new $devices
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
told() { # by the story alone
    ctl incident show "$key" >"$work/story" && cat "$work/story" && grep -q 'lost: .*recovery-key' "$work/story" &&
        grep -q 'routes that remain: contingency; after that method-3' "$work/story" && grep -q 'INFERRED\]' "$work/story"
}
check 'the story says what was lost, and what was left' told
story_tell "$supplier" "$key" "$left"
story_end
