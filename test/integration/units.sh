#!/bin/sh
# SPDX-License-Identifier: MIT
# Inside the machine: install, rehearse with two users who share no secret, stop. TAP.
# Changes the system it runs on: systemd.sh runs it in a throw-away one.
set -u
umask 022
export PATH="$PATH:/usr/local/sbin:/usr/local/bin"
tools=/smki/tools
# shellcheck source=packaging/rehearsal.sh
. /smki/rehearsal.sh
work=/var/tmp/rehearsal
etc=/etc/smki-recovery
mkdir -p "$work"
n=0
failed=0
t() {
    n=$((n + 1))
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' "$work/log"
        failed=$((failed + 1))
    fi
}
as() { # as USER COMMAND...
    user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs -- "$@"
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
    set -e
    tar -C /smki/dest -c . | tar -C / -x --keep-directory-symlink --no-overwrite-dir
    systemd-sysusers
    systemd-sysusers - <<'END'
u smki-anna - "first operator"
u smki-ben  - "second operator"
u smki-cleo - "auditor"
m smki-anna smki-operator
m smki-ben  smki-operator
m smki-cleo smki-operator
m smki-cleo smki-auditor
END
    systemd-tmpfiles --create smki-recovery.conf
    systemctl daemon-reload
}
t 'install, users, folders' install_here
examples=$(find / -xdev -path '*/doc/smki-recovery/examples' -type d | head -n 1)
man=--man=no
! command -v man >/dev/null || man=--man=yes
t 'systemd-analyze verify prints nothing' quiet systemd-analyze verify "$man" \
    smki-recovery.service smki-recovery.socket smki-recovery-signer.socket smki-recovery-signer@1.service
t 'exposure of the service is at most 1.0' \
    systemd-analyze security --no-pager --threshold=10 smki-recovery.service
t 'exposure of the signer is at most 1.0' \
    systemd-analyze security --no-pager --threshold=10 smki-recovery-signer@1.service

# --- a token that only smki-signer can open ---

make_token() {
    set -e
    (umask 077 && openssl rand -hex 8 >$etc/hsm-pin)
    cp "$examples/softhsm2.conf" $etc
    chmod 644 $etc/softhsm2.conf
    mkdir -p /etc/systemd/system/smki-recovery-signer@.service.d
    cp "$examples/softhsm.service.conf" /etc/systemd/system/smki-recovery-signer@.service.d
    systemctl daemon-reload
    install -d -m 700 -o smki-signer -g smki-signer /var/lib/smki-recovery-signer \
        /var/lib/smki-recovery-signer/tokens
    as smki-signer softhsm2-util --init-token --free --label rehearsal \
        --pin "$(cat $etc/hsm-pin)" --so-pin "$(openssl rand -hex 8)"
}
export SOFTHSM2_CONF=$etc/softhsm2.conf
t 'token of smki-signer, PIN of root' make_token
rehearsal_serial

configure() {
    set -e
    cat >$etc/recovery.conf <<'END'
[Service]
SignerSocket=/run/smki-recovery-signer/signer.sock
Exercise=yes
[Counter]
Start=1000
[Role "operator"]
Groups=smki-operator
[Role "auditor"]
Groups=smki-auditor
END
    rehearsal_anchors $etc PinCredential=hsm-pin >>$etc/recovery.conf
    chmod 644 $etc/recovery.conf
    systemd-run --quiet --wait --pipe -p User=smki-signer -p LoadCredential=hsm-pin:$etc/hsm-pin \
        -E SOFTHSM2_CONF="$SOFTHSM2_CONF" "$(command -v smki-recovery-ceremony)" generate \
        --config $etc/recovery.conf --all >"$work/public.pem"
    rehearsal_certificates "$work/pki" "$work/public.pem"
    for name in root issuing recovery-ds pma-anchor custodian-anchor; do
        install -m 644 "$work/pki/$name.pem" $etc
    done
    rehearsal_meters "$work/meters" "$work/pki" 40
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
t 'a signer of its own unit runs' rehearsal_wait $$ 30 some_signer
user_of() {
    id -un "$(awk '/^Uid:/ { print $3 }' "/proc/$1/status")"
}
signer_pid() {
    systemctl show -P MainPID "$(signers | head -n 1)"
}
two_users() {
    [ "$(user_of "$(main_pid)")" = smki-recovery ] && [ "$(user_of "$(signer_pid)")" = smki-signer ]
}
t 'service and signer are two users' two_users
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
t 'somebody else cannot connect' not as nobody smki-recoveryctl status
t 'an operator does not read the audit trail' not ctl audit export
t 'signing needs a decision' not ctl --yes batch start I-none D-none

# --- a small recovery ---

t 'incident, roster, certificates, PMA' rehearsal_to_pma "$work/pki/bundle.pem" "$work/meters/roster.csv"
decide() {
    set -e
    ctl --quiet decision draft "$incident" >"$work/draft.json"
    rehearsal_decision "$work/pki" "$work/draft.json" "$work/decision.json"
    rehearsal_sign "$work/pki" "$work/decision.json" "$work/decision.cms" pma-1 pma-2 pma-3
}
t 'decision signed by three of five' decide
t 'decision handed in, custodians switch the key on' rehearsal_activate "$work/pki" \
    "$work/decision.json" "$work/decision.cms" "$work"
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
    as smki-anna mkdir -p /var/tmp/commands
    ctl commands export "$batch" --out /var/tmp/commands &&
        [ "$(find /var/tmp/commands -name '*.bin' | wc -l)" -eq 40 ]
}
t '40 commands come out' export_commands
verify_all() {
    for command in /var/tmp/commands/*.bin; do
        sh /smki/verify-command.sh "$command" $etc/recovery-ds.pem || return 1
    done
}
t 'stock openssl verifies each' verify_all
t 'the meters accept each' "$tools/test/meter/smki-meter" run --state "$work/meters" \
    --commands /var/tmp/commands --responses "$work/responses.hex" --log "$work/meters.jsonl"
t 'their answers are taken' ctl responses add "$incident" "$work/responses.hex"

# --- what goes wrong ---

another_signer() {
    [ -n "$(signers)" ] && [ "$(signer_pid)" != "$killed" ] && [ "$(signer_pid)" != 0 ]
}
kill_signer() {
    killed=$(signer_pid)
    service=$(main_pid)
    kill -KILL "$killed"
    rehearsal_wait $$ 30 another_signer && [ "$(main_pid)" = "$service" ]
}
t 'a killed signer is replaced, the service stays' kill_signer
kill_service() {
    service=$(main_pid)
    kill -KILL "$service"
    rehearsal_wait $$ 30 ctl status && [ "$(main_pid)" != "$service" ]
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
t 'the incident ends' rehearsal_close
audit() {
    me=smki-cleo
    as smki-cleo mkdir -p /var/tmp/audit
    ctl audit export --out /var/tmp/audit/audit.jsonl
    status=$?
    me=smki-anna
    [ $status -eq 0 ] && smki-recoveryctl audit verify /var/tmp/audit/audit.jsonl
}
t 'the auditor takes the chain, it verifies offline' audit

# --- stop ---

stop() {
    systemctl stop smki-recovery.service smki-recovery.socket smki-recovery-signer.socket &&
        [ "$(systemctl show -P Result smki-recovery.service)" = success ] &&
        [ "$(systemctl show -P ExecMainStatus smki-recovery.service)" = 0 ]
}
t 'stops cleanly' stop
no_signer() {
    [ -z "$(signers)" ]
}
t 'no signer is left' rehearsal_wait $$ 20 no_signer
t 'no unit has failed' quiet systemctl --failed --no-legend
[ $failed -eq 0 ] || journalctl --no-pager -o cat -u 'smki-recovery*' | tail -n 60 | sed 's/^/# /'
echo "1..$n"
