#!/bin/sh
# SPDX-License-Identifier: MIT
# A database that the version before made (store_7/, see make.sh there) is opened by the programs of now, and tells
# the same story: migrated.sh BUILD SOURCE. TAP.
#
# Its incidents: I-2026-0001 closed, four of five recovered and one excused, its first list a device too long;
# I-2026-0002, devices in every state, answers set aside; I-2026-0003, its list corrected after half had answered;
# I-2026-0004, its list corrected before anybody had.
#
# Everything that was told then is told now, by the same name, with the same value; there may be more. What is told
# otherwise, and why, stands in meant() below and nowhere else.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/integration/scene.sh
. "$here/scene.sh"
command -v sqlite3 >/dev/null || scene_skip 'sqlite3 is not installed'
then=$here/store_7
# shellcheck source=test/integration/store_7/tell.sh
. "$then/tell.sh"

# The story of then as it must be told now. Of I-2026-0003 the program of then told a lie: three devices had answered
# by the first version of the list, and the answers stood under the rows of the second, one device on. They are those
# of the devices that gave them now, and a device that the second version leaves out counts all the same. In
# I-2026-0004, too, which was told as if nothing had been signed.
meant() {
    # there are more events than then, so more may come next, and who brings a withdrawal may be told that it is not believed
    jq '.incidents | map_values(.show.next |= ((index("direct-other") as $n | if $n == null then .
            else .[: $n + 1] + ["appoint", "amend", "confirm-amendment"] + .[$n + 1 :] end)
        | if index(["confirm-withdrawal"]) then . + ["reject-withdrawal"] else . end))
        | .["I-2026-0003"] |= (.show.devices = 6 | .figures |= (.devices = 6 | .unanswered = 3 | .by_type.ESME.devices = 3)
        | .devices[0] as $answered | .devices[4] as $not | .devices = [range(6) as $n
            | (if $n < 3 then $answered else $not | .state = "sent" end)
            | .device = "00DB12340030000\($n)" | .type = ["ESME", "GSME"][$n % 2] | .counter = 1014 + $n])
        | .["I-2026-0004"] |= (.show.devices = 4 | .figures |= (.devices = 4 | .unanswered = 4 | .by_type.ESME.devices = 2)
        | .devices[0] as $not | .devices = [range(4) as $n | $not | .state = "sent"
            | .device = "00DB12340040000\($n)" | .type = ["ESME", "GSME"][$n % 2] | .counter = 1020 + $n])' "$then/story.json"
}
# differences WAS IS: a line for each value of then that is not the same now.
differences() {
    jq -nr --slurpfile was "$1" --slurpfile is "$2" 'def at: map("[\(tojson)]") | join("");
        def differ($a; $b; $p):
            if ($a | type) != ($b | type) then "\($p | at): was \($a | tojson), is \($b | tojson)"
            elif ($a | type) == "object" then $a | keys_unsorted[] as $k | differ($a[$k]; $b[$k]; $p + [$k])
            elif ($a | type) == "array" then
                (select(($a | length) != ($b | length)) | "\($p | at): had \($a | length) entries, has \($b | length)"),
                (range([$a, $b] | map(length) | min) as $i | differ($a[$i]; $b[$i]; $p + [$i]))
            elif $a != $b then "\($p | at): was \($a | tojson), is \($b | tojson)"
            else empty end;
        differ($was[0]; $is[0]; [])'
}

must stage_make 1
mkdir -p "$scene/service/rosters"
must sqlite3 -init /dev/null "$scene/service/recovery.db" ".read $then/store.sql"
cp "$then/rosters"/*.csv "$scene/service/rosters"
before=$(sqlite3 "$scene/service/recovery.db" 'PRAGMA user_version')
t 'it is a database of then' same "$before" 7
# shellcheck disable=SC2119 # it takes settings, or none
lacking() { # a list that answers of then stand under is gone: it says which, and takes nothing over
    mv "$scene/service/rosters"/ad7976e5*.csv "$scene" && ! service_start && grep 'store.adopt' "$scene/service.log" &&
        mv "$scene"/ad7976e5*.csv "$scene/service/rosters"
}
t 'it is not opened without a list that its answers stand under' lacking
t 'the service of now opens it' service_start
told_the_same() {
    story_told >"$scene/now.json" && meant >"$scene/then.json" && differences "$scene/then.json" "$scene/now.json" >"$scene/differ" || return 1
    cat "$scene/differ"
    [ ! -s "$scene/differ" ]
}
t 'and tells of every incident what was told then' told_the_same
remembered() { # what its incidents did to keys, with names that no SQL can read in a certificate
    ctl --json keys list | jq -c '[.keys[] | select(.incident == "I-2026-0001")] | group_by(.what)
        | map([.[0].what, length, (map(.subject | contains("CN=supplier-")) | all)])' >"$scene/keys"
    cat "$scene/keys"
    same "$(cat "$scene/keys")" '[["compromised",3,true],["named",3,true],["placed",3,true],["replaced",3,true]]'
}
t 'and remembers keys' remembered
seen() { # one device with another's state, one member gone
    jq '.["I-2026-0002"].devices[2].state = "success" | del(.["I-2026-0001"].figures.by_state.excused)' "$scene/now.json" >"$scene/other.json" &&
        differences "$scene/then.json" "$scene/other.json" >"$scene/differ"
    cat "$scene/differ"
    same "$(wc -l <"$scene/differ")" 2
}
t 'what would be told otherwise would be seen' seen
trail() {
    ctl --quiet audit export --out "$scene/audit.jsonl" &&
        same "$(head -n "$(jq .records "$then/story.json")" "$scene/audit.jsonl" | sha256sum | cut -d ' ' -f 1)" "$(jq -r .audit "$then/story.json")" &&
        ctl audit verify "$scene/audit.jsonl"
}
t 'the audit trail is that of then, octet for octet, goes on and verifies' trail

# --- and it goes on ---

state_of() { # INCIDENT DEVICE
    ctl --json devices "$1" --all | jq -r --arg d "$2" '.devices[] | select(.device == $d) | .state'
}
late() { # INCIDENT FILTER: answers that come now
    ctl --json responses add "$1" "$then/late-$1.hex" >"$scene/taken"
    cat "$scene/taken"
    jq -e "$2" "$scene/taken"
}
t 'an answer that comes now finds its command; one that came then is known' late I-2026-0002 \
    '.lines == 2 and .success == 1 and .set_aside == {"response.duplicate": 1}'
t 'the device is recovered' same "$(state_of I-2026-0002 00DB123400200007)" success
t 'the others are what they were' same "$(ctl --json devices I-2026-0002 --all | jq -r '[.devices[].state] | join(" ")')" \
    'success success failed partly unknown unreachable excused success failed-alone'
t 'answers to the list before the last are those of the devices that give them' late I-2026-0003 '.lines == 3 and .success == 3'
t 'and all six are recovered' same "$(ctl --json devices I-2026-0003 --all | jq -r '[.devices[].state] | join(" ")')" \
    'success success success success success success'
# shellcheck disable=SC2119 # it takes settings, or none
again() {
    service_stop && service_start && cp "$scene/now.json" "$scene/first.json" && story_told >"$scene/now.json" &&
        jq 'del(.["I-2026-0002"], .["I-2026-0003"])' "$scene/first.json" >"$scene/then.json" && differences "$scene/then.json" "$scene/now.json" >"$scene/differ" || return 1
    cat "$scene/differ"
    [ ! -s "$scene/differ" ]
}
t 'opened once more it tells the same again' again
t 'the service ends in order' service_stop

plan
