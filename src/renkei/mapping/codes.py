"""Code tables (コード表): a source's code → the hub's word, with the days between which it is valid."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from renkei.mapping import schema
from renkei.mapping.lines import Lines, locate
from renkei.mapping.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Code:
    """One row. ``to`` None: the code is known and says nothing. ``refuse``: a record with it is set aside."""

    source: str
    to: str | None
    valid_from: date = date.min
    valid_to: date = date.max
    refuse: str | None = None


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """One table; ``by_prefix`` tables match the longest beginning instead of the whole code."""

    name: str
    by_prefix: bool
    codes: tuple[Code, ...]
    declared: Mapping[str, Any]

    def at(self, day: date) -> dict[str, str | None]:
        """The codes that are valid on a day, longest first."""
        return {code.source: code.to for code in self._valid(day) if code.refuse is None}

    def refused_at(self, day: date) -> dict[str, str]:
        """The codes that keep their record out on a day, longest first, and the error that says why."""
        return {code.source: code.refuse for code in self._valid(day) if code.refuse is not None}

    def _valid(self, day: date) -> list[Code]:
        valid = [code for code in self.codes if code.valid_from <= day <= code.valid_to]
        return sorted(valid, key=lambda code: -len(code.source))

    @property
    def turns(self) -> frozenset[date]:
        """Every day from which the table says something else than on the day before."""
        begins = {code.valid_from for code in self.codes}
        ends = {code.valid_to + timedelta(days=1) for code in self.codes if code.valid_to < date.max}
        return frozenset(begins | ends) - {date.min}

    @property
    def words(self) -> frozenset[str]:
        """Everything the table can translate to."""
        return frozenset(code.to for code in self.codes if code.to is not None)


def load(folder: Path) -> tuple[dict[str, CodeTable], list[Problem]]:
    """Every table of the folder by file name, and what is wrong with any of them."""
    tables: dict[str, CodeTable] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            text = path.read_text("utf-8")
            declared = tomllib.loads(text)
        except UnicodeDecodeError:
            problems.append(Problem(file=path.name, line=0, expected="UTF-8", found="another encoding"))
            continue
        except tomllib.TOMLDecodeError as error:
            problems.append(Problem(file=path.name, line=0, expected="TOML", found=str(error)))
            continue
        lines = locate(text)
        found = schema.problems(declared, schema.CODES, file=path.name, lines=lines)
        found = found or _unclear(declared["codes"], file=path.name, lines=lines)
        problems += found
        if not found:
            tables[path.stem] = _table(path.stem, declared)
    return tables, problems


def _unclear(rows: Sequence[Mapping[str, Any]], *, file: str, lines: Lines) -> list[Problem]:
    """Rows that end before they begin, and rows of one code that are valid on the same day.

    In a prefix table the same: a longer beginning goes first, so only equal ones are in each other's way.
    """
    found = []
    by_code: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        since, until = _days(row)
        line = lines.of(("codes", number))
        if since > until:
            found.append(
                Problem(
                    file=file, line=line, expected="valid_from before valid_to", found=f"{since} to {until}"
                )
            )
            continue
        others = by_code.setdefault(row["code"], [])
        for other in others:
            if max(since, _days(rows[other])[0]) <= min(until, _days(rows[other])[1]):
                says = f"{row['code']!r} of line {line} and of line {lines.of(('codes', other))}"
                found.append(Problem(file=file, line=line, expected="one row a code and day", found=says))
        others.append(number)
    return found


def _days(row: Mapping[str, Any]) -> tuple[date, date]:
    return row.get("valid_from", date.min), row.get("valid_to", date.max)


def _table(name: str, declared: Mapping[str, Any]) -> CodeTable:
    codes = tuple(
        Code(
            source=row["code"],
            to=row["to"] or None,
            valid_from=_days(row)[0],
            valid_to=_days(row)[1],
            refuse=row.get("refuse"),
        )
        for row in declared["codes"]
    )
    return CodeTable(name=name, by_prefix=declared.get("match") == "prefix", codes=codes, declared=declared)
