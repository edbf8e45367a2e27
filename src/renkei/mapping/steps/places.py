"""Steps on addresses."""

from collections.abc import Iterator, Mapping

import polars as pl

from renkei.mapping import address
from renkei.mapping.steps.kinds import Known, Misuse, Step, StepKind, Surroundings, Value, texts


def _address_key(value: Value, step: Step, around: Surroundings) -> Value:
    given = step.argument if isinstance(step.argument, Mapping) else {}
    code = pl.lit(given["code"]) if "code" in given else around.raw(given["municipality"])
    key = address.address_key(value.expr, municipality=code, strip=texts(given.get("strip", ())))
    return value.then(key)


def _municipality(step: Step, known: Known) -> Iterator[Misuse]:
    given = step.argument if isinstance(step.argument, dict) else {}
    if ("municipality" in given) == ("code" in given):
        yield Misuse(expected="municipality or code", found=str(step.argument))
    if "municipality" in given and given["municipality"] not in known.columns:
        yield Misuse(expected="a raw column", found=given["municipality"], near=tuple(known.columns))


STEPS: dict[str, StepKind] = {
    "address_key": StepKind(
        build=_address_key,
        says="municipality | town and numbers, folded",
        argument="needed",
        misuses=_municipality,
    ),
}
