#!/bin/sh
# SPDX-License-Identifier: MIT
# Take one check at a time out of the signer and see which attacks then succeed.
#
#   test/attack/teeth.sh BUILD [--full] [--only CHECK]...
#
# BUILD is a build directory with test/attack/attack and the shim in it. The source is
# copied, one small edit is made for each row of test/attack/teeth, only the signer is built
# anew, and the attacks that the row names are tried against it (--full: all of them). Prints
# the table of TEETH.md. Status 0: every row did what it says. Takes a quarter of an hour, so
# it is no part of `meson test`; run it when a check of the signer changes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=
full=no
only=
while [ $# -gt 0 ]; do
    case $1 in
    --full) full=yes ;;
    --only)
        [ $# -ge 2 ] || { echo 'teeth.sh: --only needs a name' >&2; exit 2; }
        only="$only $2 "
        shift
        ;;
    -h | --help)
        sed -n '3,12s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*)
        echo "teeth.sh: unknown argument '$1'" >&2
        exit 2
        ;;
    *) build=$1 ;;
    esac
    shift
done
[ -x "$build/test/attack/attack" ] || { echo 'teeth.sh: no attack in that build directory' >&2; exit 2; }
build=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

src=$work/src pristine=$work/pristine
mkdir "$src"
tar -C "$top" --exclude=.git --exclude='build*' --exclude='quickstart-out' -cf - . | tar -C "$src" -xf -
cp -r "$src" "$pristine"
out=$work/build
meson setup -Dwerror=false "$out" "$src" >"$work/log" 2>&1
ninja -C "$out" pkcs11/smki-recovery-signer >>"$work/log" 2>&1

export SMKI_SIGNER="$out/pkcs11/smki-recovery-signer"
export P11_SHIM="$build/test/fake/p11_shim.so"

# edit FILE KIND ARGUMENT: hollow a function, drop a table row, or any sed program.
edit() {
    cp -p "$src/$1" "$work/before"
    case $2 in
    hollow) sed -i "/^\(static \)\{0,1\}bool $3(/,/^{/s/^{/{ return true;/" "$src/$1" ;;
    drop) sed -i "/{\"$3\", /d" "$src/$1" ;;
    sed) sed -i -z "$3" "$src/$1" ;;
    esac
    if cmp -s "$work/before" "$src/$1"; then
        echo "teeth.sh: $1: the edit \"$3\" fits nothing any more" >&2
        return 1
    fi
}

restore() {
    for file in $touched; do
        cp "$pristine/$file" "$src/$file"
    done
}

# What got signatures, from the table: each TAP line follows its row.
successes() {
    awk '/^# / { n = $NF } /^(not )?ok / && !/ - control/ && n > 0 {
        sub(/^(not )?ok [0-9]+ - /, ""); sub(/:.*/, ""); print }' "$1" | tr '\n' ' '
}

# The files of this check, each once, without folders.
places() {
    for file in $touched; do
        echo "${file##*/}"
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

status=0
touched=
edited=yes
printf '| check taken out | where | attacks that then succeed |\n|---|---|---|\n'
# Lines: "check NAME", "file KIND ARGUMENT" ..., "attacks NAME..." which ends a check;
# "none WORDS" instead says why nothing succeeds although it is tried with "tried NAME...".
run() {
    case $only in '' | *" $id "*) ;; *) return 0 ;; esac
    touched=
    edited=yes
    while IFS='	' read -r file kind argument; do
        touched="$touched $file"
        edit "$file" "$kind" "$argument" || edited=no
    done <"$work/edits"
    if [ $edited = no ] || ! ninja -C "$out" pkcs11/smki-recovery-signer >"$work/log" 2>&1; then
        printf '| %s | %s | NOT BUILT |\n' "$title" "${touched# }"
        status=1
        restore
        return 0
    fi
    set --
    if [ $full = no ]; then
        for name in $tried; do
            set -- "$@" --only "$name"
        done
    fi
    "$build/test/attack/attack" "$@" >"$work/tap" 2>>"$work/log" || :
    if ! grep -q '^# [0-9]* attacks, ' "$work/tap"; then
        echo "teeth.sh: $id: the attacks did not come to their end" >&2
        status=1
    fi
    got=$(successes "$work/tap")
    if [ -n "$why" ]; then
        shown="none: $why"
        [ -z "$got" ] || { shown="$got(NOT EXPECTED)"; status=1; }
    else
        shown=${got% }
        [ -n "$got" ] || { shown='none (NOT EXPECTED)'; status=1; }
    fi
    printf '| %s | %s | %s |\n' "$title" "$(places)" "$shown"
    restore
}

: >"$work/edits"
while IFS='	' read -r word rest; do
    case $word in
    '' | '#'*) ;;
    check)
        id=${rest%%	*} title=${rest#*	} why='' tried=''
        : >"$work/edits"
        ;;
    none) why=$rest ;;
    attacks)
        tried=$rest
        run </dev/null
        ;;
    *) printf '%s\t%s\n' "$word" "$rest" >>"$work/edits" ;;
    esac
done <"$top/test/attack/teeth"
exit $status
