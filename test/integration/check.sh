# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by day.sh: what `smki-recoveryd --check` finds, each line of check.table a configuration that
# cannot work.

recoveryd=$tools/daemon/smki-recoveryd
wrong=$scene/wrong
checked() { # checked CONFIG [OPTION]
    "$recoveryd" --config "$1" --check ${2:+"$2"} >"$scene/out" 2>&1
}
good() {
    checked "$scene/recovery.conf" "$@" || { cat "$scene/out"; return 1; }
}
t '--check finds nothing amiss in the configuration of the stage' good
t 'nor with the token' good --token

# found PARTS SCRIPT [OPTION]: the configuration, people and all, spoilt by a sed script
found() {
    rm -rf "$wrong" "$wrong.d" && mkdir "$wrong.d" &&
        sed "$2" "$scene/recovery.conf" >"$wrong" && sed "$2" "$scene/recovery.conf.d/people.conf" >"$wrong.d/people.conf" || return 1
    ! cmp -s "$wrong" "$scene/recovery.conf" || ! cmp -s "$wrong.d/people.conf" "$scene/recovery.conf.d/people.conf" || return 1
    checked "$wrong" "${3:-}"
    same $? 78 || { cat "$scene/out"; return 1; }
    cat "$scene/out"
    printf '%s\n' "$1" | tr '|' '\n' >"$scene/parts"
    while IFS= read -r part; do
        grep -qF -- "$part" "$scene/out" || { echo "does not say: $part"; return 1; }
    done <"$scene/parts"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scene/own.key" -out "$scene/own.pem" \
    -subj '/CN=Somebody' -days 30 -addext basicConstraints=critical,CA:FALSE 2>"$scene/log"
printf '#!/bin/sh\n' >"$scene/script.so"
cp "$scene/pki/root.pem" "$scene/open.pem" && chmod 666 "$scene/open.pem"
cp "$scene/pin" "$scene/open-pin" && chmod 644 "$scene/open-pin"
wrongs=0
grep -v '^#' "$here/check.table" >"$scene/table"
tab=$(printf '\t')
while IFS= read -r line <&4; do
    what=${line%%"$tab"*} rest=${line#*"$tab"}
    script=$(printf '%s' "${rest%%"$tab"*}" | sed "s|DIR|$scene|g") rest=${rest#*"$tab"}
    case $rest in *"$tab"*) option=${rest#*"$tab"} ;; *) option= ;; esac
    t "--check: $what" found "${rest%%"$tab"*}" "$script" "$option"
    wrongs=$((wrongs + 1))
done 4<"$scene/table"
t 'fifteen wrong configurations and more' [ "$wrongs" -ge 15 ]
echo "# $wrongs configurations that cannot work"
