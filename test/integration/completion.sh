#!/bin/sh
# SPDX-License-Identifier: MIT
# Completion, asked of the shells themselves: what bash, zsh and fish offer after a line: completion.sh BUILD SOURCE. TAP.
set -u
# shellcheck source=test/integration/scene.sh
. "$2/test/integration/scene.sh"
for shell in bash zsh fish; do
    command -v $shell >/dev/null || scene_skip "$shell is not installed"
done

must stage_make 2
must service_start
must eventually signers_ready
must scene_active
must scene_batch all

# The completions call the command by its name; here it speaks to this scene's socket.
mkdir -p "$scene/bin" "$scene/home" "$scene/files"
: >"$scene/files/roster-of-mine.csv"
printf '#!/bin/sh\nexec %s/daemon/smki-recoveryctl --socket %s "$@"\n' "$tools" "$socket" >"$scene/bin/smki-recoveryctl"
printf '#!/bin/sh\nexec %s/pkcs11/smki-recovery-ceremony "$@"\n' "$tools" >"$scene/bin/smki-recovery-ceremony"
printf '#!/bin/sh\nSMKI_WORKSHOP_DATA=%s SMKI_BUILD=%s exec sh %s "$@"\n' "$top/packaging" "$tools" \
    "$top/packaging/workshop/smki-recovery-workshop.in" >"$scene/bin/smki-recovery-workshop"
chmod 755 "$scene/bin/"*
completions=$top/packaging/completion

# What a shell offers after LINE, a word a line.
offered_by_bash() {
    # shellcheck disable=SC2016 # bash expands it
    bash --norc -c '. "$1" && read -ra COMP_WORDS <<<"$2" && case $2 in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && "_${COMP_WORDS[0]//-/_}" && printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$completions/${1%% *}" "$1"
}
# A real line editor on a terminal of zsh's own; what compadd was given is told by a wrapper of it, and nothing is inserted.
offered_by_zsh() {
    cat >"$scene/home/.zshrc" <<'ZSH'
PROMPT= RPS1= LISTMAX=0
zmodload zsh/zpty
fpath=($SMKI_COMPLETIONS $fpath)
autoload -Uz compinit && compinit -u -d $HOME/zcompdump
compadd() {
    local -a found; builtin compadd -O found "$@"
    print -rl -- $found >>$SMKI_OFFERED; builtin compadd "$@"
}
finish() { print >>$SMKI_OFFERED.done; exit }
zle -N finish
bindkey '^I' complete-word '^X' finish
print >>$SMKI_OFFERED.ready
ZSH
    rm -f "$scene/offered" "$scene/offered.ready" "$scene/offered.done"
    : >"$scene/offered"
    # The line editor throws away what was typed before it began, so the tab comes when zsh has told that it is there.
    # shellcheck disable=SC2016 # zsh expands it
    ZDOTDIR=$scene/home HOME=$scene/home SMKI_COMPLETIONS=$completions SMKI_OFFERED=$scene/offered zsh -f -c '
        zmodload zsh/zpty; zpty shell "zsh -d -i"
        while [[ ! -e $SMKI_OFFERED.ready ]]; do sleep 0.02; done
        zpty -w -n shell "$1"$'"'\\t\\C-x'"'
        while [[ ! -e $SMKI_OFFERED.done ]]; do zpty -r -t shell >/dev/null; sleep 0.02; done
        zpty -d shell' zsh "$1"
    cat "$scene/offered"
}
offered_by_fish() {
    # shellcheck disable=SC2016 # fish expands it
    HOME=$scene/home XDG_CONFIG_HOME=$scene/home fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
        "$completions/smki-recoveryctl.fish" "$1" | cut -f 1
}

# offers SHELL LINE WORD...: each WORD is offered, and as a word of its own. LINE stands behind the command's name.
command=smki-recoveryctl
offers() {
    asked "$1" "$2" || return 1
    shift 2
    for word; do
        grep -qxF -e "$word" "$scene/out" || { echo "$word is missing" && return 1; }
    done
}
# offers_not SHELL LINE WORD: something is offered, and not WORD.
offers_not() {
    asked "$1" "$2" && [ -s "$scene/out" ] && ! grep -qxF -e "$3" "$scene/out"
}
asked() {
    (cd "$scene/files" && PATH="$scene/bin:$PATH" "offered_by_$1" "$command $2") 2>"$scene/err" | sed 's/ *$//' >"$scene/out"
    cat "$scene/out" "$scene/err" && [ ! -s "$scene/err" ]
}

for shell in bash zsh fish; do
    t "$shell: the verbs' first words" offers $shell '' status incident batch decision audit help
    t "$shell: what begins so" offers $shell 'inc' incident
    t "$shell: nothing else" offers_not $shell 'inc' batch
    t "$shell: the second words" offers $shell 'incident ' list open show event
    t "$shell: an incident that there is" offers $shell 'incident show ' "$incident"
    t "$shell: a batch that there is" offers $shell 'batch show ' "$batch"
    t "$shell: the events" offers $shell "incident event $incident " notify close
    t "$shell: and nothing but what may stand there" offers_not $shell "incident event $incident " incident
    t "$shell: a verb's options" offers $shell 'batch start --' --rows --json
    t "$shell: an option's words" offers $shell 'batch start --rows ' all unfinished unsuccessful
    t "$shell: a file where a file belongs" offers $shell "roster add $incident roster-of" roster-of-mine.csv
done
command=smki-recovery-ceremony
t 'the ceremony: its verbs' offers bash '' generate show mark
t "... and a verb's options" offers bash 'generate --' --all --config
command=smki-recovery-workshop
t 'the workshop: its verbs' offers bash '' list start handout
t '... and its scenarios' offers bash 'start ' own-key ppmid
t 'the service ends in order' service_stop
plan
