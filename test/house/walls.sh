#!/bin/sh
# SPDX-License-Identifier: MIT
# The walls between the rooms: each room sees those below it and no other, so that an include
# against the arrows does not compile; SQL stands in lib/record alone; programs that have no store
# link none: walls.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/house/tap.sh
. "$(dirname "$0")/tap.sh"
build=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Room, a header of it, what it sees besides itself.
cat >"$dir/rooms" <<'ROOMS'
lib/base bytes.h
lib/formats cert.h lib/base
lib/signing desk.h lib/formats lib/base
lib/incident incident.h lib/signing lib/formats lib/base
lib/record store.h lib/incident lib/signing lib/formats lib/base
pkcs11 session.h lib/signing lib/formats lib/base
daemon server.h lib/record lib/incident lib/signing lib/formats lib/base
daemon/ctl ctl.h lib/incident lib/signing lib/formats lib/base
ROOMS

one_line() { tr -s ' \n' '\n' | sort -u | sed '/^$/d' | tr '\n' ' '; }

cd "$build" || exit 1
# How one file of each room is compiled: "folder<TAB>command".
jq -r '.[] | select(.file | test("\\.c$")) | "\(.file | sub("^\\.\\./"; "") | sub("/[^/]*$"; ""))\t\(.command)"' \
    compile_commands.json | sort -u -t "$(printf '\t')" -k 1,1 >"$dir/commands"
command_of() { awk -F '\t' -v room="$1" '$1 == room { print $2 }' "$dir/commands"; }
# Compile a file that has this one line as a file of that room.
compiles() { # room line
    command=$(command_of "$1")
    echo "$2" >"$dir/probe.c"
    # The command of a file of the room, but with this for its source and nothing to keep.
    sh -c "$(echo "$command" | sed -E 's/ -M[FQ] ?[^ ]*| -o [^ ]*| -MD| -c [^ ]*$//g') -fdiagnostics-color=never -fsyntax-only $dir/probe.c" 2>"$dir/said"
}

while read -r room own below; do
    command_of "$room" | grep -o -E -- '-I ?[^ ]+' | sed -E 's/^-I ?//; s/^(\.\.\/)+//; /\.p$/d' |
        grep -E '^(lib|pkcs11|daemon)(/|$)' | one_line >"$dir/sees"
    echo "$room $below" | one_line >"$dir/should"
    diff "$dir/should" "$dir/sees" >"$dir/wrong"
    verdict "$room sees itself${below:+ and $below}, no other" "$dir/wrong"

    : >"$dir/wrong"
    compiles "$room" "#include \"$own\"" || { echo "its own header:"; cat "$dir/said"; } >>"$dir/wrong"
    while read -r other header _; do
        case " $room $below " in *" $other "*) continue ;; esac
        if compiles "$room" "#include \"$header\""; then
            echo "#include \"$header\" of $other compiles" >>"$dir/wrong"
        elif ! grep -q "fatal error: '*$header" "$dir/said"; then
            cat "$dir/said" >>"$dir/wrong"
        fi
    done <"$dir/rooms"
    verdict "$room: an include from any other room does not compile" "$dir/wrong"
done <"$dir/rooms"

# A path in an include would climb over the wall.
(cd "$2" && grep -rn '#include ".*/' lib pkcs11 daemon --include='*.[chS]') >"$dir/wrong"
verdict 'no include names a folder' "$dir/wrong"

# Who links SQLite; that the service does shows that this would be seen.
links() { ldd "$1" 2>&1 | grep libsqlite3; }
: >"$dir/wrong"
links daemon/smki-recoveryd >/dev/null || echo 'ldd does not show libsqlite3 even in the service' >"$dir/wrong"
for program in daemon/smki-recoveryctl pkcs11/smki-recovery-signer pkcs11/smki-recovery-ceremony; do
    links "$program" | sed "s|^|$program: |"
done >>"$dir/wrong"
verdict 'the operator command and the programs with a PIN link no SQLite' "$dir/wrong"

# SQL, as text or as calls, by file; what is found in lib/record shows that it is seen.
sql() { grep -rlE "sqlite3_|\"[^\"]*(SELECT .*|INSERT (OR [A-Z]+ )?INTO|UPDATE [a-z_]+ SET|DELETE FROM|CREATE (TABLE|INDEX)|FROM [a-z_]+ WHERE)" "$@"; }
(
    cd "$2" || exit 1
    sql lib/record >/dev/null || echo 'no SQL is seen even in lib/record'
    sql lib pkcs11 daemon | grep -v '^lib/record/'
) >"$dir/wrong"
verdict 'SQL stands in lib/record and nowhere else' "$dir/wrong"
echo "1..$n"
