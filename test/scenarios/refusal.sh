#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 3: the PMA refuses. Then a refusal that lands while a batch waits to be signed.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

devices=20
check 'token, certificates' story_setup
sed -i 's/^TwoPersonSec=.*/TwoPersonSec=86400/' "$work/recovery.conf"
check 'meters' stage_meters meters $devices supplier
check 'other meters' stage_meters others $devices supplier --first 00DB1234F0000000 --seed 2
check 'the service answers' service_start
story_ready recovery
uses_before=$(uses recovery)
roster=$work/meters/roster.csv

check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$roster"
no='.outcome = "refuse" | .reasons = "Harm of recovery outweighs that of waiting." | .residual_risk = "Keys may be misused until replaced."'
check 'the PMA refuses, with factors and reasons' story_decide no supplier "$no"
check 'it is REFUSED' in_state REFUSED
refuse 'a batch on the strength of the refusal' decision.revoked ctl --yes batch start "$incident" "$decision"
refuse 'calling custodians' incident.no-transition event call-custodians --evidence 'called'
yes() {
    story_decision spoilt supplier "$1" && story_sign spoilt pma-1 pma-2 pma-3 && ctl decision submit "$incident" "$work/spoilt.cms"
}
refuse 'the refusal turned into its opposite' incident.supersedes yes ".id = \"$decision\""
refuse 'a decision to authorise that supersedes nothing' incident.supersedes yes .
activation() {
    party_activation spoilt no && jq '. + {key: "recovery", method: "M3"}' "$work/spoilt.json" >"$work/odd.json" &&
        story_sign odd custodian-1 custodian-2 && ctl decision submit "$incident" "$work/odd.cms"
}
refuse 'custodians who switch the key on for a refusal' decision.other-decision activation
refuse 'reconnection without a word on the risk that stays' incident.evidence \
    event reconnect --evidence '{"reconnection-route":"new certificates"}'
check 'reconnection' event reconnect \
    --evidence '{"reconnection-route":"certificates issued anew","residual-risk":"keys may be misused until replaced"}'
check 'every device is as before' event reconnected --evidence 'inventory read back'
check 'closed' event close
check 'the Recovery key was not used' uses_are "$uses_before"
first=$incident

check 'the same list under a new name' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: once more'
check 'confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
refuse 'the refused list within the cool-off' incident.list-refused ctl roster add "$incident" "$roster"
sed 2d "$roster" >"$work/fewer.csv"
refuse 'the refused list without one of its devices' incident.list-refused ctl roster add "$incident" "$work/fewer.csv"
check 'it says how many were refused' grep -q "of these $((devices - 1)) devices the PMA refused to recover $((devices - 1)) " "$work/said"
{ sed -n 1,2p "$roster" && sed 1d "$work/others/roster.csv"; } >"$work/one.csv"
refuse 'another list with one device that was refused' incident.list-refused ctl roster add "$incident" "$work/one.csv"
check 'that it is one' grep -q "of these $((devices + 1)) devices the PMA refused to recover 1 " "$work/said"
check 'withdrawn' event withdraw --as subscriber --evidence 'a clerical error'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'closed' event close
second=$incident

echo '# A refusal lands while a batch waits'
check 'a third notice' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: other meters'
check 'to the PMA' rehearsal_to_pma "$pki/bundle.pem" "$work/others/roster.csv"
check 'authorised' story_decide yes supplier .
yes=$decision
check 'the key is on' story_activate yes
batch=$(ctl --json --yes batch start "$incident" "$yes" 2>>"$log" | jq -r .id)
refuse 'the same person confirms the batch' batch.second-person ctl --yes batch confirm "$batch"
check 'the PMA refuses after all' story_decide stop supplier "$no | .supersedes = \"$yes\""
check 'it is HALTED' in_state HALTED
refuse 'the batch that waited' batch.state ctl --yes batch confirm "$batch"
refuse 'the batch resumed' batch.state ctl batch resume "$batch"
refuse 'another batch under the decision that fell' decision.revoked ctl --yes batch start "$incident" "$yes"
batch_is() {
    ctl --json batch show "$batch" | jq -e "$1" >/dev/null
}
refused 'nothing of that batch was signed' decision.revoked batch_is '.state == "stopped" and .signed == 0'
check 'key off' event deactivate-key --evidence 'the custodians left'
check 'the supplier withdraws from there, too' event withdraw --as subscriber --evidence 'a drill'
check 'confirmed' event confirm-withdrawal --evidence 'called back' --facts withdrawer_authenticated
check 'no decision stands and nothing was signed: FALSE_ALARM' in_state FALSE_ALARM
check 'no command was signed' audited 'map(select(.kind == "BATCH_SIGNED")) == []'
check 'the Recovery key was not used here either' uses_are "$uses_before"
story_tell "$first" "$second" "$incident"
story_end
