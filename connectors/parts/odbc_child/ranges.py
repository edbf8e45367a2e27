"""Parts of a table by key: after one row's key, up to and with another's. A tie is never cut."""

from collections.abc import Sequence
from dataclasses import dataclass

from .dialects import Column, Dialect

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition on rows, and the texts for its parameters in their order."""

    sql: str = "1 = 1"
    parameters: tuple[str, ...] = ()

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(
            sql=f"({self.sql}) AND ({other.sql})", parameters=(*self.parameters, *other.parameters)
        )


@dataclass(frozen=True, kw_only=True)
class Range:
    """The rows with ``low`` < key ≤ ``high``; None is the end of the table."""

    low: Key | None = None
    high: Key | None = None

    def condition(self, keys: Sequence[Column], dialect: Dialect) -> Condition:
        """As SQL that an index on the key can serve."""
        found = Condition()
        if self.low is not None:
            found = _compared(keys, dialect, ">", self.low)
        if self.high is not None:
            upper = _compared(keys, dialect, "<=", self.high)
            found = upper if self.low is None else found & upper
        return found


def one_of(keys: Sequence[Column], wanted: Sequence[Key]) -> Condition:
    """The rows with these keys."""
    row = " AND ".join(f"{key.quoted} = {value_of(key)}" for key in keys)
    if len(keys) == 1:
        row = f"{keys[0].quoted} IN ({', '.join([value_of(keys[0])] * len(wanted))})"
        return Condition(sql=row, parameters=tuple(key[0] for key in wanted))
    rows = " OR ".join([f"({row})"] * len(wanted))
    return Condition(sql=rows, parameters=tuple(value for key in wanted for value in key))


def value_of(column: Column) -> str:
    """A parameter, compared as the column's type is."""
    return f"CAST(? AS {column.type})" if column.type else "?"


def _compared(keys: Sequence[Column], dialect: Dialect, sign: str, values: Key) -> Condition:
    if len(keys) == 1:
        return Condition(sql=f"{keys[0].quoted} {sign} {value_of(keys[0])}", parameters=values)
    if dialect.compares_rows:
        names = ", ".join(key.quoted for key in keys)
        places = ", ".join(value_of(key) for key in keys)
        return Condition(sql=f"({names}) {sign} ({places})", parameters=values)
    return _column_by_column(keys, sign, values)


def _column_by_column(keys: Sequence[Column], sign: str, values: Key) -> Condition:
    """(a, b) > (1, 2) for engines that compare no rows: a > 1 OR (a = 1 AND b > 2)."""
    ways: list[str] = []
    parameters: list[str] = []
    for last, key in enumerate(keys):
        strict = sign if last == len(keys) - 1 else sign[0]
        equal = [f"{before.quoted} = {value_of(before)}" for before in keys[:last]]
        ways.append(" AND ".join([*equal, f"{key.quoted} {strict} {value_of(key)}"]))
        parameters += values[: last + 1]
    return Condition(sql=" OR ".join(f"({way})" for way in ways), parameters=tuple(parameters))
