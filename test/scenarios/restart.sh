#!/bin/sh
# SPDX-License-Identifier: MIT
# The service is killed (SIGKILL) and started anew after every step of a story, in every state of its incidents; it
# ends as without: the same audit story, the same final state. restart.sh BUILD SOURCE STORY
set -u
tools=$1 source=$2 story=$3
results=$tools/test/scenarios/results
tell() {
    sh "$source/test/scenarios/$story.sh" "$tools" "$source" 2>&1
}
out=$(SMKI_RESTART=yes tell)
status=$?
case $out in 1..0*) echo "$out"; exit 0 ;; esac
if [ $status -eq 0 ]; then
    echo "ok 1 - $story holds with a kill after every step"
    echo "$out" | grep -e 'killed at' -e '- reader: ' | sed 's/^ok [0-9]* - /# /'
else
    echo "not ok 1 - $story holds with a kill after every step"
    echo "$out" | sed 's/^/# /'
fi
[ -s "$results/$story.outcome" ] || tell >/dev/null
if diff "$results/$story.outcome" "$results/$story-restarted.outcome" >"$results/$story-restarted.diff" 2>&1; then
    echo "ok 2 - $story: the same audit story and the same final state"
else
    echo "not ok 2 - $story: the same audit story and the same final state"
    sed 's/^/# /' "$results/$story-restarted.diff"
fi
echo '1..2'
