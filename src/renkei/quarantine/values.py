"""What the faulty fields hold, read on demand from the landed bytes; no reject stores a value.

A value is given only where it cannot be a person's: an unknown code of figures and hardly a letter, made of
the kinds of characters that the code table's own codes are made of, in a column that fills nothing personal.
Of everything else only the shape is given.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, text

from renkei import formats
from renkei.landing import Landing
from renkei.mapping.masking import masked, shape_of
from renkei.mapping.trial import trial
from renkei.model import REC_NO
from renkei.quarantine.causes import Cause
from renkei.quarantine.remedy import Unknown, class_of, table_of

if TYPE_CHECKING:
    from renkei.mapping import Mapping as FeedMapping
    from renkei.project import Project

#: Most different values of one cause that are told.
MOST = 20

#: Kinds of characters that a code may be told in, and how many of it may be no figure.
_FIGURES = frozenset("9９")
_OF_CODES, _MOST_LETTERS = _FIGURES | frozenset("AＡ-_./ "), 2


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One value (or, where ``is_shape``, only its shape) and how many of the cause's records hold it."""

    text: str
    is_shape: bool
    records: int


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """The open rejects of one delivery: record number → the name of its cause."""

    sha256: str
    as_of: date
    causes: Mapping[int, str]


def values(project: "Project", engine: Engine, told: Iterable[Cause]) -> dict[str, tuple[Seen, ...]]:
    """What the field of each cause holds, by the cause's name, most frequent first.

    Each delivery is read once. Causes that a reader found, before there were fields, have no entry.
    """
    by_feed: dict[str, list[Cause]] = defaultdict(list)
    for cause in told:
        if cause.target is not None and cause.feed in project.mappings:
            by_feed[cause.feed].append(cause)
    made: dict[str, tuple[Seen, ...]] = {}
    for feed, wanted in by_feed.items():
        made |= _of_feed(project, engine, project.mappings[feed], wanted)
    return made


def _of_feed(
    project: "Project", engine: Engine, mapping: "FeedMapping", wanted: list[Cause]
) -> dict[str, tuple[Seen, ...]]:
    landing, by_name = Landing(project.var / "landing"), {cause.name: cause for cause in wanted}
    counted: dict[str, Counter[str]] = {name: Counter() for name in by_name}
    for waiting in _waiting(engine, by_name):
        layout = mapping.at(waiting.as_of).feed.format
        batch = formats.read(landing.proved(waiting.sha256), layout, feed=mapping.feed.id)
        for name, numbers in _by_cause(waiting).items():
            counted[name] += _texts(batch.table, by_name[name].field, numbers)
    return {name: _told(by_name[name], mapping, counts) for name, counts in counted.items() if counts}


def _waiting(engine: Engine, by_name: Mapping[str, Cause]) -> Iterator[_Waiting]:
    feed = next(iter(by_name.values())).feed
    found: dict[tuple[str, date], dict[int, str]] = defaultdict(dict)
    with engine.connect() as connection:
        for row in connection.execute(text(_OPEN), {"feed": feed}):
            if (name := f"{feed}/{row.field}/{row.code}") in by_name:
                found[row.sha256, row.as_of][row.rec_no] = name
    for (sha256, as_of), records in found.items():
        yield _Waiting(sha256=sha256, as_of=as_of, causes=records)


_OPEN = """
    SELECT d.sha256, u.as_of, j.rec_no, j.field, j.code
    FROM reject AS j
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = j.delivery_id
    WHERE j.feed = :feed AND j.state = 'open'
"""


def _by_cause(waiting: _Waiting) -> dict[str, list[int]]:
    made: dict[str, list[int]] = defaultdict(list)
    for number, name in waiting.causes.items():
        made[name].append(number)
    return made


def _texts(table: pa.Table, field: str, numbers: list[int]) -> Counter[str]:
    """The field's texts in these records, as the mapping has them: without padding at the end."""
    if field not in table.column_names:
        return Counter()
    chosen = table.filter(pc.is_in(table.column(REC_NO), value_set=pa.array(numbers, pa.int64())))
    counts = pc.value_counts(chosen.column(field).combine_chunks()).to_pylist()
    made: Counter[str] = Counter()
    for each in counts:
        made[(each["values"] or "").rstrip(" \u3000")] += each["counts"]
    return made


def _told(cause: Cause, mapping: "FeedMapping", counts: Counter[str]) -> tuple[Seen, ...]:
    version = mapping.at(cause.last_as_of)
    sensitivity, table = class_of(version, cause), table_of(version, cause)
    told: Counter[tuple[str, bool]] = Counter()
    for value, times in counts.items():
        if sensitivity == "plain" and table is not None and looks_like_code(value, table):
            told[_before_table(version, table, value, cause.last_as_of), False] += times
        else:
            told[masked(value, "guarded" if sensitivity == "guarded" else "personal") or "", True] += times
    return tuple(
        Seen(text=value, is_shape=is_shape, records=times)
        for (value, is_shape), times in told.most_common(MOST)
    )


def looks_like_code(value: str, table: Unknown) -> bool:
    """True when the value looks like the table's own codes: no other kind of character, hardly longer.

    Words are never told, whatever the table: of two kanji nobody can say that they are no surname.
    """
    kinds = {kind for code in table.codes for kind in shape_of(code)}
    longest, shape = max(map(len, table.codes), default=0), shape_of(value)
    if sum(kind not in _FIGURES for kind in shape) > _MOST_LETTERS or not set(shape) <= _OF_CODES:
        return False
    return set(shape) <= kinds and len(value) <= longest + 1


def _before_table(mapping: "FeedMapping", table: Unknown, value: str, as_of: date) -> str:
    """The code as the table is asked for it, after the steps before."""
    if not table.before:
        return value
    return str(trial(table.before, value, codes=mapping.codes, as_of=as_of).stages[-1].value or value)
