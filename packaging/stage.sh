# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The stage of whoever rehearses or tests: a throw-away token, keys, certificates, people, meters
# and configuration in one folder; the service and its signers on it. Read by '.'.
#
#   $tools    the build directory             $socket   where the service listens
#   $work     the folder: recovery.conf, pki/, meters/, service/, signer/, service.log
#
# From nothing to a service that answers: stage_make 10 && service_start; then ctl. What a
# rehearsal does on it is in rehearsal.sh.

# shellcheck disable=SC2034 # for the reader of this file
stage_supplier=90B3D51F30020001

# --- the service ---

# service_start [NAME=VALUE...]: with that in its environment; until it answers.
service_start() {
    service_launch "$@"
    eventually ctl_once status
}
# A file has its pid: a test may start it in a subshell.
service_launch() {
    env "$@" "$tools/daemon/smki-recoveryd" --config "$work/recovery.conf" \
        </dev/null >>"$work/service.log" 2>&1 &
    echo $! >"$work/service.pid"
}
service_pid() {
    cat "$work/service.pid" 2>/dev/null
}
service_gone() {
    stage_gone "$(service_pid)"
}
# In order, or not; its exit status where this very shell has started it.
service_stop() {
    kill -TERM "$(service_pid)" 2>/dev/null || : # it may have ended by itself
    service_wait
}
service_kill() {
    kill -KILL "$(service_pid)" 2>/dev/null || :
    service_wait || :
    [ $service_status -eq 137 ] || [ $service_status -eq 127 ]
}
service_wait() {
    service_status=0
    [ -s "$work/service.pid" ] || return 0
    stage_wait $$ service_gone || kill -KILL "$(service_pid)"
    wait "$(service_pid)" 2>/dev/null || service_status=$?
    rm -f "$work/service.pid"
    return $service_status
}

ctl_once() {
    "$tools/daemon/smki-recoveryctl" --socket "$socket" "$@"
}
# A caller may have one of its own.
ctl() {
    stage_patient ctl_once "$@"
}

signers_ready() {
    ctl_once --json status | jq -e '.state == "ready" or (.state == "counters barred" and all(.signers[]; .state == "ready"))'
}
signer_pids() {
    ctl_once --json status | jq -r '.signers[] | select(.pid > 0) | .pid'
}
signers_kill() {
    for signer_pid in $(signer_pids); do
        kill -KILL "$signer_pid" 2>/dev/null || : # it may have ended by itself: its token is away
    done
}

# stage_at_end COMMAND: however the script ends, its service ends; then the command, with the exit status.
stage_at_end() {
    stage_last=$1
    trap stage_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}
stage_end() {
    stage_status=$?
    trap - EXIT INT TERM HUP
    service_stop || :
    $stage_last $stage_status
    exit $stage_status
}

# --- waiting ---
#
# Nothing counts tries, and no caller says how long: a machine may be slow. What was waited for
# in vain for so many seconds will not come any more.

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
            sleep 0.05
        fi
    done
}
# While the service lives.
eventually() {
    stage_wait "$(service_pid)" "$@"
}
# Seconds since the machine started, into $stage_now: no clock that somebody sets.
stage_now() {
    read -r stage_now stage_idle </proc/uptime
    stage_now=${stage_now%.*}
}
# A child that has ended and was not waited for yet lives no more; while other threads of it are still about to end it
# does: only the last lets go of what they have open, a lock too.
stage_lives() {
    [ -n "$1" ] && read -r wait_stat <"/proc/$1/stat" && case ${wait_stat##*) } in
        Z*) set -- "/proc/$1/task"/* && [ $# -gt 1 ] ;;
    esac
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
        5/*signer.not-ready*) [ "$stage_now" -ge $patient_end ] || { sleep 0.1; continue; } ;;
        esac
        [ -z "$patient_said" ] || printf '%s\n' "$patient_said" >&2
        return $patient_status
    done
}

# --- token, keys, certificates, people, meters ---

# stage_make N: everything, with N meters; their list is $roster.
stage_make() {
    stage_token &&
        stage_config >"$work/recovery.conf" &&
        stage_keys &&
        stage_certificates &&
        stage_meters meters "$1" supplier &&
        roster=$work/meters/roster.csv
}

stage_pki() {
    "$tools/test/pki/smki-test-pki" "$@"
}
stage_meter() {
    "$tools/test/meter/smki-meter" "$@"
}

# SoftHSM's configuration, a token with fresh PINs; sets $serial.
stage_token() {
    mkdir -p "$work/tokens"
    cat >"$work/softhsm2.conf" <<END
directories.tokendir = $work/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
library.reset_on_fork = true
END
    SOFTHSM2_CONF=$work/softhsm2.conf
    export SOFTHSM2_CONF
    openssl rand -hex 8 >"$work/pin"
    openssl rand -hex 8 >"$work/so-pin"
    softhsm2-util --init-token --free --label rehearsal \
        --pin "$(cat "$work/pin")" --so-pin "$(cat "$work/so-pin")"
    stage_serial
}

# The serial number as the token itself tells it, into $serial.
stage_serial() {
    serial=$(softhsm2-util --show-slots | awk '
        /Serial number:/ { serial = $3 }
        /Label:/ && $2 == "rehearsal" { print serial }')
    [ -n "$serial" ]
}

# The keys of the configuration, made inside the token; their public halves in public.pem.
stage_keys() {
    "$tools/pkcs11/smki-recovery-ceremony" generate --config "$work/recovery.conf" --all \
        --out "$work/public.pem"
}

# Everyone's certificates in $work/pki, and everybody in a drop-in of the configuration.
stage_certificates() {
    mkdir -p "$work/pki" "$work/recovery.conf.d"
    sed -n '/^# recovery,/,/^-----END/p' "$work/public.pem" >"$work/pki/recovery.pub"
    stage_certificates_in "$work/pki"
    stage_people "$pki" >"$work/recovery.conf.d/people.conf"
}
# stage_certificates_in PKI: of everybody, and of the Recovery key in PKI/recovery.pub. Sets $pki.
stage_certificates_in() {
    pki=$1
    stage_pki init --dir "$pki"
    stage_pki issue --dir "$pki" --out "$pki/recovery-ds.pem" --pubkey "$pki/recovery.pub" \
        --role 01 --eui 90B3D51F30010001 --usage ds --cn R1
    while read -r name role eui usage; do
        stage_pki issue --dir "$pki" --out "$pki/$name.pem" --key "$pki/$name.key" \
            --role "$role" --eui "$eui" --usage "$usage" --cn "$name"
    done <<END
supplier-ds-old 02 $stage_supplier ds
supplier-ka-old 02 $stage_supplier ka
supplier-pp-old 02 $stage_supplier ka
supplier-ds-new 02 $stage_supplier ds
supplier-ka-new 02 $stage_supplier ka
supplier-pp-new 02 $stage_supplier ka
network-ds 03 90B3D51F30030001 ds
network-ka 03 90B3D51F30030001 ka
acb-ds 04 90B3D51F30040001 ds
acb-ka 04 90B3D51F30040001 ka
tcos-ds 05 90B3D51F30050001 ds
wan-ds 06 90B3D51F30060001 ds
END
    cat "$pki"/supplier-??-new.pem "$pki"/supplier-??-old.pem >"$pki/bundle.pem"
}

# stage_key CERTIFICATE: what Keys= of a [Person] says: SHA-256 of the octets in its public
# key's BIT STRING (of an EC key: its point).
stage_key() {
    openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER -out "$1.spki" &&
        key_len=$(openssl asn1parse -inform DER -in "$1.spki" |
            sed -n 's/.* l= *\([0-9]*\) prim: BIT STRING.*/\1/p') &&
        tail -c $((key_len - 1)) "$1.spki" | sha256sum | cut -d ' ' -f 1
    rm -f "$1.spki"
}
# stage_subject CERTIFICATE commonName|organizationName|organizationalUnitName
stage_subject() {
    openssl x509 -in "$1" -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n "s/^ *$2 *= //p"
}

# stage_person SECTION CERTIFICATE [LINE...]: the [Person] whose certificate it is.
stage_person() {
    printf '[Person "%s"]\nName=%s\nOrganisation=%s\nKeys=%s\n' "$1" \
        "$(stage_subject "$2" commonName)" "$(stage_subject "$2" organizationName)" \
        "$(stage_key "$2")"
    shift 2
    [ $# -eq 0 ] || printf '%s\n' "$@"
}
# stage_login SECTION NAME UID...: a [Person] without key, who operates.
stage_login() {
    printf '[Person "%s"]\nName=%s\nOrganisation=DCC\n' "$1" "$2"
    shift 2
    printf 'Users=%s\n' "$*"
}
# stage_people PKI: everybody of a rehearsal; whoever runs it operates.
stage_people() {
    stage_members "$1"
    stage_login operator 'Operator One' "$(id -u)"
}
# stage_members PKI: whoever decides, instructs or switches keys on.
stage_members() {
    for person in pma-1 pma-2 pma-3 pma-4 pma-5; do
        stage_person $person "$1/$person.pem" \
            "Seats=$(stage_subject "$1/$person.pem" organizationalUnitName)"
    done
    for person in org-1 org-2 custodian-1 custodian-2 custodian-3; do
        stage_person $person "$1/$person.pem"
    done
}

# The configuration of a rehearsal by one person, on standard output. The signers run as
# children of the service.
stage_config() {
    cat <<END
[Service]
Socket=$socket
StateDirectory=$work/service
SignerProgram=$tools/pkcs11/smki-recovery-signer
Exercise=yes
TwoPersonSec=0
[Signer]
StateDirectory=$work/signer
[Counter]
Start=1000
END
    mkdir -p "$work/service" "$work/signer"
    stage_anchors "$work/pki" "PinFile=$work/pin"
    for role in operator approver auditor; do
        printf '[Role "%s"]\nUsers=%s\n' "$role" "$(id -u)"
    done
}

# stage_anchors PKI PIN: who is trusted and where the key is; PIN is a configuration line.
stage_anchors() {
    cat <<END
[Trust]
Root=$1/root.pem
Issuing=$1/issuing.pem
[Token "rehearsal"]
Module=/usr/lib/softhsm/libsofthsm2.so
Label=rehearsal
Serial=$serial
$2
ProbeId=0F
AuditId=0E
Workers=$(nproc)
[Key "recovery"]
Token=rehearsal
Id=01
Certificate=$1/recovery-ds.pem
Authority=pma
[Authority "pma"]
Anchor=$1/pma-anchor.pem
Threshold=3
Members=5
RequiredSeats=chair
MaxWindowSec=604800
[Authority "custodians"]
Anchor=$1/custodian-anchor.pem
Threshold=2
Members=3
END
}

# stage_meters FOLDER N PREFIX [OPTION...]: N meters that hold that supplier's old certificates, half of them
# electricity, half gas; their list in FOLDER/roster.csv.
stage_meters() {
    meters_dir=$work/$1 meters_n=$2 meters_of=$3
    shift 3
    stage_meter init --state "$meters_dir" --devices "$meters_n" --keys "$@" \
        --cell root="$pki/root.pem" --cell recovery-ds="$pki/recovery-ds.pem" \
        --cell supplier-ds="$pki/$meters_of-ds-old.pem" --cell supplier-ka="$pki/$meters_of-ka-old.pem" \
        --cell supplier-pp="$pki/$meters_of-pp-old.pem" --cell network-ds="$pki/network-ds.pem" \
        --cell network-ka="$pki/network-ka.pem" --cell acb-ds="$pki/acb-ds.pem" \
        --cell acb-ka="$pki/acb-ka.pem" --cell tcos-ds="$pki/tcos-ds.pem" --cell wan-ds="$pki/wan-ds.pem"
}
