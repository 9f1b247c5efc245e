#!/bin/sh
# SPDX-License-Identifier: MIT
# Supplier B in A's incident: every document that is about somebody else than the incident is refused, whatever it
# says, also where all that is in it would be good in an incident of B.
# shellcheck disable=SC2016 # $d in single quotes is jq's
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

b=90B3D51F3002000B devices=8
check 'token, certificates' story_setup
party_supplier b $b
check 'meters of A' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
cat "$pki"/supplier-??-old.pem "$pki"/supplier-??-new.pem "$pki"/b-??-old.pem "$pki"/b-??-new.pem >"$work/both.pem"
cat "$pki"/b-??-old.pem "$pki"/b-??-new.pem >"$work/b.pem"

check 'A reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$work/b.pem" "$work/meters/roster.csv"
about_b=".subscriber = \"$b\" | .compromised = [bad(\"supplier-ds\"; \"b-ds-old\"), bad(\"supplier-ka\"; \"b-ka-old\"), bad(\"supplier-pp\"; \"b-pp-old\")]
    | .replacements = [new(\"supplier-ds\"; \"b-ds-new\"), new(\"supplier-ka\"; \"b-ka-new\"), new(\"supplier-pp\"; \"b-pp-new\")]"
refuse "a decision about B, with B's certificates, for A's devices" decision.subscriber story_spoilt "$about_b"
reviewed() { # what its authors are told before anybody signs it
    story_decision early supplier "$1" || return 1
    ctl decision review --ask "$work/early.json" >"$work/reviewed" 2>&1
    [ $? -eq 1 ] && grep "the service would refuse it by rule $2: " "$work/reviewed"
}
check 'its authors are told so before they sign it' reviewed "$about_b" decision.subscriber
bounds=".end_condition = \"until then\" | .review = \"$(rehearsal_at '+1 month')\""
refuse 'a deferral about B' decision.subscriber story_spoilt "$about_b | .outcome = \"defer-revocation\" | $bounds"
refuse 'a refusal about B' decision.subscriber story_spoilt "$about_b | .outcome = \"refuse\""
refuse 'an abort about B' decision.subscriber story_spoilt "$about_b | .outcome = \"abort\""
refuse "a refusal about A because of B's certificates" decision.party story_spoilt "$about_b | .outcome = \"refuse\" | .subscriber = \"$stage_supplier\""
check 'certificates of A' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
refuse 'a decision asked for by Ofgem' decision.initiator story_spoilt '.initiator = "ofgem" | .notice = "Ofgem notice 3"'
refuse 'a refusal of what the DCC asked for' decision.initiator story_spoilt '.outcome = "refuse" | .initiator = "dcc"'
check 'decided about A' story_decide yes supplier .
check 'custodians are called' event call-custodians --evidence 'three called'
activation() { # FILTER
    party_activation key yes && jq "$1" "$work/key.json" >"$work/key2.json" && mv "$work/key2.json" "$work/key.json" &&
        story_sign key custodian-1 custodian-2 && ctl --quiet decision submit "$incident" "$work/key.cms"
}
refuse 'an activation that speaks of B' decision.subscriber activation ".subscriber = \"$b\""
check 'the key is switched on' activation .
signed() {
    story_batch && story_exchange meters && event deactivate-key --evidence 'the custodians left'
}
check 'signed, answered' signed
refuse 'an instruction that refuses' decision.never-signed story_instruct odd supplier '.outcome = "refuse"' dcc-1
refuse 'hand-back of B' decision.subscriber story_instruct odd supplier ".subscriber = \"$b\" | .outcome = \"refuse\"" dcc-1
check 'executed' event executed --evidence 'all answered'
refuse 'hand-back where no ACB certificate was placed nor ever will be' decision.never-signed story_instruct odd supplier . dcc-1
check 'closed' event close
for cell in ds ka pp; do
    check "every meter holds A's new certificate in supplier-$cell, as it says itself" story_hold meters supplier-$cell supplier-$cell-new $devices
done
story_tell "$incident"
story_end
