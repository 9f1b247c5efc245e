#!/bin/sh
# SPDX-License-Identifier: MIT
# What the service must not do, asked of it over its socket: refusals.sh BUILD SOURCE. TAP.
# Each refusal has its HTTP status and rule id, says what is wrong and where, leaves one record
# REFUSED in the audit trail and changes nothing else.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
pki=$scene/pki
bad=$scene/bad

must stage_make 8
must scene_set Service TwoPersonSec=86400
must scene_set Service MaxRosterBytes=20000
must scene_set 'Role "operator"' "Users=$(id -u) 3002"
must scene_set 'Role "viewer"' Users=3001
must scene_set 'Role "approver"' Users=3003
must scene_set 'Role "auditor"' "Users=$(id -u) 3004"
stage_login ben 'Operator Two' 3002 >>"$scene/recovery.conf.d/people.conf"
must service_start LC_ALL=C.UTF-8
must scene_referred
must scene_decide '.roster.count = 9' # more than there are: what it allows at most
cp "$scene/decision.json" "$scene/good.json"

# --- how a refusal is looked at ---

# All that a request might change, the audit trail apart; sets $audit, its length.
snapshot() {
    curl -sS --unix-socket "$socket" "http://localhost/v1/incidents/$incident" \
        "http://localhost/v1/batches" "http://localhost/v1/incidents/$incident/certificates" \
        "http://localhost/v1/status" >"$scene/all" &&
        audit=$(sed -n 's/.*"audit_records":\([0-9]*\).*/\1/p' "$scene/all") && [ -n "$audit" ] &&
        {
            sed -e 's/"refusals":\[.*\],"more":{[^}]*}/"more":{}/' -e 's/{"service":.*"counters":\(\[[^]]*\]\).*/\1/' "$scene/all"
            ls "$scene/service/rosters" "$scene/service/incoming" "$scene/service/outbox"
        } >"$1"
}
# One new record, and it is this refusal.
recorded() { # recorded RULE UID
    get "/v1/audit?from=$((audit + 1))" >"$scene/records"
    same "$(wc -l <"$scene/records")" 1 && grep -F '"kind":"REFUSED"' "$scene/records" &&
        grep -F "\"actor\":\"uid $2 login " "$scene/records" && grep -F "\"rule\":\"$1\"" "$scene/records"
}
unchanged() {
    snapshot "$scene/after" && diff "$scene/before" "$scene/after"
}
# The body of the answer names the rule, says what is wrong, and what to do.
problem_is() { # problem_is RULE TEXT
    tr -d \\\\ <"$scene/answer" >"$scene/problem"
    cat "$scene/problem"
    grep -qF "\"id\":\"$1\"" "$scene/problem" && grep -qF -- "$2" "$scene/problem" &&
        grep -q '"title":"[^"].*"source":"[^"].*"advice":"[^"]' "$scene/problem"
}
# call STATUS RULE TEXT PATH [CURL-ARGUMENT...]
call() {
    call_status=$1 call_rule=$2 call_text=$3 call_path=$4
    shift 4
    snapshot "$scene/before" && curl -sS --unix-socket "$socket" -o "$scene/answer" \
        -w '%{http_code}' --path-as-is "$@" "http://localhost$call_path" >"$scene/status" &&
        same "$(cat "$scene/status")" "$call_status" && problem_is "$call_rule" "$call_text"
}
# What would have changed something: one record, no change.
refused() {
    call "$@" && recorded "$2" "$(id -u)" && unchanged
}
# What only asks: no record.
answered() {
    call "$@" && [ -z "$(get "/v1/audit?from=$((audit + 1))")" ] && unchanged
}
json() { # json NAME STATUS RULE TEXT PATH BODY [CURL-ARGUMENT...]
    json_name=$1 json_status=$2 json_rule=$3 json_text=$4 json_path=$5
    printf '%s' "$6" >"$bad"
    shift 6
    t "$json_name" refused "$json_status" "$json_rule" "$json_text" "$json_path" \
        -X POST -H 'Content-Type: application/json' --data-binary "@$bad" "$@"
}
# The same by the operator's own command: exit status, rule and text on standard error.
told() { # told EXIT RULE TEXT CTL-ARGUMENT...
    told_exit=$1 told_rule=$2 told_text=$3
    shift 3
    snapshot "$scene/before" || return 1
    ctl "$@" >"$scene/out" 2>"$scene/err"
    same $? "$told_exit" && grep -Fx "  rule    $told_rule" "$scene/err" &&
        grep -F -- "$told_text" "$scene/err" && recorded "$told_rule" "$(id -u)" && unchanged
}

# --- requests ---

here_is=/v1/incidents/$incident
open='{"title":"x","initiator":"subscriber","exercise":true,"notice":"n"'
json 'not JSON' 400 request.json 'line 1' /v1/incidents 'title=x'
json 'JSON that is no object' 400 request.json 'not a JSON object' /v1/incidents '[1]'
json 'JSON cut short' 400 request.json 'line 1' /v1/incidents "$open"
json 'something behind the JSON' 400 request.json 'line 1' /v1/incidents "$open} {}"
json 'unknown member' 400 request.member 'titel: unknown member' /v1/incidents "$open,\"titel\":1}"
json 'duplicate member' 400 request.json 'duplicate' /v1/incidents "$open,\"title\":\"y\"}"
json 'member of the wrong type' 400 request.member 'exercise: not true or false' /v1/incidents \
    '{"title":"x","initiator":"subscriber","exercise":"yes","notice":"n"}'
json 'member missing' 400 request.member 'notice: missing' /v1/incidents \
    '{"title":"x","initiator":"subscriber","exercise":true}'
json 'control character in a text' 400 request.member 'title: holds a control' /v1/incidents \
    '{"title":"x\u0007","initiator":"subscriber","exercise":true,"notice":"n"}'
json 'NUL in a text' 400 request.json 'line 1' /v1/incidents "$open,\"id\":\"a\\u0000b\"}"
json 'title too long' 400 request.member 'title: not a text of' /v1/incidents \
    "$(printf '{"title":"%0300d","initiator":"subscriber","exercise":true,"notice":"n"}' 1)"
json 'subscriber is no EUI-64' 400 request.member 'member subscriber' /v1/incidents \
    "$open,\"subscriber\":\"90B3\"}"
json 'unknown route' 400 request.member 'member route' /v1/incidents "$open,\"route\":\"m9\"}"
json 'incident of a known id' 400 incident.id-taken "$incident" /v1/incidents \
    "$open,\"subscriber\":\"$stage_supplier\",\"id\":\"$incident\"}"
json 'incident of a name that looks like a known one' 400 incident.id-taken "looks like incident $incident" /v1/incidents \
    "$open,\"id\":\"$(echo "$incident" | tr 'I0-' 'lo_')\"}"
json 'incident of letters that nobody can tell apart' 400 incident.id 'no name of an incident' /v1/incidents \
    "$open,\"id\":\"I-2026\u20110007\"}"
json 'parent that is no name' 400 request.member 'parent' /v1/incidents "$open,\"parent\":\"a/b\"}"
json 'unknown event' 400 request.member '"sign" is no event' "$here_is/events" '{"event":"sign"}'
json 'event out of turn' 403 incident.no-transition 'close' "$here_is/events" '{"event":"close"}'
json 'the PMA does not speak by an operator' 403 incident.by-document 'signed document' \
    "$here_is/events" '{"event":"authorise-method-3","as_role":"pma","evidence":"telephone"}'
json 'event of an unknown incident' 404 incident.none 'I-none' /v1/incidents/I-none/events '{"event":"close"}'
printf '%s' "$open}" >"$bad"
t 'not application/json' refused 415 request.type 'text/plain' /v1/incidents -X POST \
    -H 'Content-Type: text/plain' --data-binary "@$bad"
json 'Idempotency-Key with a space' 400 request.key 'printable' /v1/incidents "$open}" -H 'Idempotency-Key: a b'
json 'Idempotency-Key too long' 400 request.head 'Idempotency-Key' /v1/incidents "$open}" \
    -H "Idempotency-Key: $(printf %065d 1)"
json 'a login that is played where nobody plays' 403 request.exercise-login 'nobody plays logins here' /v1/incidents "$open}" \
    -H 'Exercise-Login: 65534'
json 'unknown path' 404 request.path 'no /v1/nothing' /v1/nothing '{}'
json 'path with an escape' 400 request.target 'character other' /v1/incidents%2f1 '{}'
json 'path that climbs' 400 request.target '".."' /v1/incidents/../batches '{}'
json 'batch that is no number' 400 request.target 'no batch number' /v1/batches/first/pause ''
json 'unknown batch' 404 request.no-batch '99' /v1/batches/99/pause ''
json 'body where none is due' 413 request.too-large 'takes no body' /v1/batches/1/pause '{}'
json 'counter mark of a name that is none' 400 request.target 'no EUI-64' /v1/counters/R1/raise \
    '{"to":5,"lost":5,"ceremony":"c"}'
json 'counter mark of an originator that has no key here' 400 request.target 'no key here' \
    /v1/counters/90B3D51F30010009/raise '{"to":5,"lost":5,"ceremony":"c"}'
head -c 300000 /dev/zero | tr '\0' ' ' >"$scene/large"
t 'JSON too large' refused 413 request.too-large '262144 octets' /v1/incidents \
    -X POST -H 'Content-Type: application/json' --data-binary "@$scene/large"
t 'JSON too large, no length said' refused 413 request.too-large '262144 octets' /v1/incidents -X POST \
    -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary "@$scene/large"
t 'wrong method' refused 405 request.method 'cannot be asked' "$here_is" -X DELETE
t 'method without meaning there' refused 405 request.method 'cannot be asked' "$here_is" -X PUT --data-binary x
allowed() {
    curl -sS --unix-socket "$socket" -X PUT -D - -o /dev/null "http://localhost/v1/batches" |
        grep -q '^Allow: GET, POST'
}
t '405 says which methods there are' allowed
t 'reading what is not there' answered 404 incident.none 'I-none' /v1/incidents/I-none
t 'reading an unknown path' answered 404 request.path 'no /v2' /v2
t 'a page of more than there may be' answered 400 request.query 'limit=1001' '/v1/incidents?limit=1001'
t 'a page behind what is not there' answered 400 request.query 'I-none' '/v1/incidents?from=I-none'
t 'a page behind what is no number' answered 400 request.query 'from=x' '/v1/batches?from=x'
t 'a list that no story has' answered 404 request.path 'no list "secrets"' "$here_is/story/secrets"
pages() { # one entry at a time is the same list
    get "$here_is" | jq -c '.events[]' >"$scene/whole" && from='' && : >"$scene/pages" &&
        while :; do
            get "$here_is/story/events?limit=1${from:+&from=$from}" >"$scene/page" &&
                same "$(jq '.events | length' "$scene/page")" 1 &&
                jq -c '.events[]' "$scene/page" >>"$scene/pages" && from=$(jq -r .next "$scene/page") || return 1
            [ -n "$from" ] || break
        done && [ "$(wc -l <"$scene/whole")" -gt 1 ] && diff "$scene/whole" "$scene/pages"
}
t 'page by page there is neither more nor less' pages
t 'parameter out of range' answered 400 request.query 'from=0' '/v1/audit?from=0'
t 'by command: unknown incident' told 4 incident.none 'I-none' incident event I-none close
t 'by command: event out of turn' told 1 incident.no-transition 'close' incident event "$incident" close

# --- rosters ---

put_roster() { # put_roster STATUS RULE TEXT: of $bad
    refused "$1" "$2" "$3" "$here_is/roster" -X PUT -H 'Content-Type: text/csv' --data-binary "@$bad"
}
# row NAME RULE TEXT SED-SCRIPT: the roster, spoilt
row() {
    sed "$4" "$roster" >"$bad"
    t "$1" put_roster 400 "$2" "$3"
}
row 'row of too few fields' roster.row 'roster, line 3: 3 fields' '3s/,[^,]*,[^,]*$//'
row 'row of too many fields' roster.row 'roster, line 3: more fields than the 5' '3s/$/,x/'
row 'empty line' roster.device 'line 4, field device' '4s/.*//'
row 'row of another separator' roster.device 'line 5, field device' '5s/,/;/g'
row 'EUI-64 of 15 digits' roster.device 'line 2, field device: "00DB12340000000"' '2s/^\(.\{15\}\)./\1/'
row 'EUI-64 with a letter beyond F' roster.device 'line 2, field device' '2s/^..../00GB/'
row 'IHD' roster.type2 'line 4, field type: "IHD"' '4s/,[A-Z]*,/,IHD,/'
row 'CAD' roster.type2 'line 4, field type: "CAD"' '4s/,[A-Z]*,/,CAD,/'
row 'unknown device type' roster.type 'line 4, field type: "ESMX"' '4s/,[A-Z]*,/,ESMX,/'
row 'unknown status' roster.status 'line 9, field status: "broken"' '9s/,commissioned,/,broken,/'
row 'a device stands twice' roster.duplicate 'line 6' '6s/^.\{16\}/00DB123400000001/'
row 'unknown column' roster.header 'line 1: column "keys" is unknown' '1s/,ds$/,keys/'
row 'column named twice' roster.header 'line 1: column "ka" is named twice' '1s/,ds$/,ka/'
row 'no column of the status' roster.header 'mandatory' 's/^\([^,]*,[^,]*\),.*/\1/'
row 'header only' roster.empty 'names no device' '2,$ d'
row 'device key that is no point' roster.key 'line 2, field ka' '2s/,0[23]/,04/'
column() { # column NAME RULE TEXT COLUMN VALUE: with such a column
    row "$1" "$2" "$3" "1s/.*/device,type,status,$4/;2,\$s/^\(.*,.*,commissioned\),.*/\1,$5/"
}
column 'payment that is none' roster.payment 'line 2, field payment: "cash"' payment cash
column 'region that is none' roster.region 'line 2, field region: "no rth"' region 'no rth'
column 'key identifier that is none' roster.old 'line 2, field old: "0123"' old 0123
column 'cell that is none' roster.cells 'line 2, field cells: "supplier-xx"' cells supplier-xx
column 'cell twice' roster.cells 'line 2, field cells: "supplier-ds" stands twice' \
    cells supplier-ds+supplier-ds
column 'cell that the type does not hold' roster.cell-not-held \
    'line 2, field cells: a ESME holds no cell wan-ds' cells wan-ds
row 'line too long' roster.row 'line 3: longer than 1024' "3s/\$/$(printf %01100d 1)/"
: >"$bad"
t 'empty roster' put_roster 400 roster.empty 'is empty'
head -c -1 "$roster" >"$bad"
t 'last line without its newline' put_roster 400 roster.row 'line 9: the last line does not end in a newline'
t 'by command: the same' told 3 roster.row 'line 9: the last line' roster add "$incident" "$bad"
{ cat "$roster" && head -c 20000 /dev/zero; } >"$bad"
t 'roster too large' put_roster 413 request.too-large '20000 octets'
cp "$roster" "$bad"
t 'roster of an unknown incident' refused 404 incident.none 'I-none' /v1/incidents/I-none/roster \
    -X PUT --data-binary "@$bad"
other=$(ctl --json incident open --exercise --initiator subscriber --subscriber "$stage_supplier" \
    --notice 'a second notice' 'Another' | jq -r .id)
sed 's/,ESME,/,GSME,/' "$roster" >"$bad"
t 'devices of another open incident' refused 403 incident.device-elsewhere "open incident $incident" \
    "/v1/incidents/$other/roster" -X PUT --data-binary "@$bad"

# --- certificates ---

bundle() { # bundle STATUS RULE TEXT: of $bad
    refused "$1" "$2" "$3" "$here_is/certificates" -X PUT --data-binary "@$bad"
}
openssl pkey -in "$pki/supplier-ds-old.key" -pubout -out "$scene/old.pub"
echo 'no certificate at all' >"$bad"
t 'garbage instead of PEM' bundle 400 cert.none 'certificates'
sed '/^MII/s/A/B/g' "$pki/supplier-ds-new.pem" >"$bad"
t 'PEM around garbage' bundle 400 cert.der 'certificates'
sed '5d' "$pki/supplier-ds-new.pem" >"$bad"
t 'PEM with a line missing' bundle 400 cert.der 'certificates'
cat "$pki"/supplier-*.pem "$pki"/network-*.pem "$pki"/acb-*.pem "$pki"/tcos-*.pem "$pki"/wan-*.pem >"$bad"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do
    stage_pki issue --dir "$pki" --out "$scene/one.pem" --pubkey "$scene/old.pub" --role 02 \
        --eui "$stage_supplier" --usage ds --cn "One $i" >/dev/null
    cat "$scene/one.pem" >>"$bad"
done
t 'too many certificates' bundle 400 cert.too-many '32'
cp "$pki/pma-1.pem" "$bad"
t 'certificate of another profile' bundle 400 cert.profile 'certificates'
head -c 1100000 /dev/zero >"$bad"
t 'bundle too large' bundle 413 request.too-large '1048576 octets'
cp "$pki/bundle.pem" "$bad"
t 'by command: certificates of an unknown incident' told 4 incident.none 'I-none' certificates add I-none "$bad"

# --- decisions ---

sign() { # sign OUT DOCUMENT NAME...: all in one step
    sign_out=$1 sign_in=$2
    shift 2
    for sign_name; do
        set -- "$@" -signer "$pki/$sign_name.pem" -inkey "$pki/$sign_name.key"
        shift
    done
    openssl cms -sign -binary -nodetach -md sha256 -in "$sign_in" -outform DER -out "$sign_out" "$@"
}
submit() { # submit STATUS RULE TEXT: of $bad
    refused "$1" "$2" "$3" "$here_is/decisions" -X POST --data-binary "@$bad"
}
# document NAME STATUS RULE TEXT FILTER [SIGNER...]: the good one, changed and then signed
document() {
    document_name=$1 document_status=$2 document_rule=$3 document_text=$4
    jq "$5" "$scene/good.json" >"$scene/bad.json"
    shift 5
    [ $# -gt 0 ] || set -- pma-1 pma-2 pma-3
    sign "$bad" "$scene/bad.json" "$@"
    t "$document_name" submit "$document_status" "$document_rule" "$document_text"
}
at() { # at OFFSET: that long from now
    date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ
}
document 'two of three signatures' 403 decision.quorum '2 of' . pma-1 pma-2
document 'nobody of the required seat' 403 decision.seats 'chair' . pma-2 pma-3 pma-4
stage_pki person --dir "$pki" --anchor custodian-anchor --out "$pki/stranger.pem" \
    --key "$pki/stranger.key" --cn 'Member Six' --seat chair --organisation 'Elsewhere' >/dev/null
document 'signed by a stranger' 403 decision.quorum '2 of' . pma-1 pma-2 stranger
# Answer, record and story name each signer with one word of what became of the signature.
verdicts() { # verdicts WORD...: of the last refusal, in the order of their names
    verdicts_are=$(jq -r '.signers | sort_by(.holder)[].verdict' "$scene/answer" | paste -sd ' ')
    same "$verdicts_are" "$*" &&
        same "$(jq -r '.data.signers | sort_by(.holder)[].verdict' "$scene/records" | paste -sd ' ')" "$*" &&
        same "$(field "/v1/incidents/$incident/story/refusals?limit=1000" \
            '.refusals[-1].signers | sort_by(.holder)[].verdict' | paste -sd ' ')" "$*"
}
t 'and each signer is named with what became of it' verdicts counted wrong-role counted
document 'signed by a member who was absent' 403 decision.absent '"Member Three": is not among the members present' \
    '.meeting.members |= map(select(.holder != "Member Three")) | .meeting.votes.for = 4'
t 'and is told as such' verdicts counted absent counted
document 'signed by a member who voted against it' 403 decision.votes '"Member Three": voted against' \
    '.meeting.votes = {for: 4, against: 1, abstain: 0} | (.meeting.members[] | select(.holder == "Member Three")).vote = "against"'
t 'and is told as such' verdicts counted voted-against counted
document 'signed by strangers only' 403 decision.quorum '0 of' . custodian-1 custodian-2 custodian-3
stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/late.pem" --key "$pki/late.key" \
    --cn 'Member Late' --seat specialist --organisation Late \
    --not-before 2019-01-01T00:00:00Z --not-after 2020-01-01T00:00:00Z >/dev/null
document 'signed by a member of the past' 403 decision.quorum '2 of' . pma-1 pma-2 late
cp "$pki/pma-2.key" "$pki/again.key"
stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/again.pem" --key "$pki/again.key" \
    --cn 'Member Nine' --seat specialist --organisation 'Nine' --reuse >/dev/null
document 'one key under two names' 403 decision.quorum '2 of' . pma-1 pma-2 again
told_of_signers() {
    ctl decision submit "$incident" "$bad" 2>"$scene/err"
    same $? 1 && grep -Ex '  (signers|       ) Member Nine: unknown, certificate: CN is not the Name= of the .Person. with this key' "$scene/err"
}
t 'and the command names who does not count' told_of_signers
sign "$scene/two.cms" "$scene/good.json" pma-1 pma-2
openssl cms -resign -binary -nodetach -nocerts -md sha256 -inform DER -in "$scene/two.cms" -outform DER \
    -out "$bad" -signer "$pki/pma-2.pem" -inkey "$pki/pma-2.key"
t 'one member twice' submit 403 decision.quorum '2 of'
LC_ALL=C sed 's/Supplier Ltd/Supplier Ltb/' "$scene/decision.cms" >"$bad"
t 'altered by one octet' submit 403 decision.quorum '0 of'
last=$(tail -c 1 "$scene/decision.cms" | od -An -tu1)
{
    head -c -1 "$scene/decision.cms"
    # shellcheck disable=SC2059 # the format is the octet
    printf "\\$(printf %o $((last ^ 1)))"
} >"$bad"
t 'a signature altered by one octet' submit 403 decision.quorum '2 of'
document 'expired' 403 decision.window 'closed' \
    ".valid_from = \"$(at '-2 hours')\" | .valid_to = \"$(at '-1 hour')\""
document 'not yet valid' 403 decision.window 'not yet' \
    ".valid_from = \"$(at '+1 hour')\" | .valid_to = \"$(at '+2 hours')\""
document 'voted down' 403 decision.votes '2 voted for and 3 against' '.meeting.votes = {for: 2, against: 3, abstain: 0}'
document 'valid for too long' 403 decision.window-length '604800' ".valid_to = \"$(at '+9 days')\""
document 'for another incident' 403 decision.other-incident "$other" ".incident = \"$other\""
document 'for another roster' 403 decision.roster 'roster' '.roster.sha256 |= sub("^..."; "000")'
document 'for fewer devices than the roster has' 403 decision.count '8 devices' '.roster.count = 7'
document 'for another certificate of the key' 403 key.certificate 'certificate' \
    '.key_certificate |= sub("^..."; "000")'
document 'for a key that is not here' 403 key.unusable 'key' '.key = "other"'
document 'live, in an exercise' 403 decision.exercise 'member exercise' '.exercise = false'
document 'replacement that nobody has given' 403 replacement.missing 'supplier-ds' \
    '.replacements[0].certificate |= sub("^..."; "000")'
document 'compromised certificate that nobody has given' 403 compromised.missing 'supplier-ds' \
    '.compromised[0].certificate |= sub("^..."; "000")'
document 'certificates that it does not name' 403 cert.unnamed 'supplier-pp' \
    'del(.compromised[2], .replacements[2])'
document 'mode of another method' 403 method.mode 'mode' '.mode = "supplierBySupplier"'
document 'mode of the contingency key' 403 method.mode 'mode' '.mode = "anyByContingency"'
document 'contingency asked for by a subscriber' 403 request.initiator 'contingency' \
    '.mode = "anyByContingency" | .method = "contingency"
    | .symmetric_key_sha256 = .key_certificate'
document 'by an authority that is not here' 403 decision.addressee 'ofgem' '.by = "ofgem"'
document 'by custodians' 403 key.authority 'another authority' '.by = "custodians"
    | .meeting.members += [{holder: "Custodian One", seat: "custodian", alternate: false},
        {holder: "Custodian Two", seat: "custodian", alternate: false}]' custodian-1 custodian-2
document 'unknown member' 400 decision.schema 'hurry' '.hurry = true'
document 'member missing' 400 decision.schema 'reasons' 'del(.reasons)'
document 'member of the wrong type' 400 decision.schema 'attempts' '.attempts = "1"'
document 'device type that is none' 400 decision.schema 'device_types' '.device_types = ["METER"]'
document 'IHDs' 403 device.type2 'Type 2' '.device_types += ["IHD"]'
sed '2s/^/  "method": "M2",/' "$scene/good.json" >"$scene/bad.json"
sign "$bad" "$scene/bad.json" pma-1 pma-2 pma-3
t 'duplicate member in it' submit 400 decision.schema 'duplicate'
cp "$scene/good.json" "$bad"
t 'not signed' submit 400 decision.cms 'CMS'
{ cat "$scene/decision.cms" && echo; } >"$bad"
t 'something behind it' submit 400 decision.trailing 'follow'
openssl cms -sign -binary -md sha256 -in "$scene/good.json" -outform DER -out "$bad" \
    -signer "$pki/pma-1.pem" -inkey "$pki/pma-1.key"
t 'detached' submit 400 decision.detached 'nodetach'
head -c 1100000 /dev/zero >"$bad"
t 'document too large' submit 413 request.too-large '1048576 octets'
sign "$bad" "$scene/good.json" pma-1 pma-2
t 'by command: two of three signatures' told 1 decision.quorum '2 of' decision submit "$incident" "$bad"

# --- replacements ---

# placed NAME RULE TEXT CERTIFICATE: it in the place of the supplier's new one, named and signed for
placed() {
    cat "$4" "$pki/supplier-ka-new.pem" "$pki/supplier-pp-new.pem" "$pki"/supplier-??-old.pem >"$scene/bundle.pem"
    must ctl --quiet certificates add "$incident" "$scene/bundle.pem"
    document "$1" 403 "$2" "$3" ".replacements[0].certificate = \"$(rehearsal_digest "$4")\""
}
stray() { # stray NAME RULE ARGUMENT...
    stray_name=$1 stray_rule=$2
    shift 2
    stage_pki issue --dir "$pki" --out "$pki/stray.pem" --cn Stray "$@" >/dev/null
    placed "$stray_name" "$stray_rule" 'supplier-ds' "$pki/stray.pem"
}
key="--key $pki/stray.key"
# shellcheck disable=SC2086 # two words
{
    stray 'certificate of another party' replacement.party $key --role 02 --eui 90B3D51F30029999 --usage ds
    stray 'certificate of another usage' replacement.usage $key --role 02 --eui "$stage_supplier" --usage ka
    stray 'certificate of another role' replacement.role $key --role 03 --eui "$stage_supplier" --usage ds
    stray 'expired certificate' replacement.date $key --role 02 --eui "$stage_supplier" --usage ds \
        --not-before 2019-01-01T00:00:00Z --not-after 2020-01-01T00:00:00Z
    stray 'certificate that is not valid yet' replacement.date $key --role 02 --eui "$stage_supplier" \
        --usage ds --not-before 2090-01-01T00:00:00Z --not-after 2099-01-01T00:00:00Z
}
stray 'compromised key, certified again' replacement.key --pubkey "$scene/old.pub" --role 02 \
    --eui "$stage_supplier" --usage ds
stage_pki init --dir "$scene/elsewhere" >/dev/null
stage_pki issue --dir "$scene/elsewhere" --out "$pki/stray.pem" --key "$pki/stray.key" --role 02 \
    --eui "$stage_supplier" --usage ds --cn Stray >/dev/null
placed 'certificate of another PKI' replacement.chain 'supplier-ds' "$pki/stray.pem"
placed 'the compromised certificate itself' replacement.key 'supplier-ds' "$pki/supplier-ds-old.pem"
must ctl --quiet certificates add "$incident" "$pki/bundle.pem"

# --- once it is decided ---

json 'batch before the decision' 404 decision.none 'D-1' /v1/batches "{\"incident\":\"$incident\",\"decision\":\"D-1\"}"
decision=$(jq -r .id "$scene/good.json")
start="{\"incident\":\"$incident\",\"decision\":\"$decision\"}"
must ctl decision submit "$incident" "$scene/decision.cms"
cp "$scene/decision.cms" "$bad"
t 'the same decision again' submit 403 incident.no-transition 'AUTHORISED'
json 'batch before the custodians' 403 incident.may-not-sign 'AUTHORISED' /v1/batches "$start"
must rehearsal_event call-custodians --evidence 'three called'
rehearsal_activation "$scene/good.json" >"$scene/activation.json"
cp "$scene/activation.json" "$scene/good.json"
document 'one custodian' 403 decision.quorum '1 of' . custodian-1
document 'members instead of custodians' 403 decision.quorum '0 of' . pma-1 pma-2
document 'activation for another decision' 403 decision.other-decision 'decision' \
    '.decision |= sub("^..."; "000")' custodian-1 custodian-2
document 'activation of another key' 403 decision.key 'other' '.key = "other"' custodian-1 custodian-2
json 'batch before the activation' 403 incident.may-not-sign 'CUSTODIANS_CALLED' /v1/batches "$start"
must eventually signers_ready
must sign "$scene/activation.cms" "$scene/activation.json" custodian-1 custodian-2
must ctl decision submit "$incident" "$scene/activation.cms"
json 'batch of an unknown decision' 404 decision.none 'D-none' /v1/batches \
    "{\"incident\":\"$incident\",\"decision\":\"D-none\"}"
json 'batch under the activation' 403 decision.revoked 'activation' /v1/batches \
    "{\"incident\":\"$incident\",\"decision\":\"activation-$decision\"}"
json 'batch of unknown rows' 400 request.member 'rows' /v1/batches "${start%\}},\"rows\":\"some\"}"

# --- the same request twice; the second person ---

ask() { # ask [CURL-ARGUMENT...]: a batch; the answer in $scene/answer, its status on standard output
    curl -sS --unix-socket "$socket" -o "$scene/answer" -w '%{http_code}' -X POST \
        -H 'Content-Type: application/json' --data-binary "$start" "$@" http://localhost/v1/batches
}
batches() {
    get /v1/batches | grep -o '"id":' | wc -l
}
first_asked() {
    same "$(ask -H 'Idempotency-Key: k-1')" 202 && cp "$scene/answer" "$scene/first" &&
        batch=$(jq -r .id "$scene/first") && batch_is waiting &&
        same "$(jq -r .rows "$scene/first")" 8
}
t 'a batch waits for the second person; it has the rows of the roster' first_asked
again() {
    snapshot "$scene/before" && same "$(ask -H 'Idempotency-Key: k-1')" 202 && cmp "$scene/first" "$scene/answer" &&
        same "$(batches)" 1 && unchanged && [ -z "$(get "/v1/audit?from=$((audit + 1))")" ]
}
t 'the same request under the same key: the same answer, no second batch' again
printf '%s' "${start%\}},\"rows\":\"unfinished\"}" >"$bad"
t 'the same key with another body' refused 409 request.key-reused 'k-1' /v1/batches -X POST \
    -H 'Content-Type: application/json' -H 'Idempotency-Key: k-1' --data-binary "@$bad"
t 'the same key with another request' refused 409 request.key-reused 'k-1' "/v1/batches/$batch/pause" -X POST \
    -H 'Idempotency-Key: k-1'
json 'a second batch' 503 batch.one-at-a-time 'not ended' /v1/batches "$start"
t 'by command: the same' told 5 batch.one-at-a-time 'not ended' --yes batch start "$incident" "$decision"
t 'the same person confirms' refused 403 batch.second-person 'another operator' "/v1/batches/$batch/confirm" -X POST
t 'going on with what only waits' refused 403 batch.state 'waiting' "/v1/batches/$batch/resume" -X POST

can_be_others() {
    [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && chmod 711 "$scene" &&
        as 3001 "$tools/daemon/smki-recoveryctl" --version
}
as() { # as UID COMMAND...: of this group, so that the socket lets it in
    as_uid=$1
    shift
    setpriv --reuid "$as_uid" --regid "$(id -g)" --clear-groups --no-new-privs -- "$@"
}
ctl_as() { # ctl_as UID CTL-ARGUMENT...
    ctl_as=$1
    shift
    as "$ctl_as" "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}

# --- who may do what: viewer, operator, approver, auditor, nobody ---

mkdir "$scene/public"
chmod 755 "$scene/public"
echo none >"$scene/public/file"
chmod 644 "$scene/public/file"
file=$scene/public/file
# Every verb, and who may: each change names what is not there, so that none is made.
table="\
voap status
voap metrics
voap figures I-none
voap devices I-none
a audit export
voap incident list
voap incident show I-none
o incident open --initiator subscriber --subscriber 90B3 --notice n Title
o incident event I-none close
voap roster get I-none
o roster add I-none $file
voap certificates get I-none
o certificates add I-none $file
o responses add I-none $file
op decision submit I-none $file
voap decision show I-none D-none
voap decision draft I-none
voap batch list
voap batch show 99
o --yes batch start I-none D-none
o batch pause 99
o batch resume 99
o POST /v1/batches/99/confirm
oa commands export 99 --tar -
o --yes counter raise R1 5 --ceremony c
o --yes counter confirm R1"
forbidden=0
verb() { # verb WHO CTL-ARGUMENT...
    verb_who=$1
    shift
    for verb_role in v:3001 o:3002 p:3003 a:3004 n:3005; do
        if [ "$1" = POST ]; then # where the command would ask something else first
            as "${verb_role#*:}" curl -sS --unix-socket "$socket" -X POST "http://localhost$2" |
                sed 's/.*"id":"\([^"]*\)".*/  rule    \1/' >"$scene/err"
            verb_exit=1
        else
            ctl_as "${verb_role#*:}" --quiet "$@" >"$scene/out" 2>"$scene/err" </dev/null
            verb_exit=$?
        fi
        case $verb_who in
        *"${verb_role%:*}"*)
            if [ "$verb_exit" -eq 6 ] || grep -qx '  rule    request.role' "$scene/err"; then
                echo "$verb_role may not"
                cat "$scene/err"
                return 1
            fi
            ;;
        *)
            forbidden=$((forbidden + 1))
            if [ "$verb_exit" -ne 1 ] || ! grep -qx '  rule    request.role' "$scene/err"; then
                echo "$verb_role may: exit $verb_exit"
                return 1
            fi
            ;;
        esac
    done
}
others=no
if can_be_others >/dev/null 2>&1; then
    others=yes
    must snapshot "$scene/before"
    from=$audit
    said=$(grep -c ' -- request\.role$' "$scene/service.log")
    while read -r who args; do
        # shellcheck disable=SC2086 # words
        t "may: $who: ${args%%"$scene"*}" verb $who $args
    done <<END
$table
END
    nothing_done() {
        snapshot "$scene/after" && diff "$scene/before" "$scene/after" &&
            same "$(get "/v1/audit?from=$((from + 1))" | grep -c '"rule":"request.role"')" "$forbidden"
    }
    t 'each attempt without the role is on record, nothing else has changed' nothing_done
    t 'and in the log' same "$(($(grep -c ' -- request\.role$' "$scene/service.log") - said))" "$forbidden"
    octets() {
        find "$scene/service" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }'
    }
    stranger() { # one that does not stop asking: few records, and a sum of the rest
        grown=$(octets) && records=$(field /v1/status .audit_records) &&
            as 3005 curl -sS -o "$scene/public/answers" --unix-socket "$socket" "http://localhost/v1/status?n=[1-3000]" &&
            grown=$(($(octets) - grown)) records=$(($(field /v1/status .audit_records) - records)) &&
            echo "$grown octets, $records records" && [ $grown -lt 1000000 ] && [ $records -lt 1500 ]
    }
    chmod 777 "$scene/public"
    t 'three thousand requests of nobody cost next to nothing' stranger
    t 'another operator confirms' ctl_as 3002 --yes batch confirm "$batch"
else
    skip 'who may do what' 'needs root and setpriv'
    must service_stop
    must scene_set Service TwoPersonSec=0
    must service_start LC_ALL=C.UTF-8
    must ctl batch pause "$batch"
    must ctl batch resume "$batch"
fi
t 'the batch is signed' eventually batch_is 'done'
eight() {
    commands_out "$scene/commands" && commands_are "$scene/commands" 8 && meters_accept "$scene/commands"
}
t 'eight commands that the meters accept' eight
counts() {
    same "$(field "/v1/batches/$batch" '[.commands_used, .commands_allowed, .commands_lost] | join(" ")')" '8 8 0' &&
        same "$(ctl --json incident show "$incident" | jq -c ".batches[] | select(.id == $batch) | .commands_used")" 8 &&
        ctl incident show "$incident" | grep 'under the decision 8 of 8 commands used' &&
        ctl batch show "$batch" | grep -E 'commands.used:? +8' && ctl batch list | grep -Ei ' used +allowed +lost'
}
t 'its story tells how many commands were used, of how many' counts
json 'a second command for each device' 403 decision.attempts '8 devices' /v1/batches "$start"
json 'a second command for those without an answer' 403 decision.attempts '8 devices' /v1/batches \
    "${start%\}},\"rows\":\"unfinished\"}"
t 'pausing what is done' refused 403 batch.state 'done' "/v1/batches/$batch/pause" -X POST
raise=/v1/counters/90B3D51F30010001/raise
json 'counter mark lowered' 403 ledger.raise 'only ever raised' $raise '{"to":999,"lost":1,"ceremony":"c"}'
json 'counter mark raised too far' 403 ledger.raise-distance 'at most 4294967296' $raise \
    '{"to":99999999999,"lost":1,"ceremony":"c"}'
json 'counter mark raised, its cost unseen' 403 ledger.raise-cost 'it costs' $raise \
    '{"to":500000,"lost":1,"ceremony":"c"}'
json 'nobody has asked for the mark to be raised' 403 ledger.raise-waits 'nobody has asked' $raise/confirm \
    '{"to":500000,"lost":1}'
t 'nor is there anything to see' answered 404 ledger.raise-waits 'nobody has asked' $raise
get "$raise?to=500000" >"$scene/cost"
wanted="{\"to\":500000,\"lost\":$(jq .lost "$scene/cost")"
asked_for() {
    same "$(curl -sS --unix-socket "$socket" -o "$scene/answer" -w '%{http_code}' \
        -H 'Content-Type: application/json' --data-binary "$wanted,\"ceremony\":\"c\"}" "http://localhost$raise")" 202
}
t 'one operator asks for it' asked_for
json 'the same person agrees' 403 batch.second-person 'Operator One' $raise/confirm "$wanted}"
json 'agreement to another mark' 403 ledger.raise-waits '400000' $raise/confirm '{"to":400000,"lost":1}'
json 'agreement to another cost' 403 ledger.raise-cost 'it costs' $raise/confirm '{"to":500000,"lost":7}'
if [ $others = yes ]; then
    agreed() {
        ctl_as 3002 --yes counter confirm 90B3D51F30010001 >"$scene/out" 2>"$scene/err" && cat "$scene/out" "$scene/err" &&
            grep -q 'asked for by Operator One:' "$scene/err" &&
            same "$(field /v1/status '.counters[0].reserved_up_to')" 500000 &&
            get "/v1/audit?from=$((audit + 1))" | tail -n 1 | grep '"kind":"COUNTER_RAISED"' | grep -F '"actor":"uid 3002 login ' |
            grep -F "\"asked_by\":\"uid $(id -u) login "
    }
    t 'another operator agrees; both are on record, and what it cost' agreed
    t 'once is enough' not ctl_as 3002 --yes counter confirm 90B3D51F30010001
else
    skip 'another operator agrees' 'needs root and setpriv'
fi

# --- files that nobody signs ---

files=$here_is/files
hand_in() { # hand_in FILE: its status
    curl -sS --unix-socket "$socket" -o "$scene/answer" -w '%{http_code}' -X PUT --data-binary "@$1" "http://localhost$files"
}
sixteen() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        echo "unsigned $i" >"$bad" && same "$(hand_in "$bad")" 200 || return 1
    done
    same "$(find "$scene/service/files" -type f | wc -l)" 16
}
t 'sixteen files wait for their signature' sixteen
echo 'unsigned 17' >"$bad"
t 'one more' refused 503 upload.quota 'at most 16' "$files" -X PUT --data-binary "@$bad"
t 'no device list either' refused 503 upload.quota 'at most 16' "$here_is/roster" -X PUT --data-binary "@$bad"
spoken_of() { # a refused signature names one: that one no longer counts, and stays
    one=$(find "$scene/service/files" -type f | head -n 1) && one=$(basename "$one" .csv) && echo none >"$bad" &&
        curl -sS --unix-socket "$socket" -o "$scene/answer" -X POST --data-binary "@$bad" "http://localhost$files/$one" &&
        grep -q '"title"' "$scene/answer" && echo 'unsigned 17' >"$bad" && same "$(hand_in "$bad")" 200
}
t 'what a refusal on record names does not count' spoken_of
head -c 20000 /dev/zero >"$scene/large"
must rm -f "$scene/service/files/"*
gone() {
    get /v1/audit | grep -c '"kind":"UPLOAD_DROPPED"' | grep -qx 17
}
t 'files that an administrator took away wait no more' eventually gone
two_large() {
    same "$(hand_in "$scene/large")" 200 && echo more >>"$scene/large.2" && head -c 19000 /dev/zero >>"$scene/large.2" &&
        same "$(hand_in "$scene/large.2")" 200
}
t 'twice the largest file may wait' two_large
head -c 5000 /dev/zero >"$bad"
t 'no octet more' refused 503 upload.quota 'at most 40000' "$files" -X PUT --data-binary "@$bad"
must service_stop
: >"$scene/service/incoming/upload-left0"
mv "$scene/service/files/$(sha256sum <"$scene/large.2" | cut -d ' ' -f 1).csv" "$scene/kept"
cp "$scene/kept" "$scene/service/rosters/$(sha256sum <"$scene/kept" | cut -d ' ' -f 1).csv"
ls "$scene/service/rosters" >"$scene/rosters"
must service_start LC_ALL=C.UTF-8
t 'what a crash has left half done goes at the start' not ls "$scene/service/incoming/upload-left0"
t 'a list that nobody knows waits for its time' same "$(ls "$scene/service/rosters")" "$(cat "$scene/rosters")"

# --- a yes that comes too late ---

must service_stop
summed() {
    get /v1/audit | jq -se '[.[] | select(.kind == "REFUSED_MORE" and .actor == "uid 3005").data.count] | add >= 1500'
}
must scene_set Service TwoPersonSec=1
must service_start LC_ALL=C.UTF-8
[ $others = no ] || t 'and the rest of those of nobody is a sum' summed
first=$decision
must scene_decide ".roster.count = 8 | .id = \"D-2\" | .supersedes = \"$decision\" | .attempts = 2"
cp "$pki/pma-3.key" "$pki/ends.key"
must stage_pki person --dir "$pki" --anchor pma-anchor --out "$pki/ends.pem" --key "$pki/ends.key" \
    --cn 'Member Three' --seat specialist --organisation 'Specialists Ltd' --reuse --not-after "$(at '+12 hours')"
must rehearsal_sign "$scene/decision.json" "$scene/decision.cms" pma-1 pma-2 ends
must rehearsal_event deactivate-key --evidence 'the custodians left'
must scene_activate
cp "$scene/log" "$scene/told"
chain() {
    same "$(ctl --quiet decision draft "$incident" | jq -c .supersedes_earlier)" "[\"$first\"]"
}
t 'the next draft names what had ended before the last' chain
t 'a signer whose certificate ends inside the window is told of' grep -q \
    'warning: the certificate of "Member Three" ends .* 2 still count and 3 are needed' "$scene/told"
start="{\"incident\":\"$incident\",\"decision\":\"D-2\"}"
late() {
    same "$(ask)" 202 && batch=$(jq -r .id "$scene/answer") && asked=$(date +%s) &&
        eventually past $((asked + 2))
}
past() {
    [ "$(date +%s)" -gt "$1" ]
}
t 'another batch is asked for' late
if [ $others = yes ]; then
    too_late() {
        not ctl_as 3002 --yes batch confirm "$batch" 2>"$scene/err" && grep -x '  rule    batch.confirm-time' "$scene/err"
    }
    t 'another operator confirms too late' too_late
else
    skip 'another operator confirms too late' 'needs root and setpriv'
fi
once_more() {
    old=$batch
    same "$(ask)" 202 && batch=$(jq -r .id "$scene/answer") && [ "$batch" -gt "$old" ] && same "$(jq -r .state "$scene/answer")" waiting &&
        same "$(field "/v1/batches/$old" '.state + ": " + .reason')" 'stopped: not confirmed in time'
}
t 'it can be asked for again; the old one is over' once_more
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
