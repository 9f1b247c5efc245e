# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Waiting, for whoever rehearses or tests. Read by '.'; $work is a folder of the caller's.
#
# Nothing here counts tries, and no caller says how long: a machine may be slow. What was waited
# for in vain for so many seconds will not come any more.

: "${work:?}"
stage_limit=${SMKI_WAIT_SEC:-300}

# stage_wait PID COMMAND...: until the command succeeds. Fails when that process ends ($$: no
# matter who does) or the time is over, and then tells what the last try said.
stage_wait() {
    wait_pid=$1 wait_why=
    shift
    stage_now
    wait_end=$((stage_now + stage_limit))
    until "$@" >"$work/waited" 2>&1; do
        if [ -n "$wait_why" ]; then
            {
                echo "waited for: $*: $wait_why; seen last:"
                tail -n 5 "$work/waited"
            } >&2
            return 1
        fi
        stage_now
        if [ "$stage_now" -ge $wait_end ]; then
            wait_why="not within $stage_limit seconds"
        elif ! stage_lives "$wait_pid"; then # that may be what was waited for: once more
            wait_why="process $wait_pid has ended"
        else
            sleep 0.1
        fi
    done
}
# Seconds since the machine started, into $stage_now: no clock that somebody sets.
stage_now() {
    read -r stage_now stage_idle </proc/uptime
    stage_now=${stage_now%.*}
}
# A child that has ended and was not waited for yet lives no more.
stage_lives() {
    read -r wait_stat <"/proc/$1/stat" && case ${wait_stat##*) } in Z*) false ;; esac
} 2>/dev/null
stage_gone() {
    ! stage_lives "$1"
}

# stage_patient COMMAND...: again while it is told to try again because signers are coming back:
# they may take longer than the service holds a step for them.
stage_patient() {
    stage_now
    patient_end=$((stage_now + stage_limit))
    while :; do
        patient_status=0
        { patient_said=$("$@" 2>&1 >&3) || patient_status=$?; } 3>&1
        stage_now
        case $patient_status/$patient_said in
        5/*'rule '*signer.not-ready*) [ "$stage_now" -ge $patient_end ] || { sleep 0.1; continue; } ;;
        esac
        [ -z "$patient_said" ] || printf '%s\n' "$patient_said" >&2
        return $patient_status
    done
}
