#!/bin/sh
# SPDX-License-Identifier: MIT
# Take one check at a time out of the signer and see which attacks then succeed.
#
#   test/attack/teeth.sh [--full] [--jobs N] [--only CHECK]... BUILD
#   test/attack/teeth.sh --check BUILD
#
# BUILD is a build directory with test/attack/attack and the shim in it. The source is
# copied, one small edit is made for each row of test/attack/teeth, only the signer is built
# anew, and the attacks that the row names are tried against it (--full: all of them). Prints
# the table of TEETH.md. Status 0: every row did what it says. Takes minutes, shared among N
# copies (one for each core), so it is no part of `meson test`; run it when a check of the
# signer changes. --check builds nothing: it tells in seconds whether every edit still fits
# its file, whether every attack exists and whether TEETH.md has the same rows.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=
full=no
check=no
only=
jobs=$(nproc)
while [ $# -gt 0 ]; do
    case $1 in
    --full) full=yes ;;
    --check) check=yes ;;
    --only | --jobs)
        [ $# -ge 2 ] || { echo "teeth.sh: $1 needs a value" >&2; exit 2; }
        case $1 in
        --only) only="$only $2 " ;;
        --jobs) jobs=$2 ;;
        esac
        shift
        ;;
    -h | --help)
        sed -n '3,15s/^# \{0,1\}//p' "$0"
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
case $jobs in '' | *[!0-9]* | 0) echo "teeth.sh: --jobs needs a number" >&2; exit 2 ;; esac
[ -x "$build/test/attack/attack" ] || { echo 'teeth.sh: no attack in that build directory' >&2; exit 2; }
build=$(cd "$build" && pwd)
attack=$build/test/attack/attack
export P11_SHIM="$build/test/fake/p11_shim.so"
all=$(mktemp -d)
workers=
trap 'rm -rf "$all"' EXIT
trap 'kill $workers 2>/dev/null; wait; exit 130' INT
trap 'kill $workers 2>/dev/null; wait; exit 143' TERM HUP
pristine=$all/pristine
mkdir "$pristine"
tar -C "$top" --exclude=.git --exclude='build*' --exclude='quickstart-out' -cf - . | tar -C "$pristine" -xf -

# edit FILE KIND ARGUMENT: hollow a function, drop a table row, or any sed program.
edit() {
    cp -p "$src/$1" "$work/before" || return 1
    case $2 in
    hollow) sed -i "/^\(static \)\{0,1\}bool $3(/,/^{/s/^{/{ return true;/" "$src/$1" ;;
    drop) sed -i "/{\"$3\", /d" "$src/$1" ;;
    sed) sed -i -z "$3" "$src/$1" ;;
    esac
    if cmp -s "$work/before" "$src/$1"; then
        echo "teeth.sh: $id: $1: the edit \"$3\" fits nothing any more" >&2
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

# The edits of one check, into the copy of the source.
edit_all() {
    touched=
    edited=yes
    while IFS='	' read -r file kind argument; do
        touched="$touched $file"
        edit "$file" "$kind" "$argument" || edited=no
    done <"$work/edits"
    [ $edited = yes ]
}

# Without building: the edits fit, and the attacks exist.
fits() {
    edit_all || status=1
    for name in $tried; do
        grep -qx "$name" "$all/attacks" && continue
        echo "teeth.sh: $id: there is no attack $name" >&2
        status=1
    done
    printf '| %s | %s |\n' "$title" "$(places)"
    restore
}

# One row of the table, made true or not by building the signer and attacking it.
bites() {
    if ! edit_all || ! ninja -C "$out" pkcs11/smki-recovery-signer >"$work/log" 2>&1; then
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
    "$attack" "$@" >"$work/tap" 2>>"$work/log" || :
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

# each DO K: every jobs-th check from the K-th on, in a copy of the source of its own; rows go
# to files numbered as the checks are. Lines of the table of checks: "check NAME", "file KIND
# ARGUMENT" ..., "attacks NAME..." which ends a check; "none WORDS" says why nothing succeeds.
each() {
    work=$all/$2 src=$all/$2/src out=$all/$2/build status=0 n=0
    mkdir "$work"
    cp -r "$pristine" "$src"
    if [ "$1" = bites ]; then
        export SMKI_SIGNER="$out/pkcs11/smki-recovery-signer"
        if ! { meson setup -Dwerror=false --buildtype=debug "$out" "$src" &&
            ninja -C "$out" pkcs11/smki-recovery-signer; } >"$work/log" 2>&1; then
            cat "$work/log" >&2
            exit 1
        fi
    fi
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
            case $only in '' | *" $id "*) ;; *) continue ;; esac
            n=$((n + 1))
            [ $((n % jobs)) -eq "$2" ] || continue
            row=$(printf '%s/row.%03d' "$all" $n)
            case $1 in
            fits) fits >"$row" ;;
            bites) bites </dev/null >"$row" ;;
            esac
            ;;
        *) printf '%s\t%s\n' "$word" "$rest" >>"$work/edits" ;;
        esac
    done <"$pristine/test/attack/teeth"
    return $status
}

if [ $check = yes ]; then
    jobs=1 status=0
    "$attack" --list | sed 's/[ 	].*//' >"$all/attacks"
    (each fits 0) || status=1
    cat "$all"/row.* >"$all/rows"
    sed -n '/^|---/,$s/^\(| .* | .* |\) .* |$/\1/p' "$top/test/attack/TEETH.md" >"$all/told"
    diff -u "$all/told" "$all/rows" >&2 ||
        { echo 'teeth.sh: TEETH.md has other rows than test/attack/teeth' >&2; status=1; }
    exit $status
fi

status=0 k=0
while [ $k -lt "$jobs" ]; do
    each bites $k &
    workers="$workers $!"
    k=$((k + 1))
done
for worker in $workers; do
    wait "$worker" || status=1
done
printf '| check taken out | where | attacks that then succeed |\n|---|---|---|\n'
cat "$all"/row.*
exit $status
