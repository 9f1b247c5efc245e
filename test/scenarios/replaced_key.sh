#!/bin/sh
# SPDX-License-Identifier: MIT
# A replaced Recovery key: once an incident has put its successor on the devices, the old key signs for nobody any more;
# status and journal say that the configuration has to follow; with the successor configured, the next incident goes.
# shellcheck disable=SC2016,SC2119 # $d in single quotes is jq's; services that take settings, or none
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=10
check 'token, certificates' story_setup
recovery_is() { # ID LABEL CERTIFICATE: what the configuration calls the Recovery key
    sed -i '/^\[Key "recovery"\]/,/^Authority=/{s/^Id=.*/Id='"$1"'/;s/^Label=.*/Label='"$2"'/;s|^Certificate=.*|Certificate='"$pki/$3"'.pem|}' \
        "$work/recovery.conf"
}
successor() {
    recovery_is 23 recovery-2 recovery-ds-new &&
        "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --key recovery --out "$work/recovery-2.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/recovery-ds-new.pem" --pubkey "$work/recovery-2.pub" --role 01 \
            --eui 90B3D51F30010001 --usage ds --cn R2 && recovery_is 01 recovery recovery-ds
}
check 'a successor of the Recovery key' successor
check 'meters' stage_meters meters $devices supplier
check 'meters that are left out' stage_meters others 2 supplier --first 00DB123400100000
check 'the service answers' service_start
story_ready recovery
configured() { # ID LABEL CERTIFICATE
    service_stop
    recovery_is "$@" && service_start && story_ready recovery
}
ended() { # FILTER: what status says of the Recovery key
    ctl --json status | jq -e --arg key "${key:-}" '.keys[] | select(.key == "recovery").ended | '"$1"
}

check 'a supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
before=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/others/roster.csv"
check 'authorised, by the key of then' story_decide before supplier .
check 'nothing has ended yet' ended '. == null'

check 'the DCC suspects the Recovery key' story_open --route recovery-key --initiator dcc --notice 'DCC security operations' 'Recovery key exposed'
key=$incident
check 'confirmed' event confirm --evidence 'two people, in person' --facts notifier_authenticated
cat "$pki/recovery-ds-new.pem" "$pki/recovery-ds.pem" >"$work/keys.pem"
check 'certificates' ctl --quiet certificates add "$incident" "$work/keys.pem"
check 'devices' ctl --quiet roster add "$incident" "$work/meters/roster.csv"
check 'to the PMA' event refer-to-pma --evidence 'Other Compromise Notification File 1'
check 'it signs its own replacement' story_run self supplier '.method = "recovery-key" | .subscriber = "90B3D51F30010001" | .initiator = "dcc"
    | .compromised = [bad("recovery-ds"; "recovery-ds")] | .replacements = [new("recovery-ds"; "recovery-ds-new")]' meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'it has not ended before that is over' ended '. == null'
check 'executed' event executed --evidence 'all answered'
check 'revoked' event revoked --evidence 'list 47'
check 'closed' event close

check 'status says that the configuration has to follow' ended '.what == "replaced" and .incident == $key
    and (.at | startswith("20")) and .advice == "the configuration has to follow"'
check 'to people, too' sh -c '"$1" --socket "$2" status | grep "^ *recovery .*the configuration has to follow"' sh "$tools/daemon/smki-recoveryctl" "$socket"
told() { # how often the journal has said so
    grep -c "key recovery was replaced by incident $key on 20.*: the configuration has to follow" "$work/service.log"
}
told_more() { # N: than so often
    [ "$(told)" -gt "$1" ]
}
check 'and the journal' told_more 0
named_by() { # it names the incident that ended it, and the day
    grep -q "by incident $key on 20[0-9][0-9]-" "$work/said"
}
incident=$before
check 'custodians are called for the supplier of then' event call-custodians --evidence 'called'
party_activation before-key before
check 'and have signed' story_sign before-key custodian-1 custodian-2
refuse 'the old key switched on' key.replaced ctl decision submit "$incident" "$work/before-key.cms"
check 'the refusal names the incident' named_by

check 'another supplier incident' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: more'
after=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
refuse 'a decision by the old key' key.replaced story_spoilt .
check 'that names the incident, too' named_by
refuse 'a decision by the new key, and the old one configured' key.replaced story_spoilt '.key_certificate = $d["recovery-ds-new"]'
check 'the configuration follows' configured 23 recovery-2 recovery-ds-new
check 'status has nothing more to say' ended '. == null'
check 'decided by the new key' story_decide after supplier '.key_certificate = $d["recovery-ds-new"]'
check 'it is on' story_activate after
told_before=$(told)
check 'somebody puts the old configuration back' configured 01 recovery recovery-ds
check 'which the journal says at the start' told_more "$told_before"
refuse 'a batch by the old key' key.replaced ctl --yes batch start "$incident" "$decision"
check 'and the new one again' configured 23 recovery-2 recovery-ds-new
check 'signed' story_batch
check 'devices know the new key and answer' story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
check 'the old key signed its replacement, and no more' uses_are $devices
story_tell "$key" "$before" "$after"
story_end
