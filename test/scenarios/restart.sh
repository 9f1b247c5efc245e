#!/bin/sh
# SPDX-License-Identifier: MIT
# The service is killed (SIGKILL) and started anew after every step of five stories; each ends as before, with the
# same audit story: the same kinds of record in the same order.
set -u
tools=$1 source=$2
results=$tools/test/scenarios/results
n=0
for story in method1_succeeds false_alarm refusal method3 method2; do
    [ -s "$results/$story.kinds" ] || sh "$source/test/scenarios/$story.sh" "$tools" "$source" >/dev/null 2>&1
    out=$(SMKI_RESTART=yes sh "$source/test/scenarios/$story.sh" "$tools" "$source" 2>&1)
    status=$?
    n=$((n + 1))
    if [ $status -eq 0 ]; then
        echo "ok $n - $story holds with a kill after every step"
    else
        echo "not ok $n - $story holds with a kill after every step"
        echo "$out" | sed 's/^/# /'
    fi
    n=$((n + 1))
    if diff "$results/$story.kinds" "$results/$story-restarted.kinds" >"$results/$story.diff" 2>&1; then
        echo "ok $n - $story: the same audit story"
    else
        echo "not ok $n - $story: the same audit story"
        sed 's/^/# /' "$results/$story.diff"
    fi
    rm -f "$results/$story.diff"
done
echo "1..$n"
