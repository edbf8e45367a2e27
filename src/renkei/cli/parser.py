"""argparse in the person's language, with mistakes as errors of ours instead of an exit."""

import argparse
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from renkei.errors import FixDeclaration
from renkei.language import language_of_user, say

if TYPE_CHECKING:
    from datetime import date

Run = Callable[[argparse.Namespace], int]

#: What argparse says of a mistake → the same in Japanese.
_MISTAKES = (
    (r"the following arguments are required: (.+)", r"\1 が必要です"),
    (r"unrecognized arguments: (.+)", r"\1 は使えません"),
    (
        r"argument (.+?): invalid choice: (.+?) \(choose from (.+)\)",
        r"\1 に \2 は使えません（\3 のいずれか）",
    ),
    (r"argument (.+?): expected one argument", r"\1 には値が必要です"),
    (r"argument (.+?): not allowed with argument (.+)", r"\1 と \2 は一緒に使えません"),
    (r"argument (.+?): invalid .*value: (.+)", r"\1 に \2 は使えません"),
)


class Parser(argparse.ArgumentParser):
    """One command's arguments. ``verb`` adds a command below it."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own options
        super().__init__(add_help=False, formatter_class=_Formatter, allow_abbrev=False, **options)
        self._positionals.title = say("引数", "arguments")
        self._optionals.title = say("オプション", "options")
        self.add_argument("-h", "--help", action="help", help=say("この説明を表示", "show this help"))
        self._verbs: argparse._SubParsersAction[Parser] | None = None

    def verb(self, name: str, run: Run, text: str) -> "Parser":
        """A command below this one."""
        if self._verbs is None:
            self._verbs = self.add_subparsers(
                title=say("操作", "operations"), metavar=say("操作", "OPERATION"), required=True, dest="verb"
            )
        made = self._verbs.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    def option(self, name: str, text: str, **options: Any) -> None:  # noqa: ANN401 - argparse's own options
        """One argument or option with its help."""
        self.add_argument(name, help=text, **options)

    def error(self, message: str) -> NoReturn:
        """A mistake on the command line is a declaration to be corrected."""
        raise FixDeclaration("E_USAGE", problem=say(_in_japanese(message), message), command=self.prog)


def day(text: str) -> "date":
    """A business day as ``2026-11-20``."""
    from datetime import date

    return date.fromisoformat(text)


#: A longer number is none that the registry gives, and none that it could look for.
_MOST_DIGITS = 18


def count(text: str) -> int:
    """A whole number from nought."""
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise ValueError(text)
    return int(text)


def add_json(parser: Parser) -> None:
    """``--json``, the same for every command that reads."""
    parser.option(
        "--json", say("機械が読む形で標準出力に出す", "answer as JSON on stdout"), action="store_true"
    )


def add_as_of(parser: Parser) -> None:
    """``--as-of``: the business day, the city's today unless given."""
    text = say("基準日（既定は市の今日）", "the business day (the city's today unless given)")
    parser.option("--as-of", text, type=day, metavar="YYYY-MM-DD")


class _Formatter(argparse.HelpFormatter):
    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, say("使い方: ", "usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        # a full-width character takes two columns
        return super()._split_lines(text, width if language_of_user() == "en" else max(width // 2, 11))


def _in_japanese(message: str) -> str:
    for pattern, japanese in _MISTAKES:
        if re.fullmatch(pattern, message):
            return re.sub(pattern, japanese, message)
    return message
