#!/bin/sh
# SPDX-License-Identifier: MIT
# Every key of the configuration stands in recovery.conf(5) and in the example, and neither names
# one that does not exist; the service understands the examples; each file of a room has its line
# in the room's README; what pages, advice and examples name is there: documents.sh BUILD SOURCE. TAP.
set -u
recoveryd=$1/daemon/smki-recoveryd
cd "$2" || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# "Section Key" lines: of the program's table, of the manual page, of the example.
sed -n 's/^ *[A-Z0-9]*("\([A-Za-z]*\)", "\([A-Za-z]*\)",.*/\1 \2/p' lib/base/config.c | sort -u >"$dir/program"
awk '/^# \[/ { section = substr($2, 2); sub(/\]$/, "", section); section = substr(section, 1, 1) tolower(substr(section, 2)) }
    section && /^\*[A-Z]/ { gsub(/[*=,]/, ""); for (i = 1; i <= NF; i++) print section, $i }' \
    packaging/man/recovery.conf.5.scd | sort -u >"$dir/manual"
awk '/^#?\[[A-Z]/ { section = $1; gsub(/[][#]/, "", section) }
    /^#?[A-Z][A-Za-z]*=/ { sub(/^#/, ""); sub(/=.*/, ""); print section, $0 }' \
    conf/recovery.conf | sort -u >"$dir/example"

echo '1..15'
n=0
quietly() { # quietly N NAME FILE: nothing in it
    if [ -s "$3" ]; then
        echo "not ok $1 - $2"
        sed 's/^/# /' "$3"
    else
        echo "ok $1 - $2"
    fi
}
for document in manual example; do
    n=$((n + 1))
    if diff "$dir/program" "$dir/$document" >"$dir/diff"; then
        echo "ok $n - the $document names every key and no other"
    else
        echo "not ok $n - the $document names every key and no other"
        sed 's/^/# /' "$dir/diff"
    fi
done

# The example by itself, and with each drop-in.
for dropin in none network-hsm softhsm-rehearsal; do
    n=$((n + 1))
    rm -rf "$dir/recovery.conf.d"
    mkdir "$dir/recovery.conf.d"
    cp conf/recovery.conf "$dir"
    [ $dropin = none ] || cp "conf/examples/$dropin.conf" "$dir/recovery.conf.d"
    if "$recoveryd" --config "$dir/recovery.conf" --dump-config >"$dir/dump" 2>&1; then
        echo "ok $n - the example with drop-in $dropin is understood"
    else
        echo "not ok $n - the example with drop-in $dropin is understood"
        sed 's/^/# /' "$dir/dump"
    fi
done

# The rooms: "folder name" lines, of the disk and of the README in each; NAME.c and NAME.h are one.
for file in lib/*/* pkcs11/* daemon/* daemon/ctl/*; do
    case $file in
        */meson.build | */README.md | daemon/ctl) ;;
        *) echo "${file%/*}/ $(basename "${file%.*}")" ;;
    esac
done | sort -u >"$dir/rooms"
awk '/^#/ && match($0, /`[a-z0-9\/]+\/`/) { room = substr($0, RSTART + 1, RLENGTH - 2) }
    /^\| `[A-Za-z0-9_]+` \| [^|]+ \|$/ { gsub(/`/, ""); print room, $2 }' \
    lib/README.md pkcs11/README.md daemon/README.md | sort >"$dir/lines"
if [ -s "$dir/rooms" ] && diff "$dir/rooms" "$dir/lines" >"$dir/diff"; then
    echo 'ok 6 - each file of a room has a line in its README, and each line a file'
else
    echo 'not ok 6 - each file of a room has a line in its README, and each line a file'
    sed 's/^/# /' "$dir/diff"
fi

# What the front page and the guides to the rooms call by its path is there (a * stands for more).
grep -ohE '\b(lib|pkcs11|daemon|conf|packaging|test)/[A-Za-z0-9_./*-]*[A-Za-z0-9_*]' \
    README.md lib/README.md pkcs11/README.md daemon/README.md | sort -u >"$dir/paths"
while read -r path; do
    # shellcheck disable=SC2086 # a pattern
    ls -d $path >"$dir/found" 2>&1 || echo "$path"
done <"$dir/paths" >"$dir/missing"
if [ -s "$dir/paths" ] && ! [ -s "$dir/missing" ]; then
    echo 'ok 7 - every path that README names is there'
else
    echo 'not ok 7 - every path that README names is there'
    sed 's/^/# /' "$dir/missing"
fi

# --- nothing leads nowhere ---

recoveryctl=$1/daemon/smki-recoveryctl
"$recoveryctl" --list-verbs >"$dir/verbs"
"$recoveryctl" --json policy list >"$dir/rules.json"
grep -o '"id":"[^"]*"' "$dir/rules.json" | cut -d '"' -f 4 | sort >"$dir/rules"
pages='packaging/man/*.scd README.md daemon/API.md packaging/smki-recovery.catalog conf/recovery.conf'
# What is said of commands: "file<TAB>words after smki-recoveryctl". An advice names a verb in back-ticks alone.
{
    # shellcheck disable=SC2086 # patterns
    grep -HoE 'smki-recoveryctl [^ `|*;#)][^`|*;#)]*' $pages | sed 's/:smki-recoveryctl */\t/'
    grep -o '"advice":"[^"]*"' "$dir/rules.json" | awk -F '`' '{ for (i = 2; i <= NF; i += 2) print $i }' |
        grep -vE '^(openssl|journalctl|ss|systemctl|smki-recoveryd) ' | sed 's/^smki-recoveryctl //; s/^/advice\t/'
    "$recoveryctl" help | sed -n 's/^  \([a-z][a-z -]*\) .*/\1/p' | while read -r verb second _; do
        "$recoveryctl" help "$verb" "$second" 2>"$dir/log" || "$recoveryctl" help "$verb"
    done | sed -n 's/^  smki-recoveryctl /example\t/p'
} >"$dir/said"
awk -F '\t' 'NR == FNR { verb[$1] = " " $2 " "; n++; next }
    {
        split($2, w, /[ \t]+/)
        for (i in w) sub(/[.,:]+$/, "", w[i])
        for (i = 1; w[i] ~ /^(--|\[)/ || w[i - 1] ~ /^--(socket|key)$/; i++) continue
        if (w[i] !~ /^[a-z][a-z-]*$/) next
        if (w[i] == "help") next
        name = w[i]
        if ((name " " w[i + 1]) in verb) name = name " " w[++i]
        if (!(name in verb)) { print $1 ": no verb \"" w[i] " " w[i + 1] "\""; next }
        for (i++; i in w; i++) {
            option = w[i]
            sub(/^[\[_]*/, "", option); sub(/[=\]._,].*$/, "", option)
            if (option ~ /^--[a-z]/ && index(verb[name] " --json --quiet --yes --dry-run --no-pager --help --socket --key --version ", " " option " ") == 0)
                print $1 ": " name " has no option " option
        }
        seen++
    }
    END { if (n < 40 || seen < 60) print "read " n " verbs and " seen + 0 " commands: too few" }' \
    "$dir/verbs" "$dir/said" >"$dir/wrong"
quietly 8 'every verb and option that a page, an advice or an example names is there' "$dir/wrong"

# Each verb has its place in the page, and an example of its own.
cut -f 1 "$dir/verbs" | while IFS= read -r verb; do
    grep -qE "^\*$verb\*|, \*$verb\*" packaging/man/smki-recoveryctl.1.scd || echo "$verb is not in smki-recoveryctl(1)"
    # shellcheck disable=SC2086 # two words
    "$recoveryctl" help $verb | grep -qE "^  smki-recoveryctl ([a-z-]+ )*$verb( |$)" || echo "$verb has no example"
done >"$dir/wrong"
quietly 9 'every verb is in the page and has an example' "$dir/wrong"

# A page of its own, or a name of another one's.
# shellcheck disable=SC2086 # patterns
grep -ohE '(smki-[a-z-]+|recovery\.conf)\*?\([1-8]\)' $pages packaging/systemd/* daemon/ctl/*.c | tr -d '*' | sort -u |
    sed 's/(\([1-8]\))/.\1/' | while IFS= read -r page; do
    { [ -f "packaging/man/$page.scd" ] || grep -qE "^smki-[a-z, -]* ${page%.?}[, ].* - " packaging/man/*.scd; } &&
        grep -q "'$page'" packaging/meson.build || echo "no page $page"
done >"$dir/wrong"
quietly 10 'every page that is named is there and installed' "$dir/wrong"

# The page of documents names every member of the schema, and no other.
sed -n '/^# EVERY DOCUMENT/,/^# WHAT IT DOES/p' packaging/man/smki-recovery-decision.5.scd | grep -E '^\*' |
    grep -oE '\*[a-z_0-9]+\*' | tr -d '*' | sort >"$dir/page"
sed -n '/"properties"/,/"\$defs"\|"allOf"/p' conf/authority.schema.json | grep -oE '^    "[a-z_0-9]+"' | tr -d '" ' | sort >"$dir/members"
{ diff "$dir/members" "$dir/page"; [ -s "$dir/members" ] || echo 'no members were read'; } >"$dir/wrong"
quietly 11 'smki-recovery-decision(5) has every member of the schema' "$dir/wrong"

# Each field that an entry of the journal's catalogue names is filled wherever its event is logged. The alarms' ids come from
# a table; their one call has the incident.
awk -v calls="$(grep -ohE 'log_event\(' daemon/*.c pkcs11/*.c | wc -l)" 'FILENAME ~ /catalog$/ {
        if ($1 == "--") id = $2
        while (match($0, /@[A-Z_]+@/)) { need[id] = need[id] " " substr($0, RSTART + 1, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH) }
        next
    }
    FILENAME ~ /log_id\.h$/ { if ($1 == "#define" && $3 != "") { gsub(/"/, "", $3); named[$2] = $3 } next }
    /log_event\(/ { open = 1; call = "" }
    open { call = call $0 }
    open && /;$/ {
        open = 0
        fields = ""
        if (call ~ /\.incident =/) fields = fields " INCIDENT_ID "
        if (call ~ /\.decision =/) fields = fields " DECISION_ID "
        if (call ~ /\.batch =/) fields = fields " BATCH_ID "
        if (call ~ /\.signer =/) fields = fields " SIGNER "
        if (call ~ /\.peer =/) fields = fields " PEER_UID PEER_PID "
        if (call ~ /\.err =/) fields = fields " ERR_CODE RULE_ID "
        while (match(call, /MSG_[A-Z_]+/)) {
            name = substr(call, RSTART, RLENGTH); call = substr(call, RSTART + RLENGTH)
            if (!(name in named)) continue
            seen++
            n = split(need[named[name]], field, " ")
            for (i = 1; i <= n; i++)
                if (index(fields, " " field[i] " ") == 0) print FILENAME ": " name " is logged without " field[i]
        }
    }
    END { if (seen < 40) print "only " seen + 0 " events were read, of " calls " calls" }' \
    packaging/smki-recovery.catalog daemon/log_id.h daemon/*.c pkcs11/*.c >"$dir/wrong"
quietly 12 'every field that the catalogue names is filled where its event is logged' "$dir/wrong"

# --- what is installed ---

if ! DESTDIR=$dir/tree meson install -C "${recoveryd%/daemon/*}" --no-rebuild --quiet >"$dir/log" 2>&1; then
    sed 's/^/# /' "$dir/log"
    echo 'Bail out! meson install failed'
    exit 1
fi
texts="$pages packaging/systemd/* lib/base/rules.c daemon/ctl/*.c"
# A program, page, unit, folder or library of ours; else it is a user or a group.
# shellcheck disable=SC2086 # patterns
{
    grep -ohE 'smki-[a-z]+(-[a-z]+)*(@?[.](service|socket|timer|catalog|prom))?' $texts | grep -v '[.]prom$' | sort -u
    echo smki-recovery
} | while IFS= read -r name; do
    case $name in
        *.*) find "$dir/tree" -name "$name" ;;
        *) find "$dir/tree" -name "$name" -o -name "$name.*" -o -name "$name@.*" -o -name "_$name" ;;
    esac | grep -q . || grep -qE "^[ugm] (.* )?$name( |$)" packaging/systemd/smki-recovery.sysusers || echo "nothing installed is called $name"
done >"$dir/wrong"
[ "$(find "$dir/tree" -type f | wc -l)" -gt 40 ] || echo 'hardly anything is installed' >>"$dir/wrong"
quietly 13 'whatever of ours a text names is installed: programs, pages, units, people' "$dir/wrong"

# Files in place: under the prefix of this build as under the packages'. What an administrator makes is not ours to install.
# shellcheck disable=SC2086 # patterns
grep -ohE '(^|[^A-Za-z0-9_.$/}~-])/usr/(lib|libexec|share|bin)/[A-Za-z0-9_./@-]*[A-Za-z0-9_]' $texts | sed 's/^[^\/]*//' | sort -u |
    grep smki | grep -vE '/usr/lib/smki-recovery/recovery\.conf' | while IFS= read -r file; do
    find "$dir/tree" -path "*${file#/usr}" | grep -q . || echo "$file is not installed"
done >"$dir/wrong"
quietly 14 'every file of ours that a text names by its path is installed' "$dir/wrong"

# Rules, in whatever is read: an area and a word behind it, but for files that are called so.
# shellcheck disable=SC2086 # patterns
sed 's/\\n/ /g; s/\\//g' $texts | grep -ohE '(^|[^A-Za-z0-9/.-])('"$(cut -d . -f 1 "$dir/rules" | sort -u | paste -s -d '|')"')\.[a-z][a-z0-9-]*' |
    grep -oE '[a-z].*' | grep -vE '\.(conf|json|jsonl|csv|cms|pem|crl|sh|bin|hex|db|tar|sock|service|socket|der|key|d|c|h)$' | sort -u |
    comm -23 - "$dir/rules" | sed 's/^/no rule /' >"$dir/wrong"
quietly 15 'every rule that an advice, a help text or a page names is there' "$dir/wrong"
