#!/bin/sh
# SPDX-License-Identifier: MIT
# After all stories: every one has left its result, and every line of REFUSALS.md was tried and held.
# summary.sh BUILD SOURCE STORY...
set -u
results=$1/test/scenarios/results source=$2
shift 2
tried=0 held=0 missing=''
for story; do
    if read -r t h 2>/dev/null <"$results/$story"; then
        tried=$((tried + t)) held=$((held + h))
        printf '# %-18s %3d refusals tried, %3d held\n' "$story" "$t" "$h"
    else
        missing="$missing $story"
    fi
done
# The table against what held: a line of each story is "rule TAB case".
lines=$(awk -F ' *[|] *' -v results="$results" '
    $2 ~ /^[0-9]/ {
        file = results "/" $4 ".held"
        if (!(file in seen)) {
            seen[file]
            while ((getline line <file) > 0)
                is[$4 "\t" line]
        }
        ok = ($4 "\t" $6 "\t" $5) in is
        printf "# %s %-7s %s: %s [%s]\n", $2, ok ? "held" : "MISSING", $3, $4, $6
    }' "$source/test/scenarios/REFUSALS.md")
echo "$lines"
say() { # NUMBER TEXT COMMAND...
    n=$1 text=$2
    shift 2
    if "$@"; then echo "ok $n - $text"; else echo "not ok $n - $text"; fi
}
all_held() {
    ! echo "$lines" | grep -q '^# [0-9.]* MISSING'
}
echo '1..4'
say 1 "every story told its result${missing:+; missing:$missing}" [ -z "$missing" ]
say 2 'at least 60 refusals were tried' [ "$tried" -ge 60 ]
say 3 'every one of them held' [ "$tried" -eq "$held" ]
say 4 "every one of the $(echo "$lines" | wc -l) lines of the procedure's stories was tried and held" all_held
echo "# refusals: $tried tried, $held held"
