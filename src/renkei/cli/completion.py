"""``renkei completion``: shell scripts that ask ``renkei`` itself what may follow."""

import argparse
from collections.abc import Iterable

from renkei.cli import COMMANDS, exits
from renkei.cli.output import show
from renkei.cli.parser import Parser
from renkei.errors import RenkeiError
from renkei.language import say

_SCRIPTS = {
    "bash": """_renkei() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(renkei completion reply -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" \\
        -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _renkei renkei""",
    "zsh": """#compdef renkei
_renkei() {
    local -a found
    found=("${(@f)$(renkei completion reply -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -a found
}
compdef _renkei renkei""",
    "fish": """function _renkei
    renkei completion reply -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c renkei -f -a '(_renkei)'""",
}
_RUNS = 20


def declare(parser: Parser) -> None:
    """The arguments of ``renkei completion``."""
    shell = say("シェル（reply はシェルからの問い合わせ用）", "the shell (reply is what the shells ask)")
    parser.option("shell", shell, choices=(*_SCRIPTS, "reply"))
    parser.option("words", say("入力中の語", "the words so far"), nargs="*", metavar="WORD")
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.shell in _SCRIPTS:
        show(_SCRIPTS[asked.shell])
    else:
        for word in candidates(asked.words):
            show(word)
    return exits.OK


def candidates(words: list[str]) -> list[str]:
    """What may stand where the last word is being typed."""
    from renkei.cli.program import parser_of

    before, typed = words[:-1], words[-1] if words else ""
    if not before:
        return _starting(COMMANDS, typed)
    if before[0] not in COMMANDS:
        return []
    parser = parser_of(before[0])
    for word in before[1:]:
        parser = _verbs(parser).get(word, parser)
    return _starting((*_verbs(parser), *_options(parser), *_values(parser)), typed)


def _starting(known: Iterable[str], typed: str) -> list[str]:
    return [word for word in known if word.startswith(typed)]


def _verbs(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    kinds = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse offers no other way
    return next((dict(kind.choices) for kind in kinds), {})


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions for name in action.option_strings]  # noqa: SLF001 - as above


def _values(parser: argparse.ArgumentParser) -> list[str]:
    """Feeds, run ids or rules where one of those is wanted; nothing when the project cannot be read."""
    wanted = {action.metavar for action in parser._actions}  # noqa: SLF001 - as above
    try:
        return [value for metavar, ask in _ASK.items() if metavar in wanted for value in ask()]
    except RenkeiError:
        return []


def _feeds() -> list[str]:
    from renkei.cli import place
    from renkei.feeds import feeds_of

    return [f"{head.system}.{head.name}" for head in feeds_of(place.project().root)]


def _runs() -> list[str]:
    from renkei import views
    from renkei.cli import place

    with place.registry(place.project()) as engine:
        return [run.run_id for run in views.runs(engine, limit=_RUNS) if run.state != "done"]


def _rules() -> list[str]:
    from renkei.cli import place

    return [
        file.stem.partition("_")[0]
        for file in sorted((place.project().root / "reconciliation").rglob("R*.toml"))
    ]


def _codes() -> list[str]:
    from renkei.errors import catalogue

    return list(catalogue())


_ASK = {"FEED": _feeds, "RUN": _runs, "R01": _rules, "E_CODE": _codes}
