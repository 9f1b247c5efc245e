#!/bin/sh
# SPDX-License-Identifier: MIT
# Inside the machine: install, rehearse with two users who share no secret, stop. TAP.
# Changes the system it runs on: systemd.sh runs it in a throw-away one.
set -u
umask 022
export PATH="$PATH:/usr/local/sbin:/usr/local/bin"
tools=/smki/tools
work=/var/tmp/rehearsal
etc=/etc/smki-recovery
mkdir -p "$work"
# shellcheck source=packaging/stage.sh
. /smki/stage.sh
# shellcheck source=packaging/rehearsal.sh
. /smki/rehearsal.sh
n=0
failed=0
t() {
    n=$((n + 1))
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $n - $title"
    else
        echo "not ok $n - $title"
        sed 's/^/# /' "$work/log"
        failed=$((failed + 1))
    fi
}
as() { # as USER COMMAND...
    user=$1
    shift
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --no-new-privs -- "$@"
}
ctl() {
    as "${me:-smki-anna}" smki-recoveryctl "$@"
}
quiet() { # the command must print nothing
    said=$("$@" 2>&1)
    [ -z "$said" ] || { echo "$said"; false; }
}
not() {
    ! "$@"
}

# --- install ---

install_here() {
    tar -C /smki/dest -c . | tar -C / -x --keep-directory-symlink --no-overwrite-dir &&
        systemd-sysusers && systemd-sysusers - <<'END' &&
u smki-anna - "first operator"
u smki-ben  - "second operator"
u smki-cleo - "auditor"
u smki-dora - "viewer and no more"
u smki-emil - "approver and no more"
u smki-fay  - "auditor and no more"
m smki-dora smki-viewer
m smki-emil smki-approver
m smki-fay  smki-auditor
m smki-anna smki-operator
m smki-ben  smki-operator
m smki-cleo smki-operator
m smki-cleo smki-auditor
END
        systemd-tmpfiles --create smki-recovery.conf && systemctl daemon-reload
}
t 'install, users, folders' install_here
examples=$(find / -xdev -path '*/doc/smki-recovery/examples' -type d | head -n 1)
man=--man=no
! command -v man >/dev/null || man=--man=yes
t 'systemd-analyze verify prints nothing' quiet systemd-analyze verify "$man" \
    smki-recovery.service smki-recovery.socket smki-recovery-signer.socket smki-recovery-signer@1.service
t 'exposure of the service is at most 0.6' \
    systemd-analyze security --no-pager --threshold=6 smki-recovery.service
t 'exposure of the signer is at most 0.6' \
    systemd-analyze security --no-pager --threshold=6 smki-recovery-signer@1.service
dropins=/etc/systemd/system/smki-recovery-signer@.service.d
examples_verify() {
    for example in "$examples"/*.service.conf; do
        install -D -m 644 "$example" $dropins/example.conf &&
            quiet systemd-analyze verify "$man" smki-recovery-signer@1.service || return 1
    done
    rm -r $dropins
}
t 'and nothing with any of the example drop-ins' examples_verify
t 'the catalogue has an entry for what is logged' \
    sh -c 'journalctl --update-catalog && journalctl --dump-catalog 29a5aa7e31a644408100b76f34137b21'

# --- a token that only smki-signer can open ---

make_token() {
    (umask 077 && openssl rand -hex 8 >$etc/hsm-pin) &&
        install -m 644 "$examples/softhsm2.conf" $etc &&
        install -D -m 644 -t $dropins "$examples/softhsm.service.conf" &&
        systemctl daemon-reload &&
        install -d -m 700 -o smki-signer -g smki-signer /var/lib/smki-recovery-signer \
            /var/lib/smki-recovery-signer/tokens &&
        as smki-signer softhsm2-util --init-token --free --label rehearsal \
            --pin "$(cat $etc/hsm-pin)" --so-pin "$(openssl rand -hex 8)" &&
        stage_serial
}
export SOFTHSM2_CONF=$etc/softhsm2.conf
t 'token of smki-signer, PIN of root' make_token

configure() {
    {
        cat <<'END'
[Service]
SignerSocket=/run/smki-recovery-signer/signer.sock
Exercise=yes
[Counter]
Start=1000
[Role "operator"]
Groups=smki-operator
[Role "auditor"]
Groups=smki-auditor
[Role "viewer"]
Groups=smki-viewer
[Role "approver"]
Groups=smki-approver
END
        stage_anchors $etc PinCredential=hsm-pin
    } >$etc/recovery.conf &&
        systemd-run --quiet --wait --pipe -p User=smki-signer -p LoadCredential=hsm-pin:$etc/hsm-pin \
            -E SOFTHSM2_CONF="$SOFTHSM2_CONF" "$(command -v smki-recovery-ceremony)" generate \
            --config $etc/recovery.conf --all >"$work/public.pem" &&
        stage_certificates &&
        (cd "$work/pki" && install -m 644 -t $etc root.pem issuing.pem recovery-ds.pem \
            pma-anchor.pem custodian-anchor.pem) &&
        {
            cat "$work/recovery.conf.d/people.conf"
            for person in anna ben cleo; do
                stage_login $person "Operator $person" smki-$person
            done
        } >"$work/people.conf" && install -D -m 644 -t $etc/recovery.conf.d "$work/people.conf" &&
        as smki-recovery "$(systemctl cat smki-recovery.service | sed -n 's/^ExecStart=\([^ ]*\).*/\1/p')" \
            --config $etc/recovery.conf --check &&
        stage_meters meters 40 supplier &&
        chmod 755 "$work/pki" "$work/meters"
}
t 'keys made in the token by smki-signer alone' configure

# --- the first connection starts it ---

t 'sockets are enabled and listen' systemctl enable --quiet --now smki-recovery.socket smki-recovery-signer.socket
t 'nothing runs before somebody asks' not systemctl is-active smki-recovery.service
t 'the first connection starts the service' ctl status
t 'it has told systemd that it is ready' systemctl is-active smki-recovery.service
main_pid() {
    systemctl show -P MainPID smki-recovery.service
}
signers() {
    systemctl list-units --no-legend --plain --state=running 'smki-recovery-signer@*' | awk '{ print $1 }'
}
some_signer() {
    [ -n "$(signers)" ]
}
t 'a signer of its own unit runs' stage_wait $$ some_signer
user_of() {
    id -un "$(awk '/^Uid:/ { print $3 }' "/proc/$1/status")"
}
signer_pid() {
    systemctl show -P MainPID "$(signers | head -n 1)"
}
two_users() {
    [ "$(user_of "$(main_pid)")" = smki-recovery ] && [ "$(user_of "$(signer_pid)")" = smki-signer ]
}
# a unit is running before its process has taken on its user
t 'service and signer are two users' stage_wait $$ two_users
t 'the service cannot read the PIN file' not as smki-recovery cat $etc/hsm-pin
no_credential() {
    [ -d "/run/credentials/$(signers | head -n 1)" ] &&
        not as smki-recovery cat "/run/credentials/$(signers | head -n 1)/hsm-pin"
}
t 'the service cannot read the credential' no_credential
t 'the service cannot read the token' not as smki-recovery ls /var/lib/smki-recovery-signer/tokens
no_module() {
    grep -q softhsm "/proc/$(signer_pid)/maps" && not grep -Eq 'softhsm|pkcs11' "/proc/$(main_pid)/maps"
}
t 'the service has no module in its memory' no_module
each_role() {
    for who in anna dora emil fay; do
        me=smki-$who ctl status >/dev/null || return 1
    done
    me=smki-fay ctl audit export >/dev/null
}
t 'viewer, operator, approver and auditor can connect as shipped' each_role
t 'somebody else cannot connect' not as nobody smki-recoveryctl status
shut_out() {
    as nobody smki-recoveryctl status 2>&1 | grep -q 'client.not-permitted' &&
        as nobody smki-recoveryctl status 2>&1 | grep -q 'usermod -aG smki-operator'
}
t 'and is told why, and who can help' shut_out
mended() { # whoever calls while the configuration is bad is told; the socket stays
    printf '[Service]\nNonsense=yes\n' >$etc/recovery.conf.d/zz-bad.conf && systemctl stop smki-recovery.service || return 1
    for _ in $(seq 30); do
        me=smki-anna ctl status 2>"$work/said" && return 1
        cat "$work/said"
        grep -q '^  rule    request.not-started' "$work/said" || return 1
        grep -q 'journalctl -u smki-recovery.service' "$work/said" || return 1
    done
    systemctl is-active smki-recovery.socket && rm $etc/recovery.conf.d/zz-bad.conf && stage_wait $$ ctl status
}
t 'a bad configuration does not take the socket down, however often it is asked' mended
waits_at_the_door() {
    awk '$6 == "02" && $8 == "/run/smki-recovery/operator.sock" { n++ } END { exit n == 0 }' /proc/net/unix
}
through_a_restart() { # a call that came while the service hung is answered by the next one
    kill -STOP "$(systemctl show -P MainPID smki-recovery.service)" || return 1
    me=smki-anna ctl status >"$work/said" 2>&1 &
    caller=$!
    stage_wait $$ waits_at_the_door && systemctl kill --kill-whom=main -s KILL smki-recovery.service && wait $caller
    status=$?
    cat "$work/said"
    [ $status -eq 0 ]
}
t 'a call that waits through a restart is answered' through_a_restart
t 'an operator does not read the audit trail' not ctl audit export
t 'signing needs a decision' not ctl --yes batch start I-none D-none

# --- a small recovery ---

t 'incident' rehearsal_notice
t 'roster, certificates, PMA' rehearsal_to_pma "$work/pki/bundle.pem" "$work/meters/roster.csv"
decide() {
    ctl --quiet decision draft "$incident" >"$work/draft.json" &&
        rehearsal_decision "$work/draft.json" "$work/decision.json" supplier . &&
        rehearsal_sign "$work/decision.json" "$work/decision.cms" pma-1 pma-2 pma-3
}
t 'decision signed by three of five' decide
t 'decision handed in, custodians switch the key on' rehearsal_activate \
    "$work/decision.json" "$work/decision.cms"
start() {
    batch=$(ctl --json --yes batch start "$incident" "$decision" | jq -r .id) && [ -n "$batch" ]
}
t 'a batch is accepted' start
t 'the same person cannot confirm it' not ctl --yes batch confirm "$batch"
second() {
    me=smki-ben
    ctl --yes batch confirm "$batch"
    status=$?
    me=smki-anna
    return $status
}
t 'another person can' second
t 'it is signed to the last row' ctl batch watch "$batch"
export_commands() {
    install -d -o smki-anna "$work/commands" &&
        ctl commands export "$batch" --out "$work/commands" &&
        [ "$(find "$work/commands" -name '*.bin' | wc -l)" -eq 40 ]
}
t '40 commands come out' export_commands
verify_all() {
    for command in "$work"/commands/*.bin; do
        sh /smki/verify-command.sh "$command" $etc/recovery-ds.pem || return 1
    done
}
t 'stock openssl verifies each' verify_all
t 'the meters accept each' "$tools/test/meter/smki-meter" run --state "$work/meters" \
    --commands "$work"/commands --responses "$work/responses.hex" --log "$work/meters.jsonl"
t 'their answers are taken' ctl responses add "$incident" "$work/responses.hex"

# --- what goes wrong ---

another_signer() {
    [ -n "$(signers)" ] && [ "$(signer_pid)" != "$killed" ] && [ "$(signer_pid)" != 0 ]
}
kill_signer() {
    killed=$(signer_pid)
    service=$(main_pid)
    kill -KILL "$killed"
    stage_wait $$ another_signer && [ "$(main_pid)" = "$service" ]
}
t 'a killed signer is replaced, the service stays' kill_signer
kill_service() {
    service=$(main_pid)
    kill -KILL "$service"
    stage_wait $$ ctl status && [ "$(main_pid)" != "$service" ]
}
t 'a killed service comes back' kill_service
same_state() {
    [ "$(rehearsal_state)" = EXECUTING ]
}
t 'and knows where it was' same_state
restart() {
    systemctl restart smki-recovery.service && ctl status && same_state
}
t 'restart keeps the socket and the state' restart
new_service() {
    [ "$(main_pid)" != "$service" ] && systemctl is-active smki-recovery.service
}
stop_turning() {
    mkdir -p /run/systemd/system/smki-recovery.service.d &&
        printf '[Service]\nWatchdogSec=10\n' >/run/systemd/system/smki-recovery.service.d/test.conf &&
        systemctl daemon-reload && systemctl restart smki-recovery.service || return 1
    service=$(main_pid)
    kill -STOP "$service"
    stage_wait $$ new_service && stage_wait $$ same_state
}
t 'a service that no longer turns is replaced by the watchdog' stop_turning

usable() {
    ctl --json status | jq -e '.keys[] | select(.key == "recovery").usable' >/dev/null
}
pin_dropin() { # pin_dropin EXAMPLE: where the PIN comes from, from now on
    install -m 644 "$examples/$1" $dropins/50-pin.conf &&
        systemctl daemon-reload && systemctl restart smki-recovery.service
}
encrypt() { # encrypt PIN
    printf '%s' "$1" | systemd-creds encrypt --name=hsm-pin - $etc/hsm-pin.cred
}
encrypted_pin() {
    pin=$(cat $etc/hsm-pin) && rm $etc/hsm-pin && encrypt "$pin" &&
        pin_dropin pin-encrypted.service.conf && stage_wait $$ usable
}
t 'an encrypted PIN serves as well' encrypted_pin
signer_says() {
    journalctl -q -o cat -u 'smki-recovery-signer@*' | grep -v '^record' | grep -E "$1"
}
barred() {
    signer_says '[.]wrong-pin[)] \[token.pin-wrong' # a second one, that tells what the first was
}
wrong_pin() {
    encrypt 0000 && systemctl restart smki-recovery.service && stage_wait $$ barred &&
        [ "$(signer_says 'not again \[token.pin-wrong' | wc -l)" -eq 1 ] && not usable
}
t 'a wrong PIN is tried once, not again' wrong_pin
no_signer() {
    [ -z "$(signers)" ]
}
# SoftHSM, as other tokens, remembers the wrong try until the next good one: a person's.
mended_pin() {
    systemctl stop smki-recovery.service && stage_wait $$ no_signer && encrypt "$pin" &&
        as smki-signer pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so \
            --token-label rehearsal --login --pin "$pin" --list-objects &&
        systemd-run --quiet --wait --pipe -p User=smki-signer -p LoadCredentialEncrypted=hsm-pin:$etc/hsm-pin.cred \
            -E SOFTHSM2_CONF="$SOFTHSM2_CONF" "$(command -v smki-recovery-ceremony)" pin-retry --config $etc/recovery.conf && stage_wait $$ usable
}
t 'mended, proven by hand and forgiven, it serves again' mended_pin
t 'the incident ends' rehearsal_close
audit() {
    install -d -o smki-cleo "$work/audit" && me=smki-cleo || return 1
    ctl audit export --out "$work/audit/audit.jsonl"
    status=$?
    me=smki-anna
    [ $status -eq 0 ] && smki-recoveryctl audit verify "$work/audit/audit.jsonl"
}
t 'the auditor takes the chain, it verifies offline' audit

# --- stop ---

stop() {
    systemctl stop smki-recovery.service smki-recovery.socket smki-recovery-signer.socket &&
        [ "$(systemctl show -P Result smki-recovery.service)" = success ] &&
        [ "$(systemctl show -P ExecMainStatus smki-recovery.service)" = 0 ]
}
t 'stops cleanly' stop
t 'no signer is left' stage_wait $$ no_signer
t 'no unit has failed' quiet systemctl --failed --no-legend
[ $failed -eq 0 ] || journalctl --no-pager -o cat -u 'smki-recovery*' | tail -n 60 | sed 's/^/# /'
echo "1..$n"
