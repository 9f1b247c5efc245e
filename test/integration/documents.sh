#!/bin/sh
# SPDX-License-Identifier: MIT
# Every key of the configuration stands in recovery.conf(5) and in the example, and neither names
# one that does not exist; the service understands the examples; each file of a room has its line
# in the room's README: documents.sh BUILD SOURCE. TAP.
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

echo '1..7'
n=0
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
