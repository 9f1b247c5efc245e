# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# A machine with a real systemd, for tests: systemd-nspawn boots a copy-on-write view of this
# very root, so everything installed here is there, and nothing done there stays.
#
# The overlay is not optional: systemd on a shared root empties its /tmp at boot.
# Read by '.'; machine_start and machine_stop wait with packaging/stage.sh.
#
#   machine_skip            a reason why this cannot run here, or nothing
#   machine_start SHARE     boot; SHARE (a folder) is seen read-only as /smki
#   inside COMMAND...       run as root in the machine
#   machine_stop            power off; waits for the end

machine_pid=
machine_leader=
machine_dir=

machine_skip() {
    if [ "$(id -u)" -ne 0 ]; then
        echo 'needs root'
    elif ! command -v systemd-nspawn >/dev/null || ! command -v nsenter >/dev/null; then
        echo 'needs systemd-nspawn and nsenter'
    elif ! unshare --mount --propagation private true 2>/dev/null; then
        echo 'no mount namespaces here'
    fi
}

machine_start() {
    machine_dir=$(mktemp -d)
    mkdir "$machine_dir/root"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private sh -c '
        mount --bind / "$1"
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn -D "$1" --boot --volatile=overlay \
            --private-network --register=no --keep-unit --console=read-only -M "smki-$$" \
            --tmpfs=/tmp --tmpfs=/var/tmp --bind-ro="$2":/smki --system-call-filter=@memlock -- \
            systemd.unit=multi-user.target systemd.mask=postgresql.service \
            systemd.mask=prometheus.service systemd.mask=nats-server.service \
            systemd.mask=pkcsslotd.service systemd.mask=smartmontools.service' \
        sh "$machine_dir/root" "$1" >"$machine_dir/console" 2>&1 </dev/null &
    machine_pid=$!
    stage_wait "$machine_pid" machine_answers || return 1
    inside systemctl is-system-running --wait >/dev/null 2>&1 || :
}
machine_answers() {
    machine_leader=$(cat "/proc/$machine_pid/task/$machine_pid/children") || return 1
    machine_leader=${machine_leader%% *}
    [ -n "$machine_leader" ] && inside test -S /run/systemd/private
}

inside() {
    nsenter -t "$machine_leader" -m -u -i -n -p -C -r -w -- "$@"
}

machine_stop() {
    if [ -n "$machine_pid" ] && kill -0 "$machine_pid" 2>/dev/null; then
        inside systemctl poweroff >/dev/null 2>&1 || :
        stage_wait $$ stage_gone "$machine_pid" || :
        kill -KILL "$machine_leader" "$machine_pid" 2>/dev/null || :
        wait "$machine_pid" 2>/dev/null || :
    fi
    machine_pid=
    # Not rm -r: should the whole root be mounted there after all, this must not walk into it.
    if [ -n "$machine_dir" ]; then
        rm -f "$machine_dir/console"
        rmdir "$machine_dir/root" "$machine_dir"
    fi
    machine_dir=
}
