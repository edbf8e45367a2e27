"""Runs one command: its parser, its action, and its errors as what happened, what is safe, what to do."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from renkei.cli import COMMANDS, exits
from renkei.cli.output import answer, tell
from renkei.cli.parser import Parser
from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain, explain, language_of_user
from renkei.language import say

if TYPE_CHECKING:
    from types import TracebackType


def run_command(name: str, words: Sequence[str]) -> int:
    """Parse, act, and turn whatever comes up into an exit code."""
    try:
        asked = parser_of(name).parse_args(words)
        return int(asked.run(asked))
    except RenkeiError as error:
        return _fail(error, as_json="--json" in words)
    except SystemExit as left:  # --help
        return int(left.code or 0)
    except KeyboardInterrupt:
        tell(say("中断しました。", "Interrupted."))
        return exits.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:  # noqa: BLE001 - the edge: nothing personal may be in what is printed
        return _fail(_translated(error), as_json="--json" in words)


def parser_of(name: str) -> Parser:
    """The parser of one command; only its module is imported."""
    if name not in COMMANDS:
        raise FixDeclaration(
            "E_NOT_FOUND", kind=say("コマンド", "command"), name=name, nearest=_nearest(name)
        )
    module, japanese, english = COMMANDS[name]
    parser = Parser(prog=f"renkei {name}", description=say(japanese, english))
    import_module(f"renkei.cli.{module}").declare(parser)
    return parser


def _fail(error: RenkeiError, *, as_json: bool) -> int:
    code = exits.code_of(error)
    if as_json:
        texts = {way: explain(error.code, language=way, facts=error.facts) for way in ("ja", "en")}
        answer(
            "renkei.error/1", {"code": error.code, "exit_code": code, "retryable": error.retryable, **texts}
        )
    tell(f"{error.text(language_of_user())} [{error.code}]")
    return code


def _translated(error: Exception) -> RenkeiError:
    """A fault of a library as one of ours: its kind and place, never its message, which may quote values."""
    home = type(error).__module__.partition(".")[0]
    if home in ("sqlalchemy", "psycopg") and type(error).__name__ in ("OperationalError", "InterfaceError"):
        return TryAgain("E_DATABASE")
    if isinstance(error, PermissionError):
        return FixDeclaration("E_PERMISSION", path=str(error.filename))
    return Stop("E_UNEXPECTED", kind=f"{home}.{type(error).__name__}", where=_where(error.__traceback__))


def _where(trace: "TracebackType | None") -> str:
    from pathlib import Path
    from traceback import extract_tb

    ours = [frame for frame in extract_tb(trace) if "renkei" in frame.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "-"


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(COMMANDS), n=1, cutoff=0.0)), "-")
