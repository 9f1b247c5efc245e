#!/bin/sh
# SPDX-License-Identifier: MIT
# Rules about the token: each is fired at a real SoftHSM token that pkcs11-tool has spoilt, or by a module that goes
# wrong on demand: a shim in front of SoftHSM, and a mock for what SoftHSM cannot do. Asked are the ceremony, and the
# real service with its signer. rules_token.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"
command -v pkcs11-tool >/dev/null || scene_skip 'pkcs11-tool is not installed'
# shellcheck source=test/integration/rules_kit.sh
. "${0%/*}/rules_kit.sh"
# shellcheck source=test/fake/shim.sh
. "$top/test/fake/shim.sh"

must stage_make 4
must scene_set 'Token "rehearsal"' Workers=1
must scene_set 'Token "rehearsal"' Sessions=1
must scene_set Signer ProbeIntervalSec=1

show() { # show [NAME=VALUE...]: what the ceremony sees, with that in its environment
    env "$@" "$tools/pkcs11/smki-recovery-ceremony" show --config "$scene/recovery.conf"
}
p11() { # p11 OPTION...: somebody at the token
    pkcs11-tool --module "$P11_SHIM_MODULE" --token-label rehearsal --login --pin "$(cat "$scene/pin")" "$@"
}

# --- a token that somebody has spoilt ---

rule token.key-missing 'a key that is not there' with Id=77 -- show
must p11 --keypairgen --key-type EC:prime256v1 --id 05 --label one
must p11 --keypairgen --key-type EC:prime256v1 --id 05 --label two
rule token.key-duplicate 'two keys of one id' with Id=05 -- show
must p11 --keypairgen --key-type EC:secp384r1 --id 06 --label wide
rule token.key-attributes 'a key on another curve' with Id=06 -- show
echo 'no number' >"$bad.number"
must p11 --write-object "$bad.number" --type data --application-label smki-recovery --label 'originator-counter 90B3D51F30010002'
rule token.counter-mark-bad 'a counter mark that is no number' ceremony mark --config "$scene/recovery.conf" \
    --originator 90B3D51F30010002
must p11 --delete-object --type data --application-label smki-recovery --label 'originator-counter 90B3D51F30010002'

# --- a module that goes wrong ---

shimmed() { # shimmed PLAN: the ceremony's view of the keys
    show "P11_SHIM_PLAN=$1"
}
rule token.lost 'a device that is removed' with "Module=$shim" -- shimmed C_FindObjects:1=0x32
rule token.bug 'a module that does not take what the standard says' with "Module=$shim" -- shimmed C_FindObjects:1=0x7
rule token.unknown-code 'a code of a vendor' with "Module=$shim" -- shimmed C_FindObjects:1=0x80000042
rm -f "$scene"/signer/*.rebuilt # it came once
mock=$tools/test/fake/p11_mock.so
echo 1234 >"$scene/mock-pin"
chmod 600 "$scene/mock-pin"
mocked() { # mocked PLAN
    with "Module=$mock" Label=mock Serial=0001 "PinFile=$scene/mock-pin" -- show "SMKI_P11_MOCK=$1"
}
rule token.mechanism 'a token without ECDSA' mocked no-ecdsa=1
rule token.pin-locked 'a token with one try left' mocked tries=1

# --- the service and its signer ---

shown() { # shown RULE: by the status, or in the journal
    { get /v1/status; cat "$scene/service.log"; } | grep "$1"
}
troubled() { # troubled RULE [NAME=VALUE...]: the service starts, with that in its environment, until it shows the rule
    troubled_rule=$1
    shift
    : >"$scene/service.log"
    service_start "$@" && eventually shown "$troubled_rule"
    shown "$troubled_rule" | cut -c 1-1000
    service_stop
    rm -f "$scene"/signer/*.rebuilt
}
rule token.probe 'a probe key that signs wrongly' with "Module=$shim" -- troubled token.probe P11_SHIM_PLAN=C_Sign:1=spoil
rule token.no-data-objects 'a token that keeps no data objects' with "Module=$shim" -- troubled token.no-data-objects P11_SHIM_PLAN=C_CreateObject:1=0x13
# The first signature is the probe's when the signer starts; when the service next looks, a head is due, and is asked
# for before the next probe.
must scene_set Signer HeadIntervalSec=1
rule token.audit-key 'an audit key that signs wrongly' with "Module=$shim" ProbeIntervalSec=2 -- troubled token.audit-key P11_SHIM_PLAN=C_Sign:2=spoil
must with Id=07 -- ceremony generate --config "$scene/recovery.conf" --key recovery
rule token.key-mismatch 'another key under the id' with Id=07 -- troubled token.key-mismatch
rule token.key-certificate 'six certificates where one is due' with "Certificate=$pki/bundle.pem" -- troubled token.key-certificate
elsewhere() {
    cp "$scene/recovery.conf" "$bad.conf"
    sed -i "s|^SignerProgram=.*|SignerSocket=$scene/none.sock|" "$scene/recovery.conf"
    troubled signer.socket
    cp "$bad.conf" "$scene/recovery.conf"
}
rule signer.socket 'a socket where nobody listens' elsewhere
no_folder() { # a plain file stands where the counts are kept
    rm -rf "$scene/signer/counts" && : >"$scene/signer/counts"
    troubled signer.count-file
    rm "$scene/signer/counts"
}
rule signer.count-file 'no folder for the counts' no_folder
must service_start
must eventually signers_ready
rule token.in-use 'a ceremony beside a signer' show
must service_stop

# --- counters ---

held_now() {
    field "/v1/batches/$batch" '"\(.state) \(.reason)"' | grep "^held $1"
}
held_for() { # held_for RULE: the batch, sooner or later
    eventually held_now "$1" && held_now "$1"
}
start_at() { # start_at NUMBER: the service, with that Start=; none: without
    service_stop
    sed -i '/^Start=/d' "$scene/recovery.conf"
    [ "$1" = none ] || scene_set Counter "Start=$1"
    service_start && eventually signers_ready
}
must start_at none
must scene_referred
must scene_decide '.attempts = 5'
must scene_activate
must scene_batch all
rule ledger.no-start 'nobody has said where counters begin' held_for ledger.no-start
must start_at 9223372036854775806
must ctl batch resume "$batch"
rule ledger.counters-used-up 'no counters are left for four devices' held_for ledger.counters-used-up
must start_at 1000
must service_stop
keep() { # keep NAME: token and signer's files as they are, with the service stopped
    service_stop && cp -a "$scene/tokens" "$scene/tokens.$1" && cp -a "$scene/signer" "$scene/signer.$1" && service_start
}
must keep before
must ctl batch resume "$batch"
must eventually batch_is 'done'
must keep once
again() {
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id)
}
must again
must eventually batch_is 'done'
put_back() { # put_back NAME: as they were
    service_stop
    rm -rf "$scene/tokens" "$scene/signer" && cp -a "$scene/tokens.$1" "$scene/tokens" && cp -a "$scene/signer.$1" "$scene/signer" &&
        service_start && eventually signers_ready
}
must put_back once
must again
rule ledger.token-behind 'an older token under a newer database' held_for ledger.token-behind
must put_back before
must ctl batch resume "$batch"
rule ledger.token-fresh 'a token that has counted nothing yet' held_for ledger.token-fresh
t 'and nothing was signed by it' same "$(signed)" 0
t 'the service ends in order' service_stop
plan
