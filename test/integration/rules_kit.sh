# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests speak that fire one rule after the other. Read by '.' after scene.sh.

bad=$scene/bad # whatever is spoilt
: >"$scene/fired"

# fires RULE COMMAND...: what it says names the rule.
fires() {
    fires_rule=$1
    shift
    "$@" >"$scene/said" 2>&1 </dev/null
    tail -n 20 "$scene/said"
    # what was waited for in vain names the rule, too
    grep -v '^waited for: ' "$scene/said" | grep -Eq "(^|[^a-z.-])$(echo "$fires_rule" | sed 's/\./[.]/g')([^a-z.-]|\$)" && echo "$fires_rule" >>"$scene/fired"
}
# rule RULE WHAT COMMAND...: one case
rule() {
    rule_id=$1 rule_what=$2
    shift 2
    t "$rule_id: $rule_what" fires "$rule_id" "$@"
}
post() { # post PATH BODY
    curl -sS --unix-socket "$socket" -X POST -H 'Content-Type: application/json' --data-binary "$2" "http://localhost$1"
}
ceremony() {
    "$tools/pkcs11/smki-recovery-ceremony" "$@"
}
with() { # with KEY=VALUE... -- COMMAND...: so configured, for once
    cp "$scene/recovery.conf" "$scene/kept.conf"
    while [ "$1" != -- ]; do
        awk -v line="$1" 'BEGIN { key = substr(line, 1, index(line, "=")) } index($0, key) == 1 { print line; next } { print }' \
            "$scene/recovery.conf" >"$scene/new.conf" && mv "$scene/new.conf" "$scene/recovery.conf"
        shift
    done
    shift
    with_status=0
    "$@" || with_status=$?
    mv "$scene/kept.conf" "$scene/recovery.conf"
    return $with_status
}
