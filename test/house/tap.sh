# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# How the tests of the house say what they found. Read by '.'.

n=0
verdict() { # title, file with what is wrong: empty is right
    n=$((n + 1))
    if [ -s "$2" ]; then
        echo "not ok $n - $1"
        sed 's/^/# /' "$2"
    else
        echo "ok $n - $1"
    fi
}
