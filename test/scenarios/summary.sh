#!/bin/sh
# SPDX-License-Identifier: MIT
# After all stories: every one has left its result, and enough was refused. summary.sh BUILD STORY...
set -u
results=$1/test/scenarios/results
shift
tried=0 held=0 missing=''
for story; do
    if read -r t h 2>/dev/null <"$results/$story"; then
        tried=$((tried + t)) held=$((held + h))
        printf '# %-18s %3d refusals tried, %3d held\n' "$story" "$t" "$h"
    else
        missing="$missing $story"
    fi
done
say() { # NUMBER TEXT COMMAND...
    n=$1 text=$2
    shift 2
    if "$@"; then echo "ok $n - $text"; else echo "not ok $n - $text"; fi
}
echo '1..3'
say 1 "every story told its result${missing:+; missing:$missing}" [ -z "$missing" ]
say 2 'at least 60 refusals were tried' [ "$tried" -ge 60 ]
say 3 'every one of them held' [ "$tried" -eq "$held" ]
echo "# refusals: $tried tried, $held held"
