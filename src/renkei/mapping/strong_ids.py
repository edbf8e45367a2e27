"""What a mapping may do with numbers that no record keeps, or that make two records one person."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from renkei.mapping.digits import NEVER_STORED
from renkei.mapping.lines import Path as Place
from renkei.mapping.steps import Step, parse
from renkei.records import TOKENS

#: The form of a residence card's number must be proved: equal ones make one person.
_CARD = "residence_card_number"

#: Numbers of which a record keeps the token alone.
_KEPT_NOWHERE = ("individual_number", "account")


#: ``from`` as declared → the raw columns that it names.
ColumnsOf = Callable[[Any], list[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A field as declared: its target, the raw columns that it reads, its steps."""

    to: str
    columns: frozenset[str]
    steps: tuple[Step, ...]


def reads_secret(step: Step) -> bool:
    """True for a step whose text is a number that nobody is shown."""
    return step.name == "token" or _never_stored(step)


def problems(feed: Mapping[str, Any], columns_of: ColumnsOf) -> Iterator[tuple[Place, str, str]]:
    """Place, what was expected, what was found: tokens only where they belong, forms proved, an individual
    number or an account's read by nothing but what checks it or makes its token, and no token in an example.
    """
    rows = [_row(row, columns_of) for row in feed["field"]]
    never = {name for row in rows if _takes_number(row) for name in row.columns}
    for number, row in enumerate(rows):
        token = next((str(step.argument) for step in row.steps if step.name == "token"), None)
        wanted = TOKENS.get(row.to)
        if wanted != token:
            expected = f'{{ token = "{wanted}" }} for {row.to}' if wanted else f"no token for {row.to}"
            yield ("field", number, "steps"), expected, f'{{ token = "{token}" }}' if token else "no token"
        if row.to == _CARD and "residence_card" not in [step.name for step in row.steps]:
            yield ("field", number, "steps"), f"the step residence_card for {_CARD}", "a number of any form"
        if never & row.columns and not _takes_number(row):
            expected = "an individual number, or an account's, read only to check it or to make its token"
            yield ("field", number, "from"), expected, f"{row.to} reads it too"
    for number, example in enumerate(feed.get("example", ())):
        for name in sorted(TOKENS.keys() & example.get("gives", {}).keys()):
            yield ("example", number, "gives"), "no token, for it is another one under each key", name


def _row(row: Mapping[str, Any], columns_of: ColumnsOf) -> _Row:
    return _Row(
        to=row["to"],
        columns=frozenset(column["name"] for column in columns_of(row.get("from", []))),
        steps=tuple(parse(step) for step in row.get("steps", ())),
    )


def _takes_number(row: _Row) -> bool:
    return any(map(_never_stored, row.steps))


def _never_stored(step: Step) -> bool:
    """True for a step that is given an individual number, or the number of an account."""
    if step.name == "token":
        return step.argument in _KEPT_NOWHERE
    return step.name == "check_digit" and step.argument in NEVER_STORED
