#!/bin/sh
# SPDX-License-Identifier: MIT
# Every rule that `policy list` names is fired by a case. Here: what no other flow fires, asked
# of the real service and of the programs beside it. At the end the list is held against all flows,
# the attacks, and rules.table, which says for each rule that is left why no flow fires it and which
# unit test does. rules.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "${0%/*}/scene.sh"
# shellcheck source=test/integration/rules_kit.sh
. "${0%/*}/rules_kit.sh"

recoveryd=$tools/daemon/smki-recoveryd corpus=$top/test/fuzz/corpus

# --- configuration ---

config() { # config RULE WHAT LINE...: the service refuses to start with it
    config_rule=$1 config_what=$2
    shift 2
    printf '%s\n' "$@" >"$bad.conf"
    rule "$config_rule" "$config_what" "$recoveryd" --config "$bad.conf" --dump-config
}
trust="[Trust]
Root=/r
Issuing=/i
Custodians=none"
config config.line 'a line that is none' nonsense
config config.section 'a section that is none' '[Nonsense]'
config config.value 'a number that is none' '[Service]' MaxClients=many
config config.service 'signers in two ways' "$trust" '[Service]' SignerProgram=/a SignerSocket=/b
config config.trust 'no root' '[Trust]' Custodians=none
config config.token 'a token without module' "$trust" '[Token "a"]' Label=x
config config.authority 'one alone decides' "$trust" '[Authority "a"]' Threshold=1 Members=2
config config.recipient 'a recipient that is none' "$trust" '[Recipient "scc"]' Name=x
config config.role 'a role that is none' "$trust" '[Role "owner"]' Users=0
rule config.file 'no such file' "$recoveryd" --config "$scene/none.conf" --dump-config
printf '%s\n' "$trust" >"$bad.conf"
chmod 666 "$bad.conf"
rule config.owner 'a file that everybody may write' "$recoveryd" --config "$bad.conf"

# --- the policy, by facts ---

must stage_make 4
cat >>"$scene/recovery.conf" <<END
[Authority "supplier"]
Anchor=$scene/pki/org-anchor.pem
Threshold=1
Members=2
Organisation=$stage_supplier
END
must service_start
cases=$top/test/unit/policy_cases.json
jq -r '[.cases[] | select(.allow | not).rule] | unique[]' "$cases" >"$scene/judged"
while read -r id; do
    jq --arg r "$id" '. as $all | [.cases[] | select(.rule == $r and (.allow | not))][0]
        | {now: $all.now} + $all.bases[.base] + (.with // {})' "$cases" >"$scene/facts.json"
    rule "$id" 'facts that it forbids' post /v1/policy/test "@$scene/facts.json"
done <"$scene/judged"
rule policy.facts 'facts that are none' post /v1/policy/test '{"colour":"red"}'

# --- incidents ---

open() { # open OPTION...: a further one; sets $other
    other=$(ctl --json incident open --exercise --initiator "$@" | jq -r .id) && [ -n "$other" ]
}
rule incident.member 'a route that is taken by decision' post /v1/incidents \
    '{"title":"x","route":"method-3","initiator":"subscriber","exercise":true,"notice":"n"}'
must open subscriber --subscriber "$stage_supplier" --notice n 'Two'
rule incident.no-roster 'a list that is not there' get "/v1/incidents/$other/roster"
rule incident.no-certificates 'certificates that are not there' get "/v1/incidents/$other/certificates"
must ctl incident event "$other" confirm --evidence e --facts notifier_authenticated
rule incident.speaks-for 'somebody else brings the file' ctl incident event "$other" receive-file --as dcc --evidence f
rule file.none 'the signature of no file' curl -sS --unix-socket "$socket" -X POST -H 'Content-Type: application/cms' \
    --data-binary x "http://localhost/v1/incidents/$other/files/$(printf %064d 1)"

# --- a party's file ---

old=$(openssl x509 -in "$pki/supplier-ds-old.pem" -noout -serial | sed 's/.*=//')
{
    printf 'format,smki-recovery/file/1\nkind,organisation-notification\nfile,%s-F1\nincident,%s\n' "$other" "$other"
    printf 'subscriber,%s\ncertificate,Z1,%s,%s,supplier-ds\n' "$stage_supplier" "$old" "$stage_supplier"
    printf 'certainty,suspected\nfound,%s\nmethod,1\nsuspend,no\nanticipated,ESME,2\nanticipated,GSME,2\n' "$(rehearsal_at yesterday)"
    printf 'signer,supplier Ltd,aro,Officer One\n\ndevice,type,cells,old,new\n'
    awk -F, -v old="$old" 'NR > 1 { print $1 "," $2 ",supplier-ds," old "," }' "$roster"
} >"$scene/file.csv"
party() { # party SED-PROGRAM: the file, spoilt and then signed
    sed "$1" "$scene/file.csv" >"$bad.csv" && openssl cms -sign -binary -md sha256 -in "$bad.csv" \
        -signer "$pki/org-1.pem" -inkey "$pki/org-1.key" -outform DER -out "$bad.p7s" &&
        ctl file add "$other" "$bad.csv" "$bad.p7s"
}
rule file.format 'another format' party '1s/.*/format,smki-recovery\/file\/9/'
rule file.header 'a field that is none' party '5s/subscriber/creditor/'
rule file.incident 'for another incident' party '4s/,.*/,I-else/'
rule file.row 'a row of four columns' party '$s/,$//'
rule file.device 'a device that is none' party '$s/^..../00GB/'
rule file.type 'a type that is none' party '$s/,[EG]SME,/,IHD,/'
rule file.cells 'a cell that is none' party '$s/,supplier-ds,/,supplier-xx,/'
rule file.certificate 'a certificate that is not listed' party '$s/,[0-9A-F]*,$/,0123456789ABCDEF,/'
rule file.order 'a device twice' party '$p'
cms_garbage() {
    cp "$scene/file.csv" "$bad.csv" && echo x >"$bad.p7s" && ctl file add "$other" "$bad.csv" "$bad.p7s"
}
rule file.cms 'a signature that is none' cms_garbage
no_room() {
    mv "$scene/service/incoming" "$scene/service/gone"
    post "/v1/incidents/$main/progress" '{"file":"F","organisation":"O","role":"aro","officer":"P"}'
    mv "$scene/service/gone" "$scene/service/incoming"
}

must open dcc --route shared-event --notice n 'A shared event'
shared=$other
must ctl incident event "$shared" confirm --evidence e --facts notifier_authenticated
must ctl incident event "$shared" open-children --evidence c
rule incident.pma-informed 'closing what nobody told the PMA of' ctl incident event "$shared" close

# --- decisions ---

must scene_referred
must scene_decide '.attempts = 3'
cp "$scene/decision.json" "$scene/good.json"
sign() { # sign FILTER: $bad.cms
    jq "$1" "$scene/good.json" >"$bad.json" && rehearsal_sign "$bad.json" "$bad.cms" pma-1 pma-2 pma-3
}
{
    cat "$scene/good.json"
    head -c 300000 /dev/zero | tr '\0' ' '
} >"$bad.json"
must rehearsal_sign "$bad.json" "$bad.cms" pma-1 pma-2 pma-3
rule decision.too-large 'a document of 300000 octets' ctl decision submit "$incident" "$bad.cms"
main=$incident
deferred() { # twice
    jq --arg at "$(rehearsal_at '+1 month')" '.outcome = "defer-revocation" | .id = "F-1" | .end_condition = "until then" | .review = $at
        | del(.key, .key_certificate, .method, .mode, .replacements, .device_types, .roster, .attempts)' "$scene/good.json" >"$bad.json" &&
        rehearsal_sign "$bad.json" "$bad.cms" pma-1 pma-2 pma-3 && ctl decision submit "$incident" "$bad.cms"
    ctl decision submit "$incident" "$bad.cms"
}
rule decision.again 'the same document twice' deferred
must ctl incident event "$incident" end-deferral --evidence e
must rehearsal_notice
bare=$incident incident=$main
sed 's/^00DB1234/00DB1235/' "$roster" >"$bad.csv"
must ctl roster add "$bare" "$bad.csv"
must sign ".incident = \"$bare\" | .roster.sha256 = \"$(sha256sum <"$bad.csv" | cut -d ' ' -f 1)\""
rule decision.certificates 'an incident without certificates' ctl decision submit "$bare" "$bad.cms"
must ctl certificates add "$bare" "$pki/bundle.pem"
changed() {
    changed_list=$scene/service/rosters/$(sha256sum <"$bad.csv" | cut -d ' ' -f 1)
    changed_list=$(ls "$changed_list"*) && cp "$changed_list" "$scene/kept" && sed -i 's/commissioned/suspended/' "$changed_list" &&
        ctl decision submit "$bare" "$bad.cms"
    cp "$scene/kept" "$changed_list"
}
sed 's/^00DB1234/00DB1235/' "$roster" >"$bad.csv"
must sign ".incident = \"$bare\" | .roster.sha256 = \"$(sha256sum <"$bad.csv" | cut -d ' ' -f 1)\""
rule roster.digest 'a list that was changed on disk' changed
must scene_activate

# --- signing ---

must scene_batch all
must eventually batch_is 'done'
must commands_out "$scene/out"
rule file.write 'a progress file and no folder to write it in' no_room

# --- answers ---

answers() { # answers TEXT
    printf '%s\n' "$1" >"$bad.hex" && ctl responses add "$incident" "$bad.hex"
    get "/v1/incidents/$incident/figures"
}
mark() { # mark LINE
    printf '%s\n' "$1" >"$bad.marks" && ctl devices mark "$incident" "$bad.marks"
}
rule response.hex 'a line that is no hexadecimal' answers 'not hexadecimal'
rule response.mark 'a mark that is none' mark '00DB123400000000,broken,so'
rule response.unknown-device 'a mark of another device' mark '00DB12340000FFFF,unknown,so'
rule response.kind 'a command for an answer' answers "$(find "$scene/out" -name '*.bin' | sort | head -n 1 | xargs xxd -p | tr -d '\n')"
must "$tools/test/meter/smki-meter" run --state "$scene/meters" --commands "$scene/out" --responses "$scene/answers.hex" \
    --log "$scene/log.jsonl" --json
elsewhere() { # as an answer to another party
    sed 's/90B3D51F30010001/90B3D51F30010002/;s/90b3d51f30010001/90b3d51f30010002/' "$scene/answers.hex" >"$bad.hex"
    ctl responses add "$incident" "$bad.hex"
    get "/v1/incidents/$incident/figures"
}
rule response.mismatched 'answers to another party' elsewhere

# --- after the last signature ---

must rehearsal_event deactivate-key --evidence k
must mark '00DB123400000000,unknown,so'
must rehearsal_event call-custodians --evidence c
again() { # again ID: the custodians' word once more
    rehearsal_activation "$scene/good.json" | jq --arg id "$1" '.id = $id' >"$bad.act" &&
        rehearsal_sign "$bad.act" "$bad.cms" custodian-1 custodian-2 && stage_patient ctl decision submit "$incident" "$bad.cms"
}
must again A-2
batch_of() { # batch_of WHICH
    post /v1/batches "{\"incident\":\"$incident\",\"decision\":\"$decision\",\"rows\":\"$1\"}"
}
rule incident.rows-unknown 'a batch while the fate of a device is unknown' batch_of all
excuse() { # excuse FROM
    awk -F, -v from="$1" 'NR > from { print $1 ",excused,so" }' "$roster" >"$bad.marks" && ctl devices mark "$incident" "$bad.marks"
}
must excuse 1
rule batch.empty 'those that are not done, and all are excused' batch_of unfinished
asked_after_all() { # they are to be signed all the same
    sed 's/,excused,/,unreachable,/' "$bad.marks" >"$bad.back" && ctl devices mark "$incident" "$bad.back"
}
must asked_after_all
must service_stop
must scene_set Service TwoPersonSec=86400
must service_start
waiting() {
    stage_patient batch_asked && batch=$(jq -r .id "$scene/answer")
}
batch_asked() {
    batch_of all >"$scene/answer" && cat "$scene/answer" && jq -e .id "$scene/answer"
}
must eventually waiting
rule export.not-begun 'commands of a batch that waits' get "/v1/batches/$batch/commands"
rule incident.batch-running 'switching off while a batch waits' rehearsal_event deactivate-key --evidence k
refused_now() {
    jq '.outcome = "refuse" | .id = "D-2" | .supersedes = $d
        | del(.key, .key_certificate, .method, .mode, .replacements, .device_types, .roster, .attempts)' \
        --arg d "$decision" "$scene/good.json" >"$bad.json" &&
        rehearsal_sign "$bad.json" "$bad.cms" pma-1 pma-2 pma-3 && ctl decision submit "$incident" "$bad.cms"
}
must refused_now
must sign '.id = "D-3" | .supersedes = "D-2"'
rule incident.key-active 'another decision while the key is on' ctl decision submit "$incident" "$bad.cms"
must rehearsal_event deactivate-key --evidence k
must excuse 1
rule incident.nothing-done 'done, and no device was' rehearsal_event executed --evidence 'all excused'
must service_stop
sed '/^Threshold=3/d' "$scene/recovery.conf" >"$scene/kept.conf" && cp "$scene/recovery.conf" "$scene/whole.conf" && mv "$scene/kept.conf" "$scene/recovery.conf"
must service_start
rule decision.no-quorum-configured 'an authority without threshold' ctl decision submit "$incident" "$bad.cms"
must service_stop
cp "$scene/whole.conf" "$scene/recovery.conf"
must scene_set Service Exercise=no
must service_start
must sign '.id = "D-4" | .supersedes = "D-2" | .exercise = false'
rule incident.exercise-decision 'a live decision about an exercise' ctl decision submit "$incident" "$bad.cms"

# --- the audit trail ---

must ctl --quiet audit export --out "$scene/audit.jsonl"
sed '3s/"at":"2/"at":"1/' "$scene/audit.jsonl" >"$bad.jsonl"
rule audit.chain 'a record that was changed' ctl audit verify "$bad.jsonl"
twice() { # a chain made by hand, in which the last record tells once more what was signed
    grep '"kind":"BATCH_SIGNED"' "$scene/audit.jsonl" | head -n 1 | cat "$scene/audit.jsonl" - >"$bad.jsonl"
    scene_rehash "$bad.jsonl" "$(wc -l <"$bad.jsonl")"
    ctl audit verify "$bad.jsonl"
}
rule audit.counter-twice 'counters that stand in two records' twice
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl pkey -pubout >"$bad.pem"
rule verify.key 'an audit key that is none of P-256' ctl audit verify --audit-key "$bad.pem" "$scene/audit.jsonl"

# --- the operator's side ---

no_disk() {
    ctl_once audit export >/dev/full
}
rule client.file 'a disk that is full' no_disk

# A service that lies, on a socket of its own: what is asked for commands gets the lie.
cat >"$scene/liar" <<END
#!/bin/sh
read -r method path rest
while IFS= read -r line && [ \${#line} -gt 1 ]; do :; done
case \$path in
*/commands*) cat "$bad.lie" ;;
*) printf 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"signed":1}' ;;
esac
END
chmod +x "$scene/liar"
systemd-socket-activate --listen="$scene/liar.sock" --accept --inetd "$scene/liar" >"$scene/liar.log" 2>&1 &
liar=$!
scene_undo=liar_end
liar_end() {
    kill $liar
}
liar_answers() {
    curl -sS --unix-socket "$scene/liar.sock" http://localhost/v1/batches/1
}
must stage_wait $liar liar_answers
lie() { # lie STATUS LENGTH: with that body, from standard input; and asked for
    {
        printf 'HTTP/1.1 %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' "$1" "$2"
        cat
    } >"$bad.lie"
    rm -rf "$bad.out"
    "$tools/daemon/smki-recoveryctl" --socket "$scene/liar.sock" commands export 1 --out "$bad.out"
}
cut_off() {
    echo x | lie '200 OK' 4096
}
rule client.cut 'an answer that breaks off' cut_off
unheard() {
    echo no | lie '418 No' 3
}
rule client.refused 'a refusal that names no rule' unheard
old_service() { # it knows no dry run, and does what is asked for
    "$tools/daemon/smki-recoveryctl" --socket "$scene/liar.sock" --dry-run batch pause 1
}
rule client.dry-run 'a service that knows no dry run' old_service
too_long() {
    head -c 68000000 /dev/zero | lie '503 No' 68000000
}
rule client.answer 'an answer without end' too_long
no_archive() {
    head -c 1024 /dev/zero | tr '\0' x | lie '200 OK' 1024
}
rule export.archive 'an archive that is none' no_archive
strange_name() {
    echo x >"$scene/profile" && tar --format=ustar --owner=0 --group=0 -C "$scene" -cf "$bad.tar" profile &&
        lie '200 OK' "$(wc -c <"$bad.tar")" <"$bad.tar"
}
rule export.name 'a command by the name of profile' strange_name

# --- messages ---

octet() { # octet FILE OFFSET HEX: with that octet, read
    { head -c "$2" "$1" && printf '%s' "$3" | xxd -r -p && tail -c "+$(($2 + 2))" "$1"; } >"$bad.bin"
    ctl message decode "$bad.bin"
}
update=$corpus/command/update-8
rule message.other-info 'other information that is too short' octet "$update" 30 0A
rule message.counter 'a counter that is too large' octet "$update" 10 FF
rule message.mode 'another mode than the code says' octet "$update" 32 09
rule message.length 'a length that is too large' octet "$update" 33 83
rule message.payload 'a payload that is none' octet "$update" 36 31
rule message.envelope 'a signature of another length' octet "$update" $(($(wc -c <"$update") - 65)) 41
from_json() { # from_json FILTER [OPTION...]: of that message
    from_filter=$1
    shift
    ctl --json message decode "$update" | jq "$from_filter" >"$bad.json" && ctl message encode "$@" --hex "$bad.json"
}
rule message.json 'no message' from_json '.kind = "order"'
rule message.mac 'a form with a MAC and none' from_json '.form = "signed-mac"'
rule message.not-der 'a length that is longer than need be' from_json '.encoding = {content_length_octets: 5}'
rule message.value 'a length in too few octets' from_json '.encoding = {content_length_octets: 1}'
update=$corpus/command/update-7-empty
payload=$(tail -c +35 "$update" | head -c 30 | xxd -p | tr -d '\n')
rule message.raw 'octets that say more than is readable' from_json ".encoding = {payload_hex: \"$(echo "$payload" | sed 's/840100/840101/')\"}"
crowd() { # a query about 33 roles
    {
        head -c 33 "$corpus/command/query-signed"
        { echo 70306e3007020105030207803063 && seq 33 | sed 's/.*/020101/'; } | xxd -r -p
        tail -c 65 "$corpus/command/query-signed"
    } >"$bad.bin"
    ctl message decode "$bad.bin"
}
rule message.too-many 'more roles than there are' crowd

# --- the state on disk ---

rule store.locked 'a second service' "$recoveryd" --config "$scene/recovery.conf"
must service_stop
lost_start() {
    scene_set Service "Socket=$scene/none/operator.sock"
    "$recoveryd" --config "$scene/recovery.conf"
    scene_set Service "Socket=$socket"
}
rule request.socket 'a socket in no folder' lost_start
printf '\377' | dd of="$(find "$scene/service" -name '*.db' -o -name '*.sqlite' | head -n 1)" bs=1 seek=62 conv=notrunc 2>/dev/null
rule store.version 'a database from tomorrow' "$recoveryd" --config "$scene/recovery.conf"

# --- the token ---

generate() {
    ceremony generate --config "$scene/recovery.conf" --all --out "$scene/public2.pem"
}
rule token.key-exists 'a key that is there' generate
rule token.module 'a module that is not there' with Module=/none.so -- generate
rule token.pin-source 'no PIN' with "PinFile=$scene/none" -- generate
echo >"$scene/empty-pin"
chmod 600 "$scene/empty-pin"
rule token.pin-form 'an empty PIN' with "PinFile=$scene/empty-pin" -- generate
nowhere() {
    ceremony generate --config "$scene/recovery.conf" --all --out "$scene/none/public.pem"
}
rule token.state 'no folder for what it writes' nowhere

# --- the whole ---

rules=$scene/rules
"$tools/daemon/smki-recoveryctl" --json policy list | jq -r '.. | .id? // empty' | sort -u >"$rules"
# An id in a flow is what a refusal of it must name; comments apart.
flows="$(find "$top/test/integration" "$top/test/scenarios" "$top/test/crash" -name '*.sh' ! -name rules.sh) $top/test/integration/mistakes.table"
# shellcheck disable=SC2086 # a list of files
sed 's/^ *#.*//' $flows | grep -oE '[a-z]+(-[a-z]+)*[.][a-z0-9]+(-[a-z0-9]+)*' | sort -u >"$scene/flows"
"$tools/test/attack/attack" --list | sed 's/.* //' | sort -u >"$scene/attacks"
sed '/^#/d;/^$/d' "$top/test/integration/rules.table" | cut -f 1 | sort >"$scene/excused"
sort -u "$scene/fired" "$scene/flows" "$scene/attacks" >"$scene/covered"
listed() {
    [ "$(wc -l <"$rules")" -gt 200 ]
}
t 'the list is read' listed
nothing_left() { # nothing_left FILE: no line of it
    cat "$1"
    [ ! -s "$1" ]
}
comm -23 "$rules" "$scene/covered" | comm -23 - "$scene/excused" >"$scene/left"
t 'a case fires every rule, or rules.table says why none can' nothing_left "$scene/left"
comm -12 "$scene/covered" "$scene/excused" >"$scene/needless"
t 'rules.table excuses nothing that a flow fires' nothing_left "$scene/needless"
comm -13 "$rules" "$scene/excused" >"$scene/unknown"
t 'rules.table excuses rules only' nothing_left "$scene/unknown"
# A guard of an incident goes by its word in the code.
word_of() {
    word=$(sed -n "s/.*\[\(GUARD_[A-Z_]*\)\] = {[a-z_]*, \"$1\"}.*/\1/p" "$top/lib/incident/incident.c")
    echo "${word:-\"$1\"}"
}
sed '/^#/d;/^$/d' "$top/test/integration/rules.table" | while IFS='	' read -r id test why; do
    [ -n "$why" ] && grep -qF "$(word_of "$id")" "$top/test/unit/test_$test.c" || echo "$id: test_$test.c does not fire it, or no reason"
done >"$scene/unproved"
t 'and names a unit test for each' nothing_left "$scene/unproved"
plan
