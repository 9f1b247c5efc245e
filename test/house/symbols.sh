#!/bin/sh
# SPDX-License-Identifier: MIT
# The names that the rooms export: each is reached by a program, bears the first word of its file,
# and is wanted by another file (a test's counts): symbols.sh BUILD SOURCE CC... TAP.
#
# The linker has dropped from the programs what nothing in them calls (--gc-sections), so what is
# exported by a library and missing in all four programs is called by nobody.
set -u
# shellcheck source=test/house/tap.sh
. "$(dirname "$0")/tap.sh"
build=$1 source=$2 exceptions=$2/test/house/exceptions
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cd "$build" || exit 1
programs='daemon/smki-recoveryd daemon/smki-recoveryctl pkcs11/smki-recovery-signer pkcs11/smki-recovery-ceremony'
rooms=$(echo lib/*/*.a.p/*.o daemon/*.a.p/*.o pkcs11/*.a.p/*.o)

# "symbol object" of the objects given, what they define for others; sanitizers' own aside.
defined() {
    nm -A --defined-only --extern-only "$@" 2>/dev/null |
        awk 'NF == 3 && $2 ~ /^[A-TX-Z]$/ && $3 !~ /^_/ { sub(/:[^:]*$/, "", $1); sub(/.*\//, "", $1); print $3, $1 }'
}

# "object symbol" of what they want from others.
wanted() {
    nm -A --undefined-only "$@" 2>/dev/null | awk '{ sub(/:$/, "", $1); sub(/.*\//, "", $1); print $1, $NF }'
}

# Faults of the objects given, as "kind symbol object". The first word of ctl_ctl_batch.c.o, as
# meson calls ctl/ctl_batch.c, is ctl; meson-generated_.._ stands before what it has written.
faults() {
    defined "$@" | sort -u >"$dir/defined"
    awk -v programs="$dir/programs" -v wanted="$dir/wanted" '
        BEGIN {
            while ((getline line <programs) > 0) reached[line] = 1
            while ((getline line <wanted) > 0) uses[line] = 1
        }
        {
            stem = $2
            sub(/\.[cS]\.o$/, "", stem)
            sub(/^meson-generated_\.\._/, "", stem)
            sub(/^ctl_/, "", stem)
            word = stem
            sub(/_.*/, "", word)
            if (!($1 in reached)) print "reach", $1, $2
            if ($1 != word && index($1, word "_") != 1 && index($1, word) != 1) print "prefix", $1, $2
            if (!($1 in uses)) print "inner", $1, $2
        }' "$dir/defined"
}

# Those of them that no exception covers; the exceptions that cover none.
unexcused() {
    awk -v what="$1" '
        function pattern(s) { gsub(/\*/, "[A-Za-z0-9_]*", s); return "^" s "$" }
        NR == FNR { if (NF > 2 && $1 !~ /^#/) { kind[++n] = $1; name[n] = pattern($2); said[n] = $2 } next }
        {
            excused = 0
            for (i = 1; i <= n; i++)
                if (kind[i] == $1 && $2 ~ name[i]) excused = used[i] = 1
            if (!excused && what == "faults") print
        }
        END { if (what == "stale") for (i = 1; i <= n; i++) if (!used[i]) print kind[i], said[i] }' "$exceptions" "$2"
}


echo '1..7'
# shellcheck disable=SC2086 # lists of files
nm --defined-only $programs | awk 'NF == 3 { print $3 }' | sort -u >"$dir/programs"
# A symbol that its own object defines is not among what it wants: every wish is another file's.
find . -name '*.o' -exec nm --undefined-only {} + 2>/dev/null | awk 'NF == 2 { print $2 }' | sort -u >"$dir/wanted"
# shellcheck disable=SC2086
faults $rooms >"$dir/all"
unexcused faults "$dir/all" >"$dir/faults"
for kind in reach prefix inner; do
    sed -n "s/^$kind //p" "$dir/faults" >"$dir/these"
    case $kind in
        reach) verdict 'every exported symbol is reached by a program' "$dir/these" ;;
        prefix) verdict 'every exported symbol bears the first word of its file' "$dir/these" ;;
        inner) verdict 'what only its own file uses is static' "$dir/these" ;;
    esac
done
unexcused stale "$dir/all" >"$dir/these"
verdict 'every exception is needed' "$dir/these"
awk 'END { if (NR < 300) print NR, "are too few" }' "$dir/defined" >"$dir/these"
verdict 'there are symbols to look at' "$dir/these"

# A room with a file that exports what nobody calls, under another's name, is told.
echo 'int ledger_nobody(void); int ledger_nobody(void) { return 0; }' >"$dir/clock_spoilt.c"
"$@" -c "$dir/clock_spoilt.c" -o "$dir/clock_spoilt.c.o" || exit 1
# shellcheck disable=SC2086
faults $rooms "$dir/clock_spoilt.c.o" >"$dir/all"
unexcused faults "$dir/all" | grep clock_spoilt >"$dir/told"
printf '%s ledger_nobody clock_spoilt.c.o\n' reach prefix inner | diff - "$dir/told" >"$dir/these"
verdict 'a spoilt room is told' "$dir/these"

# The catalogue explains each message id; one that no program logs would explain what cannot happen.
sed -n 's/^#define \(MSG_[A-Z_]*\) .*/\1/p' "$source/daemon/log_id.h" | while read -r id; do
    grep -qrw --include='*.c' "$id" "$source/daemon" || echo "$id"
done >"$dir/these"
verdict 'every message id is logged by a program' "$dir/these"
