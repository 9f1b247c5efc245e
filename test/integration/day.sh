#!/bin/sh
# SPDX-License-Identifier: MIT
# An operator's day on one stage: what `status` shows in eight situations (screens/), what
# becomes of mistakes (mistakes.table), what --check finds (check.table): day.sh BUILD SOURCE. TAP.
# SMKI_SCREENS=write in the environment writes the screens anew, to be read before they are kept.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"

second=3107
must stage_make 8
must scene_set Service TwoPersonSec=86400
must scene_set Signer TokenLostSec=1
must scene_set 'Token "rehearsal"' Workers=1
must scene_set 'Role "operator"' "Users=$(id -u) $second"
stage_login ben 'Operator Two' $second >>"$scene/recovery.conf.d/people.conf"
chmod 711 "$scene"
# shellcheck source=test/integration/check.sh
. "$here/check.sh"

must service_start
must eventually signers_ready

# What differs from one run to the next: times and spans, sizes, names made of the time, folders.
masked() {
    sed -e 's/[0-9-]\{10\}T[0-9:.]*Z/TIME/g' -e 's/([a-z0-9 ]* \(min\|h\|days\|minute\))/(SPAN)/g' \
        -e 's/\(in \)\?(SPAN)/(SPAN)/g' -e 's/[0-9]* of [0-9]* MB/N of N MB/' -e 's/[0-9]* MB are left/N MB are left/' \
        -e "s|$scene|DIR|g" -e 's/-1[0-9]\{9\}/-N/g' -e 's/^smki-recovery [0-9.]*:/smki-recovery VERSION:/' \
        -e '/MB are left/{N;s/\n */ /}' -e "s/$serial/SERIAL/g" -e 's/last probe .*/last probe TIME/'
}
screen() { # screen NAME: the same as on file
    ctl_once status >"$scene/screen" || return 1
    masked <"$scene/screen" >"$scene/$1.screen"
    [ "${SMKI_SCREENS:-}" != write ] || cp "$scene/$1.screen" "$here/screens/$1"
    diff "$here/screens/$1" "$scene/$1.screen"
}
away() {
    mv "$scene/tokens" "$scene/elsewhere" && mkdir "$scene/tokens" && signers_kill
}
back() {
    rmdir "$scene/tokens" && mv "$scene/elsewhere" "$scene/tokens"
}
overall() {
    same "$(field /v1/status .state)" "$1"
}

t 'status: nothing is open' screen nothing
full() { # what cannot be written is said, in the exit status too
    ctl_once status >/dev/full 2>"$scene/err"
    same $? 7 && grep -q 'standard output cannot be written' "$scene/err"
}
t 'a full standard output is an exit status of its own' full
must away
must eventually overall 'token absent'
t 'status: the token is away' screen away
must back
must eventually signers_ready
must scene_referred
t 'status: the PMA decides' screen pma

must scene_decide '.id = "D-1"'
# shellcheck source=test/integration/mistakes.sh
. "$here/mistakes.sh"

decision=D-1
must ctl decision submit "$incident" "$scene/decision.cms"
must rehearsal_event call-custodians --evidence 'three called'
t 'status: the custodians are on their way' screen custodians
must rehearsal_switch_on "$scene/decision.json"
must scene_batch all
t 'status: a second person is waited for' screen second

# The yes comes while the token is away: the batch is held.
confirm() {
    setpriv --reuid $second --regid "$(id -g)" --clear-groups --no-new-privs -- \
        "$tools/daemon/smki-recoveryctl" --socket "$socket" --yes --quiet batch confirm "$batch"
}
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    must away
    must eventually overall 'token absent'
    must confirm
    must eventually batch_is held
    t 'status: a batch is held' screen held
    watched() {
        ctl_once batch watch "$batch" >"$scene/out" 2>"$scene/err"
        same $? 1 && cat "$scene/err" && grep -q "batch $batch is held: " "$scene/err" &&
            grep -q '  advice  ' "$scene/err" && grep -q "batch resume $batch" "$scene/err"
    }
    t 'watching it ends with 1 and says what to do' watched
    must back
    must eventually signers_ready
else
    skip 'status: a batch is held' 'nobody to be the second person'
fi

# The PMA ends that and decides anew, for three hours.
refuse() {
    ctl --quiet decision draft "$incident" --outcome refuse >"$scene/draft.json" &&
        rehearsal_decision "$scene/draft.json" "$scene/no.json" supplier '.id = "D-no" | .supersedes = "D-1"' &&
        rehearsal_sign "$scene/no.json" "$scene/no.cms" pma-1 pma-2 pma-3 &&
        ctl decision submit "$incident" "$scene/no.cms"
}
must refuse
must rehearsal_event deactivate-key --evidence 'the custodians left'
must scene_decide ".id = \"D-2\" | .supersedes = \"D-no\" | .valid_to = \"$(rehearsal_at '+3 hours')\""
must ctl decision submit "$incident" "$scene/decision.cms"
must eventually signers_ready
t 'status: a window ends' screen window
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    stopped() {
        ctl_once batch watch "$batch" >"$scene/out" 2>"$scene/err"
        same $? 1 && cat "$scene/err" && grep -q "batch $batch was stopped: " "$scene/err" &&
            grep -q "commands export $batch" "$scene/err"
    }
    t 'watching what was stopped ends with 1' stopped
fi
must service_stop
must scene_set Service DiskAlarmMB=1000000000
must service_start
must eventually signers_ready
t 'status: the disk is low' screen disk
t 'the service ends in order' service_stop

plan
