#!/bin/sh
# SPDX-License-Identifier: MIT
# Rules that are fired on the way of an incident: by what somebody answers for, by certificates of another PKI, by a
# disk or a database that somebody has changed, by answers that come late, by a list that says too little.
# rules_flow.sh BUILD SOURCE. TAP.
# shellcheck disable=SC2119 # services that take settings, or none
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"
command -v sqlite3 >/dev/null || scene_skip 'sqlite3 is not installed'
# shellcheck source=test/integration/rules_kit.sh
. "${0%/*}/rules_kit.sh"

must stage_make 4
must service_start
must eventually signers_ready

submit() { # submit FILTER: a decision, changed by it, handed in
    scene_decide ".attempts = 5 | $1" && stage_patient ctl decision submit "$incident" "$scene/decision.cms"
}
again() { # again COMMAND...: with the service started anew
    service_stop
    service_start && eventually signers_ready && "$@"
}

# --- what somebody answers for ---

exposed() {
    rehearsal_notice && rehearsal_to_pma "$pki/bundle.pem" "$roster"
}
must exposed
must rehearsal_event revoked --evidence 'list 43' --facts replacements_from_suspect_hsm
rule incident.key-origin 'somebody answers that the new keys come from the suspected HSM' submit .
must rehearsal_event revoked --evidence 'list 44' --facts replacements_from_suspect_hsm=no

# --- the key's own certificate ---

must stage_pki init --dir "$scene/elsewhere"
recovery_by() { # recovery_by NAME PKI [OPTION...]: over the same key
    by_name=$1 by_dir=$2
    shift 2
    stage_pki issue --dir "$by_dir" --out "$pki/$by_name.pem" --pubkey "$pki/recovery.pub" --role 01 --eui 90B3D51F30010001 \
        --usage ds --cn R1 "$@"
}
must recovery_by recovery-far "$scene/elsewhere"
must recovery_by recovery-past "$pki" --not-before 2019-01-01T00:00:00Z --not-after 2020-01-01T00:00:00Z
of_key() { # of_key NAME: a decision by that certificate
    again submit ".key_certificate = \$d[\"$1\"]"
}
rule cert.chain 'the certificate of the key is of another PKI' with "Certificate=$pki/recovery-far.pem" -- of_key recovery-far
rule cert.expired 'the certificate of the key is out of date' with "Certificate=$pki/recovery-past.pem" -- of_key recovery-past
must of_key recovery-ds
decision=$(jq -r .id "$scene/decision.json")

# --- the database, changed by somebody ---

changed() { # changed SQL
    service_stop
    sqlite3 "$scene/service/recovery.db" "$1" && service_start && eventually signers_ready
}
must changed "UPDATE decision SET outcome = 'refuse'"
rule incident.decision 'the decision is not in force any more' rehearsal_event call-custodians --evidence 'three called'
must changed "UPDATE decision SET outcome = 'authorise'"
must rehearsal_event call-custodians --evidence 'three called, two on their way'
activated() {
    rehearsal_activation "$scene/decision.json" >"$scene/activation.json" &&
        rehearsal_sign "$scene/activation.json" "$scene/activation.cms" custodian-1 custodian-2 &&
        stage_patient ctl decision submit "$incident" "$scene/activation.cms"
}
must activated

# --- answers ---

figures() {
    get "/v1/incidents/$incident/figures"
}
answered() { # answered FILE: that, and what became of it
    ctl responses add "$incident" "$1"
    figures
}
meters_answer() { # meters_answer STATE NAME: commands of $batch, answered in NAME.hex
    commands_out "$scene/$2.d" && "$tools/test/meter/smki-meter" run --state "$scene/$1" --commands "$scene/$2.d" \
        --responses "$scene/$2.hex" --log "$scene/$2.jsonl" --json
}
new_batch() {
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && eventually batch_is 'done'
}
must new_batch
must meters_answer meters first
must new_batch
must meters_answer meters second
must ctl responses add "$incident" "$scene/second.hex"
rule response.stale 'the answer to the command before, when the later one is answered' answered "$scene/first.hex"

must stage_meters others 2 supplier --first 00DB123400100000
main=$incident
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "ds") gone = i }
    { line = ""; for (i = 1; i <= NF; i++) if (i != gone) line = line (line == "" ? "" : ",") $i; print line }' \
    "$scene/others/roster.csv" >"$scene/no-ds.csv"
must rehearsal_notice
must rehearsal_to_pma "$pki/bundle.pem" "$scene/no-ds.csv"
must scene_decide .
must scene_activate
must new_batch
must meters_answer others third
rule response.no-device-key 'answers of devices whose keys the list does not have' answered "$scene/third.hex"
incident=$main

# --- disks ---

logged() { # logged RULE: in the journal, sooner or later
    eventually grep "$1" "$scene/service.log" && grep "$1" "$scene/service.log"
}
restarted_shows() { # restarted_shows RULE: the service started anew
    : >"$scene/service.log"
    service_start && logged "$1"
    service_stop
}
noticed() {
    ctl incident open --exercise --initiator subscriber --subscriber "$stage_supplier" --notice n 'One more' && logged notice.write
}
outbox=$scene/service/outbox
mv "$outbox" "$scene/outbox" && : >"$outbox" # a plain file stands there
rule notice.write 'no outbox' noticed
must service_stop
rm "$outbox" && mv "$scene/outbox" "$outbox"
# What waits in the queue will get this name, which somebody has given to something else.
IFS='|' read -r sec usec id <<END
$(sqlite3 "$scene/service/recovery.db" "SELECT at_us / 1000000, printf('%06d', at_us % 1000000), id FROM notice ORDER BY n LIMIT 1")
END
name=$(date -u -d "@$sec" +%Y%m%dT%H%M%S).${usec}Z-dcc-$id.json
echo "something else" >"$outbox/$name"
rule notice.exists 'a notice under the name of another file' restarted_shows notice.exists
rm "$outbox/$name"
must sqlite3 "$scene/service/recovery.db" "UPDATE notice SET body = '[]'"
rule notice.content 'a notice that holds no object' restarted_shows notice.content
must sqlite3 "$scene/service/recovery.db" "UPDATE notice SET body = '{}'"
must again true
must rehearsal_notice
no_incoming() {
    mv "$scene/service/incoming" "$scene/incoming"
    ctl roster add "$incident" "$scene/no-ds.csv"
    mv "$scene/incoming" "$scene/service/incoming"
}
rule store.upload 'no folder for what comes in' no_incoming
incident=$main

# --- connections ---

crowd() { # one stays, and one comes: either is one too many
    curl -sSv --unix-socket "$socket" -H 'Content-Type: text/csv' -T - "http://localhost/v1/incidents/$incident/roster" \
        <"$scene/pipe" >"$scene/held" 2>&1 &
    held=$!
    exec 9>"$scene/pipe"
    stage_wait $held grep -q '^\* Connected' "$scene/held"
    get /v1/status
    exec 9>&-
    wait $held
    cat "$scene/held"
}
must mkfifo "$scene/pipe"
must scene_set Service MaxClientsPerUser=1
must again true
rule request.crowded 'one connection too many' crowd
must service_stop
sed -i '/^MaxClientsPerUser=/d' "$scene/recovery.conf"

# --- the database once more ---

exported() { # exported RULE: what becomes of an export
    : >"$scene/service.log"
    ctl commands export "$batch" --out "$bad.d"
    logged "$1"
}
must changed "UPDATE slice SET rows = x'000003E7'"
rule row.none 'a signature for a row that the list does not have' exported row.none
must changed "UPDATE slice SET rows = x'00000000'"
strange() {
    changed "UPDATE outcome SET state = 'enchanted'"
    figures
    tail -n 3 "$scene/service.log"
}
rule store.state 'a state that this program does not know' strange
must changed "UPDATE outcome SET state = 'success'"
t 'the service ends in order' service_stop
plan
