"""Runs a rule on its own little tables: the proof, before any night, that it finds what it claims."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from renkei.engine import Engine
from renkei.reconcile.example import Example
from renkei.reconcile.find import offer_lags, rows
from renkei.reconcile.relation import FeedTerms
from renkei.reconcile.rule import Rule


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Rows of the example that were not found, and rows found that it does not name, as text."""

    missing: tuple[tuple[str, ...], ...]
    unexpected: tuple[tuple[str, ...], ...]

    @property
    def is_right(self) -> bool:
        """True when the rule found exactly what the example says."""
        return not self.missing and not self.unexpected


def rehearse(engine: Engine, rule: Rule, example: Example, *, terms: Mapping[str, FeedTerms]) -> Rehearsal:
    """Run the rule on the example's tables; the engine must be a fresh one. In transit is not found."""
    for name, table in example.given.items():
        engine.table(name, table)
    offer_lags(engine, terms)
    engine.seal()
    found = rows(engine, rule, as_of=example.as_of)
    wanted = example.finds or ()
    columns = tuple(wanted[0]) if wanted else ("subject_id", "class", "left_key", "right_key")
    got, due = _as_text(found, columns), Counter(tuple(row.values()) for row in wanted)
    return Rehearsal(missing=tuple((due - got).elements()), unexpected=tuple((got - due).elements()))


def _as_text(found: pa.Table, columns: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    # A rule about deliveries calls its subject delivery_id.
    names = ["subject_id" if name == "delivery_id" else name for name in columns]
    here = [row for row in found.to_pylist() if not row["in_transit"]]
    return Counter(tuple("" if row[name] is None else str(row[name]) for name in names) for row in here)
