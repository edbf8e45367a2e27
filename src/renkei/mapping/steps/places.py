"""Steps on addresses."""

from collections.abc import Iterator, Mapping
from datetime import date

import polars as pl

from renkei.mapping import address
from renkei.mapping.steps.kinds import Known, Misuse, Step, StepKind, Surroundings, Value, texts

_KEYS = ("municipality", "code", "strip")
_LOSSY = (
    "書き方と建物名は鍵に残らない。住所そのものは書かれたまま保存している",
    "the key keeps neither the spelling nor the building; the address is stored as written",
)


def _place(value: Value, step: Step, around: Surroundings) -> Value:
    return value.then(_understood(value, step, around), kind="place")


def _address_key(value: Value, step: Step, around: Surroundings) -> Value:
    return value.then(_understood(value, step, around).struct.field("key"))


def _understood(value: Value, step: Step, around: Surroundings) -> pl.Expr:
    given = step.argument if isinstance(step.argument, Mapping) else {}
    code = pl.lit(given["code"]) if "code" in given else around.raw(given["municipality"])
    return address.place(
        value.expr,
        municipality=code,
        strip=texts(given.get("strip", ())),
        towns=around.towns,
        as_of=around.as_of,
    )


def _turns(_step: Step, around: Surroundings) -> Iterator[date]:
    """A place becomes another on the day that the city's 新旧対照 says."""
    yield from (change.since for change in (around.towns.changes if around.towns else ()))


def _municipality(step: Step, known: Known) -> Iterator[Misuse]:
    given = step.argument if isinstance(step.argument, dict) else {}
    if ("municipality" in given) == ("code" in given):
        yield Misuse(expected="municipality or code", found=str(step.argument))
    for name in given:
        if name not in _KEYS:
            yield Misuse(expected=" | ".join(_KEYS), found=name, near=_KEYS)
    if "municipality" in given and given["municipality"] not in known.columns:
        yield Misuse(expected="a raw column", found=given["municipality"], near=tuple(known.columns))


STEPS: dict[str, StepKind] = {
    "place": StepKind(
        build=_place,
        says="an address, taken apart: key, town, block, number, branch, and how far it was understood",
        gives="place",
        argument="needed",
        misuses=_municipality,
        lossy=_LOSSY,
        turns=_turns,
    ),
    "address_key": StepKind(
        build=_address_key,
        says="the key of `place` alone: municipality | town and numbers, folded",
        argument="needed",
        misuses=_municipality,
        lossy=_LOSSY,
        turns=_turns,
    ),
}
