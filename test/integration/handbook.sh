#!/bin/sh
# SPDX-License-Identifier: MIT
# The packages, and the page that begins with them: handbook.sh BUILD SOURCE. TAP.
#
# Two builds in two places have one hash, lintian and rpmspec have nothing to say. Then a machine with nothing of this
# project on it runs smki-recovery-first-exercise(7) literally (handbook_inside.sh). In $SMKI_PACKAGES there may be
# packages from elsewhere, which are taken as they are.
set -u
source=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/machine.sh
. "$here/machine.sh"

share=$(mktemp -d)
work=$share
finish() {
    trap - EXIT INT TERM
    machine_stop
    rm -rf "$share"
}
trap finish EXIT
trap 'exit 130' INT TERM
# shellcheck source=packaging/stage.sh
. "$source/packaging/stage.sh"
n=0
t() {
    n=$((n + 1))
    title=$1
    shift
    if "$@" >"$share/log" 2>&1; then
        echo "ok $n - $title"
    else
        echo "not ok $n - $title"
        tail -n 40 "$share/log" | sed 's/^/# /'
        return 1
    fi
}
silent() { # the command must print nothing
    silent_status=0
    silent_said=$("$@" 2>&1) || silent_status=$?
    echo "$silent_said"
    [ -z "$silent_said" ] && [ $silent_status -eq 0 ]
}

# package PLACE UMASK ZONE
package() {
    (umask "$2" && TZ=$3 HOME=$share CCACHE_DISABLE=1 nice "$source/packaging/package" "$1")
}
hashes() {
    (cd "$1" && sha256sum ./*.deb)
}
one_hash() {
    hashes "$share/one" >"$share/hashes" && grep -q smki-recovery_ "$share/hashes" &&
        hashes "$share/two/further/down" | diff "$share/hashes" -
}
spec() {
    version=$(sed -n "s/^project.*version: '\([0-9.]*\)'.*/\1/p" "$source/meson.build")
    rpmspec -P "$source/packaging/smki-recovery.spec" >"$share/spec" &&
        grep -x "Version: *$version" "$share/spec" && grep -q "^smki-recovery ($version) " "$source/debian/changelog"
}

packages=${SMKI_PACKAGES:-}
if [ -z "$packages" ]; then
    t 'the packages are built by dpkg-buildpackage' package "$share/one" 022 UTC || { echo "1..$n"; exit 0; }
    packages=$share/one
    # shellcheck disable=SC2086 # a pattern
    t 'lintian has nothing to say' silent lintian --allow-root --fail-on error,warning,info "$packages"/*.changes
    t 'built again, elsewhere, for another user in another zone' package "$share/two/further/down" 077 Pacific/Auckland
    t 'both builds have one hash' one_hash
fi
rehearse() {
    SMKI_PACKAGES=$packages "$source/packaging/quickstart" --package --devices 20 --out "$share/rehearsal" &&
        jq -e '.accepted_by_meters == 20' "$share/rehearsal/summary.json"
}
t 'quickstart --package rehearses with the programs of the packages' rehearse
t 'the RPM spec is understood and tells the same version' spec
rules() {
    promtool check rules "$source/packaging/watching/rules.yml" && promtool test rules "$source/packaging/watching/rules_test.yml"
}
t 'promtool has nothing to say of the alert rules, and they ring when they should' rules

reason=$(machine_skip)
if [ -n "$reason" ]; then
    echo "ok $((n + 1)) - the page in a machine # SKIP $reason"
    echo "1..$((n + 1))"
    exit 0
fi
mkdir "$share/smki" "$share/smki/debs"
cp "$packages"/smki-recovery*.deb "$share/smki/debs"
# What stands in a page between lines of three backquotes; scdoc wants a backslash twice.
commands() {
    awk '/^```/ { inside = !inside; next } inside { gsub(/\\\\/, "\\"); print }' "$source/packaging/man/$1"
}
commands smki-recovery-first-exercise.7.scd >"$share/smki/page"
commands smki-recovery-handbook.7.scd >"$share/smki/after"
cp "$here/handbook_inside.sh" "$source/packaging/stage.sh" "$share/smki"
chmod -R a+rX "$share"
if ! machine_start "$share/smki"; then
    sed 's/^/# /' "$machine_dir/console"
    echo "ok $((n + 1)) - the page in a machine # SKIP systemd-nspawn cannot boot here"
    echo "1..$((n + 1))"
    exit 0
fi
inside sh /smki/handbook_inside.sh $n
