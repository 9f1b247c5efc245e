# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by day.sh: every line of mistakes.table is tried. Each is refused with its exit status, says
# what is wrong and what to do, and nothing on file has changed after it.

f=$scene/files
i=$incident
pki=$scene/pki
long=$(printf '%0120d' 0)
mkdir -p "$f"
spoilt() { # spoilt NAME SED-SCRIPT: the list of devices
    sed "$2" "$roster" >"$f/$1.csv"
}
# signed OUT DOCUMENT NAME...
signed_by() {
    rehearsal_sign "$@"
}
mistakes_files() {
    : >"$f/empty" &&
        printf '\377\376' >"$f/utf16.csv" && iconv -f UTF-8 -t UTF-16LE "$roster" >>"$f/utf16.csv" &&
        printf '\357\273\277' >"$f/bom.csv" && cat "$roster" >>"$f/bom.csv" &&
        sed 's/$/\r/' "$roster" >"$f/crlf.csv" && tr , ';' <"$roster" >"$f/semicolons.csv" &&
        tr , '\t' <"$roster" >"$f/tabs.csv" &&
        spoilt column '1s/status/statu/' && spoilt type '4s/,[A-Z]*,/,ESM,/' &&
        spoilt status '5s/,commissioned,/,commisioned,/' && spoilt device '2s/^.//' &&
        spoilt twice '6s/^.\{16\}/00DB123400000001/' && spoilt ihd '4s/,[A-Z]*,/,IHD,/' &&
        spoilt cell '1s/.*/device,type,status,cells/;2,$s/^\(.*,.*,commissioned\),.*/\1,suplier-ds/' &&
        cp "$pki/supplier-ds-new.key" "$f/key.pem" && sed '5d' "$pki/supplier-ds-new.pem" >"$f/half.pem" &&
        echo 'device;state;reason' >"$f/mark.csv" &&
        signed_by "$scene/decision.json" "$f/two.cms" pma-1 pma-2 &&
        signed_by "$scene/decision.json" "$f/stranger.cms" pma-1 pma-2 org-1 &&
        jq '.incident = "I-2026-0099"' "$scene/decision.json" >"$f/other.json" &&
        signed_by "$f/other.json" "$f/other.cms" pma-1 pma-2 pma-3 &&
        jq --arg from "$(rehearsal_at '-3 hours')" --arg to "$(rehearsal_at '-1 hour')" \
            '.valid_from = $from | .valid_to = $to' "$scene/decision.json" >"$f/over.json" &&
        signed_by "$f/over.json" "$f/over.cms" pma-1 pma-2 pma-3 &&
        jq '.reasons = null' "$scene/decision.json" >"$f/null.json" &&
        signed_by "$f/null.json" "$f/null.cms" pma-1 pma-2 pma-3 &&
        openssl cms -sign -binary -md sha256 -in "$scene/decision.json" -outform DER -out "$f/detached.cms" \
            -signer "$pki/pma-1.pem" -inkey "$pki/pma-1.key" &&
        # a socket that nobody listens at any more
        perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un($ARGV[0]))' "$f/dead.sock"
}
must mistakes_files
# ... one where too many wait, one that takes the call and says nothing
perl -MSocket -e 'my $at = pack_sockaddr_un($ARGV[0]); socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, $at); listen(S, 0);
    socket(C, AF_UNIX, SOCK_STREAM, 0); connect(C, $at); open(F, ">$ARGV[0].up"); close(F); sleep 3600' "$f/full.sock" &
full=$!
perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un($ARGV[0])); listen(S, 5);
    open(F, ">$ARGV[0].up"); close(F); while (accept(C, S)) { close(C) }' "$f/dumb.sock" &
dumb=$!
scene_undo="kill $full $dumb"
must stage_wait $$ ls "$f/full.sock.up" "$f/dumb.sock.up"

on_file() { # all that a mistake must not change
    curl -sS --unix-socket "$socket" "http://localhost/v1/incidents/$i" http://localhost/v1/incidents \
        http://localhost/v1/batches "http://localhost/v1/incidents/$i/certificates" |
        sed 's/"refusals":\[.*\],"more"/"more"/' | sha256sum
}
mistake() { # mistake EXIT COMMAND PARTS
    eval "ctl_once $2" >"$scene/out" 2>"$scene/err" </dev/null
    same $? "$1" || { cat "$scene/err" "$scene/out"; return 1; }
    cat "$scene/err"
    grep -q '^smki-recoveryctl: ' "$scene/err" && grep -qE '^  (advice|next) ' "$scene/err" || return 1
    printf '%s\n' "$3" | tr '|' '\n' >"$scene/parts"
    while IFS= read -r part; do
        grep -qF -- "$part" "$scene/err" || { echo "does not say: $part"; return 1; }
    done <"$scene/parts"
}
before=$(on_file)
tab=$(printf '\t')
mistakes=0
grep -v '^#' "$here/mistakes.table" >"$scene/table"
while IFS= read -r line <&4; do
    wanted=${line%%"$tab"*} rest=${line#*"$tab"}
    t "mistake: ${rest%%"$tab"*}" mistake "$wanted" "${rest%%"$tab"*}" "${rest#*"$tab"}"
    mistakes=$((mistakes + 1))
done 4<"$scene/table"
many() {
    echo "$mistakes mistakes" && [ "$mistakes" -ge 60 ] && same "$(on_file)" "$before"
}
t 'sixty mistakes and more: nothing on file has changed' many
echo "# $mistakes mistakes"
$scene_undo
scene_undo=:
