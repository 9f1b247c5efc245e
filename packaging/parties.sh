# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What parties other than the one operator bring: keys and authorities for the configuration, certificates of
# further suppliers, files that an organisation signs. Read by '.' after rehearsal.sh; the workshop and the
# stories of test/scenarios share it.
#
#   $log   where the programs' remarks go

party_key() { # NAME ID LABEL AUTHORITY CERTIFICATE
    printf '[Key "%s"]\nToken=rehearsal\nId=%s\nLabel=%s\nCertificate=%s\nAuthority=%s\n' \
        "$1" "$2" "$3" "$5" "$4"
}

party_authority() { # NAME ANCHOR THRESHOLD MEMBERS ORGANISATION
    printf '[Authority "%s"]\nAnchor=%s\nThreshold=%s\nMembers=%s\n%s\n' "$1" "$2" "$3" "$4" \
        "${5:+Organisation=$5}"
}

# party_of_token KEY ROLE EUI USAGE: a certificate over a key that lies in the token.
party_of_token() {
    sed -n "/^# $1,/,/^-----END/p" "$work/public.pem" >"$pki/$1.pub"
    stage_pki issue --dir "$pki" --out "$pki/$1.pem" --pubkey "$pki/$1.pub" --role "$2" --eui "$3" \
        --usage "$4" --cn "$1" >>"$log" 2>&1
}

# party_issue NAME ROLE EUI USAGE [OPTION...]: a certificate and its key.
party_issue() {
    issue_name=$1 issue_role=$2 issue_eui=$3 issue_usage=$4
    shift 4
    stage_pki issue --dir "$pki" --out "$pki/$issue_name.pem" --key "$pki/$issue_name.key" \
        --role "$issue_role" --eui "$issue_eui" --usage "$issue_usage" --cn "$issue_name" "$@" >>"$log" 2>&1
}

# party_supplier PREFIX EUI: its six certificates, old and new.
party_supplier() {
    for age in old new; do
        party_issue "$1-ds-$age" 02 "$2" ds
        party_issue "$1-ka-$age" 02 "$2" ka
        party_issue "$1-pp-$age" 02 "$2" ka
    done
}

# party_activation NAME DECISION: the custodians' document for a decision, unsigned.
party_activation() {
    rehearsal_activation "$work/$2.json" | jq --arg id "$(jq -r .id "$work/$2.json")-$1" '.id = $id' >"$work/$1.json"
}

# party_device METERS N: the N-th of them.
party_device() {
    sed -n "$(($2 + 1))s/,.*//p" "$work/$1/roster.csv"
}

party_serial() {
    openssl x509 -in "$pki/$1.pem" -noout -serial | sed 's/.*=//'
}

party_name() { # CERTIFICATE subject|issuer
    openssl x509 -in "$pki/$1.pem" -noout "-$2" -nameopt multiline | sed -n 's/ *commonName *= //p'
}

# party_notify NAME PREFIX EUI ROSTER METHOD SUSPEND: NAME.csv, an Organisation Compromise Notification File
# about the old certificates of that supplier and the devices of the roster.
party_notify() {
    {
        printf 'format,smki-recovery/file/1\nkind,organisation-notification\nfile,%s-%s\n' "$incident" "$1"
        printf 'incident,%s\nsubscriber,%s\n' "$incident" "$3"
        for notify_cell in ds ka pp; do
            printf 'certificate,%s,%s,%s,supplier-%s\n' "$(party_name "$2-$notify_cell-old" issuer)" \
                "$(party_serial "$2-$notify_cell-old")" "$3" $notify_cell
        done
        printf 'certainty,suspected\nfound,%s\nmethod,%s\nsuspend,%s\n' "$(rehearsal_at yesterday)" "$5" "$6"
        party_types "$4"
        printf 'signer,%s Ltd,aro,%s\n\ndevice,type,cells,old,new\n' "$2" "$(party_name org-1 subject)"
        awk -F, -v old="$(party_serial "$2-ds-old")" 'NR > 1 {
            print $1 "," $2 ",supplier-ds+supplier-ka" ($2 == "HCALCS" ? "" : "+supplier-pp") "," old "," }' "$4" # which has no top-ups
    } >"$work/$1.csv"
}

party_types() {
    awk -F, 'NR > 1 { n[$2]++ } END { for (t in n) print "anticipated," t "," n[t] }' "$1"
}

# party_progress NAME PREFIX EUI ROSTER DONE: NAME.csv, a progress file: the first DONE devices have the new
# certificate, the others wait.
party_progress() {
    {
        printf 'format,smki-recovery/file/1\nkind,organisation-progress\nfile,%s-%s\n' "$incident" "$1"
        printf 'incident,%s\nsubscriber,%s\n' "$incident" "$3"
        party_types "$4"
        awk -F, -v done="$5" -v now="$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" 'END { n = NR - 1
            print "as-at," now
            if (n > done) print "total,pending," n - done
            if (done > 0) print "total,success," done
            print "percent," int(done * 100 / n) }' "$4"
        printf 'signer,%s Ltd,aro,%s\n\ndevice,type,cells,old,new,state,code\n' "$2" "$(party_name org-1 subject)"
        awk -F, -v done="$5" -v old="$(party_serial "$2-ds-old")" -v new="$(party_serial "$2-ds-new")" 'NR > 1 {
            print $1 "," $2 ",supplier-ds," old "," (NR - 1 <= done ? new ",success," : ",pending,") }' "$4"
    } >"$work/$1.csv"
}
