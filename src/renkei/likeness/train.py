"""Makes a model from records: how often a level is met by chance, and how often within one person."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from renkei.errors import FixDeclaration
from renkei.likeness import levels, linker
from renkei.likeness.columns import prepared
from renkei.likeness.model import Model, of_levels

#: Fewer rows say nothing of how often a name meets by chance.
LEAST_ROWS = 200
#: Equal columns of the pairs that expectation maximisation learns from; each leaves the others free.
_LEARNED_FROM = (
    "l.birth_day = r.birth_day AND l.sex = r.sex",
    "l.kana_key = r.kana_key",
    "l.address_key = r.address_key",
)
#: How much of what we think beforehand stays: a level that the training never met must not weigh without end.
_KEPT = 0.02
#: Of a thousand residents so many have a double that no number and no equal attributes join.
DOUBLES = 0.002
_LEAST_U = 1e-9


def train(
    table: pa.Table, *, seed: int = 1, max_pairs: float = 5e6, memory: str = "1GB", doubles: float = DOUBLES,
    temp: Path | None = None,
) -> Model:  # fmt: skip
    """A model of a table of :data:`renkei.likeness.columns.SCHEMA`; one table and seed make one model.

    u from a seeded sample of pairs, m by expectation maximisation on three blockings, both drawn a little
    towards what is thought beforehand. ``temp``: where it may spill.

    Raises FixDeclaration E_LINK_TRAINING for too few rows.
    """
    rows = prepared(table, each_feed=True)
    if rows.num_rows < LEAST_ROWS:
        raise FixDeclaration("E_LINK_TRAINING", rows=rows.num_rows, least=LEAST_ROWS)
    residents = len(rows.column("resident_id").unique())
    beforehand = of_levels(prior=2 * doubles / residents)
    room = _Room(memory=memory, temp=temp)
    by_chance = _by_chance(rows, beforehand, seed=seed, max_pairs=max_pairs, room=room)
    met = of_levels(prior=beforehand.prior, trained=by_chance)
    return of_levels(prior=beforehand.prior, trained=_of_one_person(rows, met, max_pairs, room))


@dataclass(frozen=True, kw_only=True)
class _Room:
    """How much may stand in memory, and the folder for what does not."""

    memory: str
    temp: Path | None


def _by_chance(
    rows: pa.Table, model: Model, *, seed: int, max_pairs: float, room: _Room
) -> dict[tuple[str, str], tuple[float, float]]:
    """u: of one row a resident, so that no two rows of the sample are one person that we know of."""
    with _training(_first_of_each(rows), model, room) as made:
        made.training.estimate_u_using_random_sampling(
            max_pairs=max_pairs, seed=seed, min_count_per_level=None, num_chunks=1
        )
        return _drawn(made, "u_probability", model)


def _first_of_each(rows: pa.Table) -> pa.Table:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)  # a table, not a column
    return frame.unique("resident_id", keep="first", maintain_order=True).to_arrow()


def _of_one_person(
    rows: pa.Table, model: Model, max_pairs: float, room: _Room
) -> dict[tuple[str, str], tuple[float, float]]:
    """m: by expectation maximisation over all rows, those of one resident and those of two."""
    with _training(rows, model, room) as made:
        for rule in _LEARNED_FROM:
            made.training.estimate_parameters_using_expectation_maximisation(
                rule, estimate_without_term_frequencies=True, max_pairs=max_pairs
            )
        return _drawn(made, "m_probability", model)


@contextmanager
def _training(rows: pa.Table, model: Model, room: _Room) -> Iterator[Any]:
    # one thread sums in one order, so that one seed is one model
    opened = linker.rows_of(rows, memory=room.memory, temp=room.temp, threads=1)
    with opened as connection, linker.quiet_errors():
        yield linker.linker_of(connection, model)


def _drawn(
    made: Any,  # noqa: ANN401 - Splink's own class
    which: str,
    model: Model,
) -> dict[tuple[str, str], tuple[float, float]]:
    """Comparison and level → m and u, one of them as trained, drawn a little towards what was thought."""
    settings = made.misc.save_model_to_json()["comparisons"]
    drawn = {}
    for comparison, before, told in zip(levels.COMPARISONS, model.body["comparisons"], settings, strict=True):
        each = zip(comparison.levels, before["levels"], told["comparison_levels"], strict=True)
        for level, kept, trained in each:
            if not level.is_unknown:
                m = _mixed(trained, which, level) if which == "m_probability" else kept["m"]
                u = _mixed(trained, which, level) if which == "u_probability" else kept["u"]
                drawn[comparison.name, level.code] = (m, max(u, _LEAST_U))
    return drawn


def _mixed(trained: Mapping[str, Any], which: str, level: levels.Level) -> float:
    before = level.m if which == "m_probability" else level.u
    assert before is not None  # of a level that is never unknown
    found = trained.get(which)
    if level.fixed or not isinstance(found, int | float):
        return before
    return (1 - _KEPT) * found + _KEPT * before
