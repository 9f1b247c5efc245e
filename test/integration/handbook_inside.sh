#!/bin/sh
# SPDX-License-Identifier: MIT
# In a machine with nothing of this project on it: the page, line by line; an upgrade with a batch at work; the page with
# a line spoilt; purge. Behind the TAP line number $1. Changes the system it runs on: handbook.sh runs it in a throw-away one.
set -u
umask 022
n=$1
failed=0
work=/var/tmp/handbook
mkdir -p $work
# shellcheck source=packaging/stage.sh
. /smki/stage.sh
t() {
    n=$((n + 1))
    title=$1
    shift
    if "$@" >$work/log 2>&1; then
        echo "ok $n - $title"
    else
        echo "not ok $n - $title"
        tail -n 30 $work/log | sed 's/^/# /'
        failed=$((failed + 1))
    fi
}
quiet() {
    quiet_said=$("$@" 2>&1)
    [ -z "$quiet_said" ] || { echo "$quiet_said"; false; }
}
# Root's shell, as somebody has who types it: but the first failure ends it, and each line is told.
run() { # run SCRIPT
    (cd /var/tmp/debs && bash -euxo pipefail "$1")
}

rm -f /usr/sbin/policy-rc.d # as build machines have it: nothing would start
cp -r /smki/debs /var/tmp
nothing() {
    ! command -v smki-recoveryctl && ! getent passwd smki-recovery && ! [ -e /etc/smki-recovery ]
}
t 'a machine with nothing on it' nothing

# Between the yes of the second person and `batch watch` comes the upgrade: the signers are stopped, so that the batch is
# at work whatever the machine's speed; the package is the same one under a higher version.
cat >$work/upgrade <<'END'
(
    set +x
    . /smki/stage.sh
    work=/var/tmp/handbook
    before=$(systemctl show -P MainPID smki-recovery.service)
    dpkg-deb -R /var/tmp/debs/smki-recovery_*.deb $work/next
    sed -i 's/^\(Version: .*\)/\1+next/' $work/next/DEBIAN/control
    dpkg-deb -R /var/tmp/debs/smki-recovery-exercise_*.deb $work/next-exercise
    sed -i 's/^\(Version: .*\)/\1+next/; s/^\(Depends: .*smki-recovery (= [^)]*\)/\1+next/' $work/next-exercise/DEBIAN/control
    dpkg-deb -b $work/next $work/next.deb
    dpkg-deb -b $work/next-exercise $work/next-exercise.deb
    ann --json batch show 1 | jq -e '.state == "running" and .signed == 0'
    apt-get install -y $work/next.deb $work/next-exercise.deb
    stage_wait $$ ann --json status
    [ "$(systemctl show -P MainPID smki-recovery.service)" != "$before" ]
    systemctl kill -s CONT 'smki-recovery-signer@*'
    echo upgraded >$work/upgraded
)
END
cat >$work/stop <<'END'
systemctl kill -s STOP 'smki-recovery-signer@*'
END
awk -v work=$work '/batch start/ { print ". " work "/stop" } /batch watch/ { print ". " work "/upgrade" } { print }' /smki/page >$work/page
# The handbook's commands come behind, in the same shell.
{ echo "echo closed >$work/closed"; cat /smki/after; } >>$work/page
stops() { # what was put in is all that the page does not have
    cat /smki/page /smki/after | diff - $work/page >$work/diff
    [ "$(grep -c '^[<>]' $work/diff)" -eq 3 ]
}
t 'the page, with an upgrade put in before "batch watch"' stops
t 'it leads from apt install to a closed exercise, and the handbook through restore and upgrade' run $work/page
t 'the exercise was closed before the handbook began' grep closed $work/closed
ctl() {
    runuser -u ann -- smki-recoveryctl --json "$@"
}
twenty() {
    ctl figures E-1 | jq -e '.by_state.success == 20' && ctl incident show E-1 | jq -e '.state == "CLOSED"' &&
        [ "$(find /srv/exercise/commands -name '*.bin' | wc -l)" -eq 20 ]
}
t 'twenty meters are recovered, the incident is closed' twenty
t 'the upgrade came while the batch was at work' grep upgraded $work/upgraded
units='smki-recovery.service smki-recovery.socket smki-recovery-signer.socket smki-recovery-signer@1.service
    smki-recovery-metrics.socket smki-recovery-metrics@1.service smki-recovery-textfile.service smki-recovery-textfile.timer'
# shellcheck disable=SC2086 # a list of words
t 'systemd-analyze verify prints nothing of the packaged units' quiet systemd-analyze verify --man=no $units
for unit in smki-recovery.service smki-recovery-signer@1.service smki-recovery-metrics@1.service smki-recovery-textfile.service; do
    t "exposure of $unit is at most 0.6" systemd-analyze security --no-pager --threshold=6 $unit
done
t 'no unit has failed' quiet systemctl --failed --no-legend

t 'promtool has nothing to say of the metrics' promtool check metrics </tmp/metrics
# Each name that rules and dashboard use is told, but those there may be none of.
watched() {
    cd /usr/share/doc/smki-recovery/watching && grep -oh 'smki_recovery_[a-z_]*' rules.yml dashboard.json | sort -u >$work/used &&
        sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' /tmp/metrics | sort -u >$work/told && [ -s $work/told ] &&
        diff $work/used $work/told
}
t 'rules and dashboard use what is told, all of it, and nothing else' watched
file_too() {
    grep '^smki_recovery_incidents{state="CLOSED"} 1$' /var/lib/smki-recovery-metrics/smki-recovery.prom &&
        grep '^smki_recovery_devices{state="success"} ' /tmp/metrics && grep '^smki_recovery_originator_mark{originator="90B3D51F30010001"} [1-9]' /tmp/metrics &&
        grep '^smki_recovery_disk_free_bytes [1-9]' /tmp/metrics && grep '^smki_recovery_certificate_end_timestamp_seconds{certificate="key recovery"} [1-9]' /tmp/metrics
}
t 'both ways tell figures' file_too

# One line spoilt: what runs the page stops there. Functions and words come from the page itself.
spoilt() { # spoilt NAME SED-EXPRESSION: the line that it changes is the last that ran
    sed -n '/^token=/p; /^cms=/p; /^ann()/,/^}/p; /^ben()/,/^}/p' /smki/page >$work/$1
    echo 'cd /srv/exercise' >>$work/$1
    sed -n '/^smki-recovery-exercise meters/,$p' /smki/page | sed 's/E-1/E-2/g' >$work/good
    sed "$2" $work/good >$work/bad
    spoilt_line=$(diff $work/good $work/bad | sed -n 's/^> //p')
    [ "$(printf '%s\n' "$spoilt_line" | wc -l)" -eq 1 ] && [ -n "$spoilt_line" ] || return 1
    rm -rf /srv/exercise/pki/meters
    sed 's/E-2/'"$1"'/g' $work/bad >>$work/$1
    ! run $work/$1 && spoilt_word=$(printf '%s' "$3") && grep '^+' $work/log | tail -n 1 | grep -F -e "$spoilt_word"
}
t 'spoilt: a file that is not there' spoilt S-1 's,roster add E-2 pki/roster.csv,roster add E-2 pki/rooster.csv,' rooster
t 'spoilt: a word of the procedure' spoilt S-2 's/--facts notifier_authenticated/--facts notifier_authentic/' notifier_authentic
t 'spoilt: a step left out' spoilt S-3 's/^ann incident event E-2 confirm.*/:/' 'incident event S-3 receive-file'

# smki-recovery-workshop(1), as it was installed, by somebody who is not root.
played() {
    runuser -u ann -- sh -euc 'export SMKI_WORKSHOP=/tmp/room
        smki-recovery-workshop start refusal
        while [ "$(cat $SMKI_WORKSHOP/play/step)" != end ]; do smki-recovery-workshop next; done
        smki-recovery-workshop close
        jq -e ".incidents[0].state == \"CLOSED\" and (.sums | length > 0 and all(.equal))" $SMKI_WORKSHOP/play/handout.json
        grep -q "<title>Hand-out" $SMKI_WORKSHOP/play/handout.html && grep -q "The scenario is closed" $SMKI_WORKSHOP/room.html'
}
t 'a room plays a scenario of the workshop, not as root' played

purge() {
    DEBIAN_FRONTEND=noninteractive apt-get purge -y smki-recovery smki-recovery-exercise && ! command -v smki-recoveryctl &&
        ! pgrep -x smki-recoveryd && ! [ -e /lib/systemd/system/smki-recovery.service ] &&
        ! systemctl is-active smki-recovery.socket && [ -z "$(find /etc/systemd/system -name 'smki-recovery*.socket')" ]
}
t 'purge stops it and takes it away' purge
kept() {
    [ -s /var/lib/smki-recovery/recovery.db ] && [ -s /var/lib/smki-recovery-signer/account.jsonl ] && [ -s /etc/smki-recovery/recovery.conf ]
}
t 'and leaves evidence and configuration' kept
t 'no unit has failed after it' quiet systemctl --failed --no-legend
[ $failed -eq 0 ] || journalctl --no-pager -o cat -u 'smki-recovery*' | tail -n 40 | sed 's/^/# /'
echo "1..$n"
