#!/bin/sh
# SPDX-License-Identifier: MIT
# packaging/quickstart and its two checks, small: quickstart.sh BUILD SOURCE. TAP.
set -u
SMKI_BUILD=$1
export SMKI_BUILD
packaging=$2/packaging
dir=$(mktemp -d)
child=
finish() {
    trap - EXIT INT TERM
    rm -f "$dir/gate-is-shut"
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
work=$dir
# shellcheck source=packaging/stage.sh
. "$packaging/stage.sh"
n=0
t() {
    n=$((n + 1))
    title=$1
    shift
    if "$@" >"$dir/log" 2>&1; then
        echo "ok $n - $title"
    else
        echo "not ok $n - $title"
        sed 's/^/# /' "$dir/log"
    fi
}
refused() { # refused STATUS COMMAND...
    want=$1
    shift
    "$@"
    [ $? -eq "$want" ]
}
leaves() { # leaves DIR NAME...: exactly these
    (cd "$1" && ls -A) >"$dir/is"
    shift
    printf '%s\n' "$@" | sort | diff - "$dir/is"
}
results='audit.jsonl commands decision.cms decision.json issuing.pem pma-anchor.pem recovery-ds.pem roster.csv root.pem summary.json'
run() {
    "$packaging/quickstart" --devices 60 --out "$dir/out" "$@"
}

t 'a small rehearsal holds every check' run
# shellcheck disable=SC2086 # a list of words
t 'it leaves the results and nothing else' leaves "$dir/out" $results
numbers() {
    jq -e '.devices == 60 and .commands == 60 and .accepted_by_meters == 60' "$dir/out/summary.json" &&
        [ "$(find "$dir/out/commands" -name '*.bin' | wc -l)" -eq 60 ]
}
t 'sixty devices, sixty commands' numbers

# The two checks by stock openssl refuse what they must.
first=$(find "$dir/out/commands" -name '*.bin' | sort | head -n 1)
check() {
    "$packaging/check-decision.sh" "$dir/out/decision.cms" "$dir/out/pma-anchor.pem" "$@"
}
t 'three of five have signed' check 3 5 "$dir/out/decision.json"
t 'four have not' refused 1 check 4 5
other_words() {
    sed 's/"M3"/"M2"/' "$dir/out/decision.json" >"$dir/other.json"
    refused 1 check 3 5 "$dir/other.json"
}
t 'another document is not what they signed' other_words
t 'another anchor does not vouch for them' refused 1 "$packaging/check-decision.sh" \
    "$dir/out/decision.cms" "$dir/out/root.pem" 3 5
t 'a command verifies' "$packaging/verify-command.sh" "$first" "$dir/out/recovery-ds.pem"
spoiled() { # the last octet of the counter in the header
    { head -c 10 "$first" && printf '\377' && tail -c +12 "$first"; } >"$dir/spoiled.bin"
    refused 1 "$packaging/verify-command.sh" "$dir/spoiled.bin" "$dir/out/recovery-ds.pem"
}
t 'with another counter it does not' spoiled
t 'by another certificate it does not' refused 1 "$packaging/verify-command.sh" "$first" \
    "$dir/out/issuing.pem"

# Folders and arguments.
t 'its own folder is used again' run --keep
# shellcheck disable=SC2086 # a list of words
t '--keep keeps the work' leaves "$dir/out" $results work
foreign() {
    mkdir -p "$dir/foreign" && echo precious >"$dir/foreign/summary.json" && echo mine >"$dir/foreign/mine" &&
        refused 2 "$packaging/quickstart" --out "$dir/foreign" && leaves "$dir/foreign" mine summary.json &&
        [ "$(cat "$dir/foreign/summary.json")" = precious ]
}
t 'a folder of somebody else is left alone' foreign
for bad in 0 1 -5 many 99999999; do
    t "--devices $bad is refused" refused 2 "$packaging/quickstart" --devices "$bad" --out "$dir/none"
done

# Stopped half-way: nothing goes on running. The first signature of the decision waits at a gate.
mkdir "$dir/bin"
cat >"$dir/bin/openssl" <<END
#!/bin/sh
[ "\$1" != cms ] || while [ -e "$dir/gate-is-shut" ]; do sleep 0.05; done
exec "$(command -v openssl)" "\$@"
END
chmod +x "$dir/bin/openssl"
deciding() {
    grep '^== The decision' "$dir/stop/work/quickstart.log"
}
stopped() {
    : >"$dir/gate-is-shut"
    PATH="$dir/bin:$PATH" "$packaging/quickstart" --devices 20 --out "$dir/stop" &
    child=$!
    stage_wait $child deciding && service=$(pgrep -P $child smki-recoveryd) || return 1
    kill -TERM $child
    rm "$dir/gate-is-shut"
    wait $child
    status=$?
    child=
    [ $status -eq 143 ] && [ -n "$service" ] && ! kill -0 "$service" 2>/dev/null
}
t 'stopped half-way, it takes its service along' stopped
echo "1..$n"
