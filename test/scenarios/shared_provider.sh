#!/bin/sh
# SPDX-License-Identifier: MIT
# Scenario 5: a provider keeps the keys of A, B and C in one HSM. A and B choose Method 1, C asks for recovery.
# Variant: B's Method 1 fails.
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"

# shellcheck disable=SC2034 # b is used by way of eval
a=90B3D51F3002000A b=90B3D51F3002000B c=90B3D51F3002000C
check 'token, certificates' story_setup
seed=1
for user in a b c; do
    eval "eui=\$$user"
    seed=$((seed + 1))
    # shellcheck disable=SC2154 # set by eval
    party_supplier $user "$eui"
    cat "$pki/$user"-??-old.pem "$pki/$user"-??-new.pem >"$work/$user.pem"
    stage_meters "meters-$user" 10 $user --first "00DB12340${seed}000000" --seed $seed >>"$log" 2>&1
    [ $user = c ] || party_authority $user "$pki/org-anchor.pem" 1 2 "$eui" >>"$work/recovery.conf"
done
check 'the service answers' service_start
story_ready recovery
list() {
    echo "$work/meters-$1/roster.csv"
}

check 'the provider reports its HSM' story_open --route shared-event --initiator srp --notice 'provider, by telephone' 'One HSM, three suppliers'
parent=$incident
check 'confirmed' event confirm --evidence 'called back' --facts notifier_authenticated
check 'children may be opened' event open-children --evidence 'A, B, C'
check 'one report to the PMA' event inform-pma --evidence 'letter 1'
child() { # USER INITIATOR: an incident with its list and certificates, confirmed
    eval "eui=\$$1"
    story_open --parent "$parent" --initiator "$2" --subscriber "$eui" --notice "$2" "Supplier $1" &&
        event confirm --evidence 'called back' --facts notifier_authenticated &&
        ctl --quiet certificates add "$incident" "$work/$1.pem" && ctl --quiet roster add "$incident" "$(list "$1")"
}
check 'child A' child a subscriber
child_a=$incident
check 'child B' child b srp
child_b=$incident
refuse "the provider files for B without B's word" incident.srp-authority event receive-file --as srp --evidence 'file 2'
check 'B files itself' event receive-file --as subscriber --evidence 'file 2'
refuse 'the provider asks for recovery of B' incident.srp-authority event ask-suspension --as srp --evidence 'we ask'
check 'child C' child c srp
child_c=$incident
check 'the provider has the word of C' event receive-file --as srp --evidence 'file 3, letter of C' --facts srp_authority
check 'and asks for recovery' event ask-suspension --as srp --evidence 'letter of C'
for done_event in devices-suspended recovery-set revoked refer-to-pma; do
    check "C: $done_event" event $done_event --evidence 'the ten of C'
done

echo '# A and B by Method 1'
for user in a b; do
    eval "incident=\$child_$user eui=\$$user"
    if [ $user = a ]; then
        party_notify N-a a "$eui" "$(list a)" 1 no
        check 'A: notification' story_file N-a
    fi
    check "$user: Method 1" event elect-method-1 --as subscriber --evidence 'elected'
    check "$user: PMA informed" event inform-pma --evidence 'letter 1'
done
incident=$child_a
party_progress P-a a $a "$(list a)" 10
check 'A: all ten' story_file P-a
check 'A: complete' event complete --as subscriber --evidence 'progress file'
check 'A: revoked' event revoked --evidence 'list 44'
check 'A: closed' event close

echo '# C by the PMA'
incident=$child_c
consent='.consent = "letter of C"'
refuse "a decision without C's own request" request.srp-consent story_spoilt . c
refuse 'new keys from the suspect HSM' replacement.origin story_spoilt "$consent | .replacements[].key_origin = \"same\"" c
refuse 'new keys of unknown origin' replacement.origin story_spoilt "$consent | .replacements[].key_origin = \"unsaid\"" c
digest_of_list() {
    sha256sum <"$(list "$1")" | cut -d ' ' -f 1
}
refuse "the devices of B under C's decision" decision.roster story_spoilt "$consent | .roster.sha256 = \"$(digest_of_list b)\"" c
cat "$pki/a-ds-new.pem" "$pki"/c-k?-new.pem "$pki"/c-p?-new.pem "$pki"/c-??-old.pem >"$work/mixed.pem"
check 'a bundle with a certificate of A' ctl --quiet certificates add "$incident" "$work/mixed.pem"
refuse "A's new certificate on C's devices" replacement.party story_spoilt "$consent | .replacements[0].certificate = \$d[\"a-ds-new\"]" c
check 'the right bundle' ctl --quiet certificates add "$incident" "$work/c.pem"
check 'C: decided, signed, answered' story_run c-yes c "$consent" meters-c
incident=$child_b
refuse "C's decision handed in for B" decision.other-incident ctl decision submit "$child_b" "$work/c-yes.cms"
incident=$child_c
check 'C: executed' event executed --evidence 'ten answers'
check 'C: closed' event close
incident=$parent
refuse 'closing the event while B is open' incident.children-open event close

echo '# Variant: B falls back'
incident=$child_b
check 'B gives up' event ask-suspension --as subscriber --evidence 'we cannot'
for done_event in devices-suspended recovery-set revoked refer-to-pma; do
    check "B: $done_event" event $done_event --evidence 'the ten of B'
done
check 'B alone is with the PMA' in_state WITH_PMA
check 'a new decision for B' story_run b-yes b '.consent = "letter of B"' meters-b
check 'B: executed' event executed --evidence 'ten answers'
check 'B: closed' event close
incident=$parent
check 'the event has the totals of its three incidents' shows '.devices == 30 and .signed == 20 and .recovered == 20'
totals() { # as figures, too
    ctl --json figures "$parent" | jq -e '.children == 3 and .children_open == 0 and .devices == 30 and
        .commands_signed == 20 and .answered == 20 and .unanswered == 10 and .by_state == {success: 20}'
}
check 'and its figures say so' totals
check 'the event is closed' event close
late_child() {
    ctl incident open --exercise --parent "$parent" --initiator srp --subscriber $c --notice late 'Supplier c, late'
}
refuse 'another child afterwards' incident.parent-closed late_child
check 'each child is linked to its parent in every record' audited \
    "map(select(.incident == \"$child_c\" and .data.event != null and .data.from != null)) | length > 0 and all(.[]; .data.parent == \"$parent\")"
check 'A was never suspended' audited "map(select(.incident == \"$child_a\") | .data.event) | index(\"devices-suspended\") == null"
story_tell "$parent" "$child_a" "$child_b" "$child_c"
story_end
