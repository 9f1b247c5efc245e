#!/bin/sh
# SPDX-License-Identifier: MIT
# A second contingency: what one incident has spent, the Contingency key and its Symmetric Key, serves no other, whether
# that one comes later or was under way; the key and the Symmetric Key of the new root do.
# shellcheck disable=SC2016,SC2119 # $d in single quotes is jq's; services that take settings, or none
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=6
if [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP a second operator needs root'
    exit 0
fi
check 'token, certificates' story_setup
hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
sum() {
    sha256sum <"$1" | cut -d ' ' -f 1
}
contingency_is() { # ID LABEL CERTIFICATE: what the configuration calls the Contingency key
    sed -i '/^\[Key "contingency"\]/,/^Authority=/{s/^Id=.*/Id='"$1"'/;s/^Label=.*/Label='"$2"'/;s|^Certificate=.*|Certificate='"$pki/$3"'.pem|}' \
        "$work/recovery.conf"
}
root() { # PUBLIC SYMMETRIC [OPTION...]: a root that carries that key under that Symmetric Key
    root_public=$1 root_symmetric=$2
    shift 2
    openssl rand -out "$work/$root_symmetric" 16 && stage_pki root --dir "$pki" "$@" \
        --contingency-pub "$root_public" --symmetric-key "$(hex "$work/$root_symmetric")"
}
roots() {
    root "$pki/contingency.pub" symmetric && contingency_is 22 contingency-2 contingency-2 &&
        "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --key contingency --out "$pki/contingency-2.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/contingency-2.pem" --pubkey "$pki/contingency-2.pub" --role 7F \
            --eui 90B3D51F30010009 --usage ds --cn contingency-2 && contingency_is 02 contingency contingency &&
        root "$pki/contingency-2.pub" symmetric-2 --out "$pki/next-root.pem" --key "$pki/next-root.key" &&
        root "$pki/contingency.pub" symmetric-3 --out "$pki/last-root.pem" --key "$pki/last-root.key"
}
check 'three roots, each with a contingency key' roots
sed -i '/^\[Role "operator"\]/,/^Users=/s/^Users=.*/& 65534/' "$work/recovery.conf"
stage_login second 'Operator Two' 65534 >>"$work/recovery.conf.d/people.conf"
chmod 755 "$work" "$work/run"
install -m 755 "$tools/daemon/smki-recoveryctl" "$work/run/ctl"
second() {
    setpriv --reuid 65534 --regid 0 --clear-groups "$work/run/ctl" --socket "$socket" "$@"
}
check 'meters' stage_meters meters $devices supplier
check 'meters of another region' stage_meters others 2 supplier --first 00DB123400100000
check 'the service answers' service_start
story_ready contingency

contingency() { # METERS CERTIFICATES: an incident about them, in the hands of the PMA
    story_open --route contingency --initiator dcc --notice 'DCC, in person' "Root OCA key exposed: $1" &&
        event confirm --evidence 'two people, in person' --facts notifier_authenticated &&
        ctl --quiet roster add "$incident" "$work/$1/roster.csv" && ctl --quiet certificates add "$incident" "$2" &&
        event refer-to-pma --evidence 'Other Compromise Notification File'
}
mode9() { # ROOT NEW KEY SYMMETRIC: a filter
    printf '.method = "contingency" | .mode = "anyByContingency" | .key = "contingency" | .key_certificate = $d["%s"] | .initiator = "dcc"
        | .subscriber = "90B3D51F30010009" | .compromised = [bad("root"; "%s")] | .replacements = [new("root"; "%s")]
        | .symmetric_key_sha256 = "%s"' "$3" "$1" "$2" "$(sum "$work/$4")"
}
asked() { # a batch that waits for its second person
    batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id) && [ -n "$batch" ]
}
recovered() { # NAME: from the last answer to the end
    event deactivate-key --evidence 'the custodians left' && event executed --evidence 'all answered' &&
        party_activation "$1-fresh" "$1" && story_sign "$1-fresh" custodian-1 custodian-2 &&
        ctl --quiet decision submit "$incident" "$work/$1-fresh.cms" && event recovered --evidence 'Other Recovery Progress File' &&
        event revoked --evidence 'list 48' && event close
}
spent_by() { # INCIDENT: what is refused names it, and the day
    grep -q "incident $1 on 20[0-9][0-9]-" "$work/said"
}
cat "$pki/root.pem" "$pki/next-root.pem" >"$work/first.pem"

check 'a region reports the Root OCA key' contingency others "$work/first.pem"
other=$incident
check 'authorised' story_decide other supplier "$(mode9 root next-root contingency symmetric)"
other_decision=$decision
check 'the key is on' story_activate other
check 'the Symmetric Key is released' ctl --quiet symmetric-key add "$incident" "$work/symmetric"
check 'a batch waits for its second person' asked
other_batch=$batch

check 'the rest of the country' contingency meters "$work/first.pem"
one=$incident
check 'authorised' story_decide one supplier "$(mode9 root next-root contingency symmetric)"
check 'the key is on' story_activate one
check 'the Symmetric Key is released there, too' ctl --quiet symmetric-key add "$incident" "$work/symmetric"
check 'a batch' asked
check 'the second person confirms' second --yes --quiet batch confirm "$batch"
check 'signed' ctl --quiet batch watch "$batch"
check 'it may go on: the key serves its incident' ctl --quiet symmetric-key add "$incident" "$work/symmetric"
refuse 'the batch of the region past its point of no return' contingency.spent second --yes batch confirm "$other_batch"
check 'the refusal names the incident that spent it' spent_by "$one"
refuse 'another batch of the region' contingency.spent ctl --yes batch start "$other" "$other_decision"
refuse 'the Symmetric Key once more for the region' contingency.spent ctl symmetric-key add "$other" "$work/symmetric"
check 'devices take the new root and answer' story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'to its end' recovered one
spent() {
    ctl --json status | jq -e --arg one "$one" '.keys[] | select(.key == "contingency").ended
        | .what == "spent" and .incident == $one and .advice == "the configuration has to follow"'
}
check 'status says that the configuration has to follow' spent

echo '# The root of then is exposed as well'
cat "$pki/next-root.pem" "$pki/last-root.pem" >"$work/second.pem"
check 'the DCC reports it' contingency meters "$work/second.pem"
refuse 'the key of the first contingency' contingency.spent story_spoilt "$(mode9 next-root last-root contingency symmetric-2)"
check 'that names the first incident' spent_by "$one"
follows() {
    service_stop
    contingency_is 22 contingency-2 contingency-2 &&
        sed -i "s|^Root=.*|Root=$pki/next-root.pem|" "$work/recovery.conf" && service_start && story_ready contingency
}
check 'the configuration follows: the new root and its key' follows
refuse 'its key with the Symmetric Key of the first' contingency.spent story_spoilt "$(mode9 next-root last-root contingency-2 symmetric)"
check 'that names it, too' spent_by "$one"
check 'authorised with its own' story_decide two supplier "$(mode9 next-root last-root contingency-2 symmetric-2)"
check 'the key is on' story_activate two
check 'its Symmetric Key is released' ctl --quiet symmetric-key add "$incident" "$work/symmetric-2"
check 'a batch' asked
check 'the second person confirms' second --yes --quiet batch confirm "$batch"
check 'signed' ctl --quiet batch watch "$batch"
check 'devices take the last root and answer' story_exchange meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'to its end' recovered two
story_tell "$one" "$other" "$incident"
story_end
