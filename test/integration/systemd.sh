#!/bin/sh
# SPDX-License-Identifier: MIT
# The units on a real systemd: systemd.sh BUILD SOURCE. TAP; what is tested is in units.sh,
# which runs in the machine that this script boots.
set -u
build=$1
source=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/machine.sh
. "$here/machine.sh"

reason=$(machine_skip)
if [ -n "$reason" ]; then
    echo "1..0 # SKIP $reason"
    exit 0
fi

share=$(mktemp -d)
finish() {
    trap - EXIT INT TERM
    machine_stop
    rm -rf "$share"
}
trap finish EXIT
trap 'exit 130' INT TERM
work=$share
# shellcheck source=packaging/stage.sh
. "$source/packaging/stage.sh"

# What the machine gets to see: an installation, the test tools, the scripts.
if ! DESTDIR=$share/dest meson install -C "$build" --no-rebuild --quiet >"$share/log" 2>&1; then
    sed 's/^/# /' "$share/log"
    echo 'Bail out! meson install failed'
    exit 1
fi
mkdir -p "$share/tools/test/pki" "$share/tools/test/meter"
cp "$build/test/pki/smki-test-pki" "$share/tools/test/pki"
cp "$build/test/meter/smki-meter" "$share/tools/test/meter"
cp "$here/units.sh" "$source/packaging/stage.sh" "$source/packaging/rehearsal.sh" "$source/packaging/verify-command.sh" "$share"
chmod -R a+rX "$share"

if ! machine_start "$share"; then
    # A container that may not make containers is no fault of the units.
    sed 's/^/# /' "$machine_dir/console"
    echo '1..0 # SKIP systemd-nspawn cannot boot here'
    exit 0
fi
inside sh /smki/units.sh
