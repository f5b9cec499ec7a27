"""``vaescope -sc install=bash``: scripts by which shells ask ``commands.completing``."""

import os
import re
from collections.abc import Sequence

from vaescope.commands.completing import candidates
from vaescope.errors import RunFolderError

# bash replaces what stands behind the last of COMP_WORDBREAKS; with nospace a finished word brings
# its own space
_BASH = """\
_vaescope() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(
        COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
            "${1/#\\~/$HOME}" -sc query=bash 2>/dev/null
    )
}
complete -o nospace -o default -F _vaescope vaescope
"""
_ZSH = """\
#compdef vaescope
_vaescope() {
    local -a found
    found=(${(f)"$(
        COMP_LINE="${words[1,CURRENT-1]} $PREFIX" ${~words[1]} -sc query=zsh 2>/dev/null
    )"})
    compadd -Q -S '' -- ${(M)found:#*[=./]}
    compadd -Q -- ${found:#*[=./]}
}
if [ "$funcstack[1]" = "_vaescope" ]; then
    _vaescope "$@"
else
    compdef _vaescope vaescope
fi
"""
_FISH = """\
complete -c vaescope -f -a '(COMP_LINE=(commandline -cp) vaescope -sc query=fish 2>/dev/null)'
"""
INSTALL = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
UNINSTALL = {
    "bash": "complete -r vaescope; unset -f _vaescope\n",
    "zsh": "compdef -d vaescope; unfunction _vaescope\n",
    "fish": "complete -e -c vaescope\n",
}


def answer(words: Sequence[str]) -> str:
    """What ``vaescope -sc ...`` prints: a script for a shell, or what may stand at the cursor.

    Args:
        words: of the command line, with or without a command before ``-sc``.

    Raises:
        RunFolderError: for anything but ``install=``, ``uninstall=`` or ``query=`` and a shell.
    """
    asked = [word.partition("=")[::2] for word in words if "=" in word]
    action, shell = asked[-1] if asked else ("", "")
    if shell in INSTALL:
        if action in ("install", "uninstall"):
            return (INSTALL if action == "install" else UNINSTALL)[shell]
        if action == "query":
            return "".join(f"{word}\n" for word in _found(shell, os.environ.get("COMP_LINE", "")))
    raise RunFolderError(f"-sc takes install=SHELL or uninstall=SHELL: {', '.join(INSTALL)}")


def _found(shell: str, line: str) -> list[str]:
    found = candidates(line)
    if shell != "bash":
        return found
    last = re.split(r"\s", line)[-1]
    breaks = os.environ.get("COMP_WORDBREAKS", "")
    kept = max((last.rfind(sign) for sign in "=:@" if sign in breaks), default=-1) + 1
    return [word[kept:] + ("" if word[-1] in "=./" else " ") for word in found]
