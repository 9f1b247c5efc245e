#!/bin/sh
# SPDX-License-Identifier: MIT
# Pre-commands made elsewhere are compared with the decision: precommand.sh BUILD SOURCE. TAP.
#
# They are made by a program that shares no line with the service, as another party would
# make its own from the same decision. The signer gets none of their octets.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
forge=$tools/test/meter/meter-forge

# made DEVICE COUNTER NAME-OF-NEW-CERTIFICATES [OPTION...]: a line of hexadecimal
made() {
    made_device=$1 made_counter=$2 made_new=$3
    shift 3
    "$forge" --mode 8 --target "$made_device" --originator 90B3D51F30010001 --counter "$made_counter" \
        --path "$scene/pki/issuing.pem" --out "$scene/made" \
        --cell supplier-ds="$scene/pki/supplier-ds-$made_new.pem" \
        --cell supplier-ka="$scene/pki/supplier-ka-$made_new.pem" \
        --cell supplier-pp="$scene/pki/supplier-pp-$made_new.pem" "$@" &&
        od -An -v -tx1 "$scene/made" | tr -d ' \n' && echo
}
devices() {
    sed '1d;s/,.*//' "$roster"
}
compare() { # compare FILE FILTER: what the service answers
    ctl --json pre-commands compare "$incident" "$decision" "$1" >"$scene/answer"
    compare_status=$?
    cat "$scene/answer"
    jq -se ".[0] | $2" "$scene/answer" >/dev/null
}

must stage_make 20
must service_start
must scene_referred
must scene_decide .
decision=$(jq -r .id "$scene/decision.json")
all() {
    counter=900
    for device in $(devices); do
        counter=$((counter + 1))
        made "$device" $counter new || return 1
    done >"$scene/made.hex"
}
must all
early() {
    not ctl pre-commands compare "$incident" "$decision" "$scene/made.hex" 2>"$scene/err" &&
        grep 'rule    decision.none' "$scene/err"
}
t 'without a decision there is nothing to compare with' early
must scene_activate
t 'twenty made elsewhere say what would be signed' compare "$scene/made.hex" '.lines == 20 and .equal == 20 and
    .different == 0 and .devices_without == 0 and .differences == []'
t 'and the exit status says so' same "$compare_status" 0
recorded() {
    ctl audit export | jq -se --arg sha256 "$(sha256sum <"$scene/made.hex" | cut -d ' ' -f 1)" --arg decision "$decision" \
        'map(select(.kind == "PRE_COMMANDS_COMPARED") | .data) == [{decision: $decision, sha256: $sha256, count: 20, equal: 20}]'
}
t 'what was compared is on record by its digest' recorded
bare() { # without the null signature
    sed 's/00$//' "$scene/made.hex" | head -n 19 >"$scene/bare.hex"
    compare "$scene/bare.hex" '.equal == 19 and .devices_without == 1'
}
t 'the null signature may be left out; who has none is counted' bare

first=$(devices | head -n 1)
{
    made "$first" 900 old
    made "$first" 900 new --other supplier=0:0
    made "$first" 900 new --disapply
    made "$first" 900 new --execute 2027-01-01T00:00:00Z
    made "$first" 900 new --cell tcos-ds="$scene/pki/tcos-ds.pem"
    made 00DB1234000000FF 900 new
    made "$first" 900 new --signer "$scene/pki/supplier-ds-old.key"
    head -n 1 "$scene/made.hex" | sed 's/^..//'
    echo 'no message'
} >"$scene/spoilt.hex"
spoilt() {
    compare "$scene/spoilt.hex" '.lines == 9 and .equal == 0 and .different == 9 and
        [.differences[].line] == [range(1; 10)] and [.differences[].rule] ==
        ["precommand.differs", "precommand.differs", "precommand.differs", "precommand.differs", "precommand.differs",
         "precommand.device", "precommand.kind", "message.header", "precommand.kind"]'
}
t 'other certificates, floors, times, cells, devices and what is signed are told apart' spoilt
t 'and the exit status says so too' same "$compare_status" 1

# --- the signer knows nothing of them ---

must scene_batch all
must eventually batch_is 'done'
own_counters() { # nothing was signed under a counter that came from elsewhere, or of its octets
    commands_out "$scene/signed.d" && commands_are "$scene/signed.d" 20 && meters_accept "$scene/signed.d" &&
        find "$scene/signed.d" -name '*.bin' -printf '%f\n' | sed 's/.*-\(.*\)\.bin/\1/' | sort -n | head -n 1 >"$scene/lowest" &&
        [ "$(cat "$scene/lowest")" -ge 1000 ]
}
t 'the batch is signed under counters of this house' own_counters
as_signed() { # once its counter is known, the other party makes the very octets that were signed
    for file in "$scene/signed.d"/*.bin; do
        name=${file##*/}
        name=${name%.bin}
        same "$(made "${name%-*}" "${name#*-}" new)" "$(head -c -65 "$file" | od -An -v -tx1 | tr -d ' \n')00" ||
            return 1
    done
}
t 'with such a counter the other party makes the very octets that were signed' as_signed
t 'the audit trail is whole' chain_whole
t 'the service ends in order' service_stop

plan
