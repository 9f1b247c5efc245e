# SPDX-License-Identifier: MIT
# fish completion for smki-recoveryctl(1). Verbs, options and words come from the program itself.

function __smki_words
    commandline -opc | string match -rv '^-' | tail -n +2
end
function __smki_first
    smki-recoveryctl --list-verbs | cut -f 1 | cut -d ' ' -f 1 | sort -u
end
function __smki_second
    set -l words (__smki_words)
    smki-recoveryctl --list-verbs | cut -f 1 | string match -rg "^$words[1] (.*)"
end
function __smki_options
    set -l words (__smki_words)
    smki-recoveryctl --list-verbs | string match -r "^(?:$words[1]|$words[1] $words[2])\t.*" | cut -f 2 | string split ' '
end
function __smki_names
    set -l words (__smki_words)
    switch "$words[1] $words[2]"
        case 'batch *' 'commands export'
            smki-recoveryctl batch list 2>/dev/null | awk 'NR > 1 { print $1 }'
        case 'decision review' 'decision merge' # files
        case 'policy explain'
            smki-recoveryctl policy list | awk 'NR > 1 { print $1 }'
        case '*'
            smki-recoveryctl incident list 2>/dev/null | awk 'NR > 1 { print $1 }'
    end
end
complete -c smki-recoveryctl -n 'test (count (__smki_words)) -eq 0' -f -a '(__smki_first) help'
complete -c smki-recoveryctl -n 'test (count (__smki_words)) -eq 1' -f -a '(__smki_second)'
complete -c smki-recoveryctl -n 'test (count (__smki_words)) -ge 2' -a '(__smki_options)'
complete -c smki-recoveryctl -n 'test (count (__smki_words)) -eq 2' -a '(__smki_names)'
complete -c smki-recoveryctl -n 'test (count (__smki_words)) -eq 3; and string match -q "incident event*" (string join " " (__smki_words))' -f -a '(smki-recoveryctl --list-words events)'
complete -c smki-recoveryctl -l facts -x -a '(smki-recoveryctl --list-words facts)'
complete -c smki-recoveryctl -l outcome -x -a '(smki-recoveryctl --list-words outcomes)'
complete -c smki-recoveryctl -l kind -x -a '(smki-recoveryctl --list-words kinds)'
complete -c smki-recoveryctl -l as -x -a '(smki-recoveryctl --list-words actors)'
complete -c smki-recoveryctl -l initiator -x -a '(smki-recoveryctl --list-words actors)'
complete -c smki-recoveryctl -l route -x -a '(smki-recoveryctl --list-words routes)'
complete -c smki-recoveryctl -l rows -x -a 'all unfinished unsuccessful'
complete -c smki-recoveryctl -l socket -r -d 'operator socket'
complete -c smki-recoveryctl -l json -d 'JSON instead of tables'
complete -c smki-recoveryctl -l quiet -d 'no progress, no remarks'
complete -c smki-recoveryctl -l yes -d 'answer yes to every question'
complete -c smki-recoveryctl -l dry-run -d 'judge, and change nothing'
complete -c smki-recoveryctl -l no-pager -d 'page nothing'
complete -c smki-recoveryctl -l key -x -d 'Idempotency-Key'
complete -c smki-recoveryctl -l help -d 'help, or help on a verb'
