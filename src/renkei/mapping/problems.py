"""What is wrong with a declaration, all of it at once: file, line, expected, found, nearest name."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from renkei.errors import FixDeclaration


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One place to correct. ``line`` is 0 where the whole file is meant."""

    file: str
    line: int
    expected: str
    found: str
    nearest: str = ""

    def __str__(self) -> str:
        hint = f" (nearest: {self.nearest})" if self.nearest else ""
        return f"{self.file}:{self.line}: expected {self.expected}, found {self.found}{hint}"


class Problems(tuple[Problem, ...]):
    """Every problem of one load, in order of file and line; reads as one line each."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise them together, or do nothing when there are none."""
    ordered = Problems(sorted(set(problems)))
    if ordered:
        raise FixDeclaration("E_DECLARATION", problems=ordered)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like the one found, or nothing."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)), "")
