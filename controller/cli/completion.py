"""`canaryctl completion`: scripts for shells, which ask the program itself what may follow."""

import argparse
from typing import Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_OK
from controller.cli.output import put

ASK: Final = "__complete"
"""The hidden command that the scripts call, with the words typed so far."""

DESCRIPTION: Final = """\
Print a script that completes commands, flags and the names of Canaries in your shell.

  bash   source <(canaryctl completion bash)          in ~/.bashrc
  zsh    source <(canaryctl completion zsh)           in ~/.zshrc, after compinit
  fish   canaryctl completion fish > ~/.config/fish/completions/canaryctl.fish

For `kubectl canary` kubectl's own completion asks kubectl_complete-canary, which is installed along
with canaryctl: nothing has to be done but to have it on the PATH."""

BASH: Final = """\
# bash completion of canaryctl
_canaryctl() {
    local said line
    COMPREPLY=()
    said=$(canaryctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
    while IFS= read -r line; do
        case $line in
            :0) compopt -o default 2>/dev/null ;;
            :*) ;;
            *) COMPREPLY+=("${line%%$'\\t'*}") ;;
        esac
    done <<<"$said"
}
complete -F _canaryctl canaryctl
"""

ZSH: Final = """\
#compdef canaryctl
# zsh completion of canaryctl
_canaryctl() {
    local line files=
    local -a offered
    for line in "${(@f)$(canaryctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            :0) files=1 ;;
            :*|'') ;;
            *$'\\t'*) offered+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}") ;;
            *) offered+=("${line//:/\\\\:}") ;;
        esac
    done
    (( ${#offered} )) && _describe -V canaryctl offered
    [[ -n $files ]] && _files
}
if [ "$funcstack[1]" = "_canaryctl" ]; then
    _canaryctl "$@"
else
    compdef _canaryctl canaryctl
fi
"""

FISH: Final = """\
# fish completion of canaryctl
function __canaryctl_offered
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    for line in (canaryctl __complete $words "$current" 2>/dev/null)
        switch $line
            case ':0'
                __fish_complete_path "$current"
            case ':*' ''
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c canaryctl -f -k -a '(__canaryctl_offered)'
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """For which shell."""
    parser.description = DESCRIPTION
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="which shell")


def print_script(arguments: argparse.Namespace) -> int:
    """Print it."""
    put(SCRIPTS[arguments.shell].rstrip())
    return EXIT_OK


COMPLETION: Final = Command(
    name="completion",
    summary="print a script that completes words in your shell",
    add_flags=add_flags,
    run=print_script,
)
