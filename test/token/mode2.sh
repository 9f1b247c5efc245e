#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands of mode 2 from one kind of token: the Recovery key puts the ACB's certificates into the supplier's cells, the
# ACB's own key hands the devices back, with a MAC from its agreement key: mode2.sh BUILD SOURCE ROW. A token that does
# not agree on keys is named, and what status says of its key. TAP.
# shellcheck disable=SC2016 # $d in single quotes is jq's
row=${3:?}
# shellcheck source=test/scenarios/lib.sh
. "$2/test/scenarios/lib.sh"
# shellcheck source=test/token/kinds.sh
. "$2/test/token/kinds.sh"
results=$work/results # none of the stories that are summed up
mkdir "$results"
end_all() {
    mode2_status=$1
    row_end
    story_finish "$mode2_status"
}
stage_at_end end_all
devices=8
stage_keys() {
    sed -i -e "s|^Module=.*|Module=$module|" -e "s|^Label=rehearsal\$|Label=$label|" -e "s|^Serial=.*|Serial=$serial|" \
        "$work/recovery.conf" &&
        awk -v args="$args" -v mark="$mark" '{ print } $0 == "[Token \"rehearsal\"]" { print "InitArgs=" args; print "Mark=" mark }' \
            "$work/recovery.conf" >"$work/recovery.conf.new" && mv "$work/recovery.conf.new" "$work/recovery.conf" &&
        generated
}
generated() { # all that the token can have
    if [ "$(can ecdh)" = yes ]; then
        generate --all
    else
        generate --probe && generate --audit && generate --key recovery && generate --key contingency && generate --key acb-ds
    fi
}
generate() {
    "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" "$@" --out "$work/public.one" &&
        cat "$work/public.one" >>"$work/public.pem" && rm "$work/public.one"
}
check 'token, certificates' story_setup
check 'meters' stage_meters meters $devices supplier
check 'the service answers' service_start
story_ready recovery
if [ "$(can ecdh)" != yes ]; then
    # shellcheck disable=SC2317 # by check
    says_why() {
        ctl --json status | jq -e '.keys[] | select(.key == "acb-ka") | .usable == false and .rule == "token.mechanism"
            and (.trouble | contains("CKM_ECDH1_DERIVE")) and (.advice | length > 0)'
    }
    check "$row does not agree on keys ($(can ecdh)), and status says so of its key" says_why
    echo "1..$tests"
    [ "$failed" -eq 0 ]
    exit
fi
cat "$pki"/supplier-??-old.pem "$pki/acb-ds.pem" "$pki/acb-ka.pem" >"$work/acb.pem"
check 'the supplier reports its keys' story_open --initiator subscriber --subscriber "$stage_supplier" --notice 'Officer One' 'Supplier Ltd: keys exposed'
check 'to the PMA' rehearsal_to_pma "$work/acb.pem" "$work/meters/roster.csv"
check 'the keys of the ACB are in place' story_run m2 supplier \
    '.method = "M2" | .replacements = [new("supplier-ds"; "acb-ds"), new("supplier-ka"; "acb-ka"), new("supplier-pp"; "acb-ka")]' meters
check 'executed' event executed --evidence 'all answered'
check 'the new certificates of the supplier' ctl --quiet certificates add "$incident" "$pki/bundle.pem"
check "the DCC's officer instructs" story_instruct back supplier . dcc-1
decision=$(jq -r .id "$work/back.json")
check 'signed by the ACB key' story_batch
check 'devices take the commands of mode 2, with their MAC, and answer' story_exchange meters
check 'every one did' json_is "$work/verdict.json" ".commands == $devices and .accepted == .commands"
check 'handed back' event handed-back --evidence 'Recovery Progress File 2'
echo "1..$tests"
[ "$failed" -eq 0 ]
