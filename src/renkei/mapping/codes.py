"""Code tables (コード表): a source's code → the hub's word, with the days between which it is valid."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from renkei.mapping import schema
from renkei.mapping.lines import locate
from renkei.mapping.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Code:
    """One row. ``to`` None: the code is known and says nothing."""

    source: str
    to: str | None
    valid_from: date = date.min
    valid_to: date = date.max


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """One table; ``by_prefix`` tables match the longest beginning instead of the whole code."""

    name: str
    by_prefix: bool
    codes: tuple[Code, ...]
    declared: Mapping[str, Any]

    def at(self, day: date) -> dict[str, str | None]:
        """The codes that are valid on a day, longest first."""
        valid = [code for code in self.codes if code.valid_from <= day <= code.valid_to]
        return {code.source: code.to for code in sorted(valid, key=lambda code: -len(code.source))}

    @property
    def words(self) -> frozenset[str]:
        """Everything the table can translate to."""
        return frozenset(code.to for code in self.codes if code.to is not None)


def load(folder: Path) -> tuple[dict[str, CodeTable], list[Problem]]:
    """Every table of the folder by file name, and what is wrong with any of them."""
    tables: dict[str, CodeTable] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        text = path.read_text("utf-8")
        try:
            declared = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            problems.append(Problem(file=path.name, line=0, expected="TOML", found=str(error)))
            continue
        found = schema.problems(declared, schema.CODES, file=path.name, lines=locate(text))
        problems += found
        if not found:
            tables[path.stem] = _table(path.stem, declared)
    return tables, problems


def _table(name: str, declared: Mapping[str, Any]) -> CodeTable:
    codes = tuple(
        Code(
            source=row["code"],
            to=row["to"] or None,
            valid_from=row.get("valid_from", date.min),
            valid_to=row.get("valid_to", date.max),
        )
        for row in declared["codes"]
    )
    return CodeTable(name=name, by_prefix=declared.get("match") == "prefix", codes=codes, declared=declared)
