#!/bin/sh
# SPDX-License-Identifier: MIT
# Certificates of a closed incident are used again: what it called compromised is placed by no later one, nor is another
# certificate over the same key; fresh ones go through. A decision that stands is held to that as well, and an incident
# that the PMA refuses says nothing bad of its keys. The certificates of an incident have versions meanwhile.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=10
check 'token, certificates' story_setup
for cell in ds ka pp; do
    [ $cell = ds ] && usage=ds || usage=ka
    party_issue supplier-$cell-third 02 "$stage_supplier" $usage
    party_issue supplier-$cell-fourth 02 "$stage_supplier" $usage
done
over_the_same_key() {
    openssl pkey -in "$pki/supplier-ds-old.key" -pubout -out "$work/old.pub" &&
        stage_pki issue --dir "$pki" --out "$pki/supplier-ds-reissued.pem" --pubkey "$work/old.pub" --role 02 \
            --eui "$stage_supplier" --usage ds --cn reissued
}
check 'a certificate over a key of then' over_the_same_key
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery

named_by() { # INCIDENT: it names the incident that ended it, and the day
    grep -q "in incident $1 on 20[0-9][0-9]-" "$work/said"
}
difference() { # FILE FILTER: what the answer to these certificates says
    ctl --json certificates add "$incident" "$1" >"$work/answer" && cat "$work/answer" && jq -e "$2" "$work/answer"
}
register() { # FILTER: of the register of keys
    ctl --json keys list | jq -e --arg one "$one" --arg two "${two:-}" ".keys | $1"
}
swap='.compromised = [bad("supplier-ds"; "supplier-ds-%s"), bad("supplier-ka"; "supplier-ka-%s"), bad("supplier-pp"; "supplier-pp-%s")]
    | .replacements = [new("supplier-ds"; "supplier-ds-%s"), new("supplier-ka"; "supplier-ka-%s"), new("supplier-pp"; "supplier-pp-%s")]'
instead() { # OF BY: a filter
    # shellcheck disable=SC2059 # the form is ours
    printf "$swap" "$1" "$1" "$1" "$2" "$2" "$2"
}

echo '# The first incident: the old keys are compromised, new ones take their place'
check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
one=$incident
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
check 'the same certificates again are no version' difference "$pki/bundle.pem" '.version == 1 and (.added | length) == 6 and .removed == []'
check 'decided, signed, answered, key off' story_run one supplier . meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
refuse 'certificates without those that the decision names' incident.certificate-named \
    ctl certificates add "$incident" "$pki/supplier-ds-old.pem"
check 'executed' event executed --evidence 'all answered'
check 'closed' event close
refuse 'other certificates after the end' incident.closed ctl certificates add "$incident" "$pki/supplier-ds-third.pem"
check 'the register knows what was placed, where and when' register '[.[] | select(.what == "placed" and .incident == $one
    and .source == "batch 1" and (.at | startswith("20")) and (.cell | startswith("supplier-")))] | length == 3'
check 'and what ended' register '[.[] | select(.what == "replaced" and .incident == $one).cell] | sort
    == ["supplier-ds", "supplier-ka", "supplier-pp"]'

echo '# The second: the new keys are lost as well'
check 'the supplier reports them' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: once more'
two=$incident
check 'to the PMA, with the certificates of the first' rehearsal_to_pma "$pki/bundle.pem" "$work/meters/roster.csv"
refuse 'back to the compromised certificates' replacement.ended story_spoilt "$(instead new old)"
check 'the refusal names the first incident' named_by "$one"
advised() { # N: what review says before anybody signs; as many lines
    ctl decision review "$work/spoilt.json" --ask >"$work/review" && cat "$work/review" &&
        [ "$(grep -c "^ended .* in incident $one on 20" "$work/review")" -eq "$1" ]
}
check 'who reviews it is told so: three certificates, compromised and replaced' advised 6
cat "$pki"/supplier-??-new.pem "$pki/supplier-ds-reissued.pem" "$pki/supplier-ka-third.pem" "$pki/supplier-pp-third.pem" >"$work/reissued.pem"
check 'other certificates are a version, with a difference' difference "$work/reissued.pem" '.version == 2 and (.removed | length) == 3
    and ([.added[].subject] | any(contains("reissued")))'
refuse 'another certificate over a compromised key' replacement.ended \
    story_spoilt "$(instead new third) | .replacements[0].certificate = \$d[\"supplier-ds-reissued\"]"
check 'that names it, too' named_by "$one"
cat "$pki"/supplier-??-new.pem "$pki"/supplier-??-third.pem >"$work/third.pem"
check 'fresh ones' difference "$work/third.pem" '.version == 3 and (.added | length) == 1 and (.removed | length) == 1'
check 'the versions are in the story' shows '[.bundles[] | [.version, .certificates]] == [[1, 6], [2, 6], [3, 6]]'
check 'the difference is on record' audited 'map(select(.kind == "CERTIFICATES_RECEIVED" and .data.version == 3).data)
    | length == 1 and (.[0].added[0].subject | contains("third")) and (.[0].removed[0].subject | contains("reissued"))'
check 'decided, signed, answered, key off' story_run two supplier "$(instead new third)" meters
check "$devices accepted" json_is "$work/verdict.json" ".commands == $devices and .accepted == $devices"
check 'executed' event executed --evidence 'all answered'
check 'closed' event close

echo '# A decision that stands, while another incident calls its certificates compromised'
check 'two more meters' stage_meters others 2 supplier --first 00DB123400100000
check 'the supplier reports devices that were forgotten' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: two more'
three=$incident
cat "$pki"/supplier-??-old.pem "$pki"/supplier-??-third.pem >"$work/others.pem"
check 'to the PMA' rehearsal_to_pma "$work/others.pem" "$work/others/roster.csv"
check 'the same certificates as before are placed again' story_decide three supplier "$(instead old third) | .attempts = 5"
standing=$decision
check 'the key is on' story_activate three
begun() { # a batch whose first signature waits
    gate_shut recovery 0
    batch=$(ctl --json --yes batch start "$incident" "$decision" 2>>"$log" | jq -r .id) && [ -n "$batch" ]
}
check 'a batch begins' begun
check 'an operator stops it for now' ctl --quiet batch pause "$batch"
gate_open recovery
check 'the supplier suspects the third keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: perhaps'
four=$incident
cat "$pki"/supplier-??-third.pem "$pki"/supplier-??-fourth.pem >"$work/fourth.pem"
check 'to the PMA' rehearsal_to_pma "$work/fourth.pem" "$work/meters/roster.csv"
check 'decided' story_decide four supplier "$(instead third fourth)"
refuse 'a batch that would place what is compromised now' replacement.ended ctl --yes batch start "$three" "$standing"
check 'the refusal names that incident' named_by "$four"
refuse 'the batch that was stopped for now' replacement.ended ctl batch resume "$batch"
called_off() { # NAME: the PMA refuses
    story_decision "$1" supplier ".outcome = \"refuse\" | .supersedes = \"$decision\"" && story_sign "$1" pma-1 pma-2 pma-3 &&
        decision=$(jq -r .id "$work/$1.json") && ctl --quiet decision submit "$incident" "$work/$1.cms"
}
check 'the PMA stops it' called_off stop
refuse 'it has not ended yet' replacement.ended ctl batch resume "$batch"
check 'the PMA refuses it' called_off end
check 'it is REFUSED' in_state REFUSED
incident=$three
resumed() {
    ctl --quiet batch resume "$batch" && ctl --quiet batch watch "$batch"
}
check 'nothing bad is said of these keys any more: it goes on' resumed
check 'devices take them and answer' story_exchange others
check 'two accepted' json_is "$work/verdict.json" '.commands == 2 and .accepted == 2'
check 'a person can read the register' sh -c '"$1" --socket "$2" keys list | grep -q "placed.*$3.*supplier-ds"' sh "$tools/daemon/smki-recoveryctl" "$socket" "$three"
story_tell "$one" "$two" "$three" "$four"
story_end
