"""What may be done with one row of a push, from what stands in the target: pure judgement, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

#: What the change was decided on: nobody looked, there was no row, or there was one.
Seen = Literal["any", "none", "row"]
#: What to do (``insert``, ``update``), or that there is nothing to do, as a receipt says it.
Doing = Literal["insert", "update", "unchanged", "conflict", "refused"]

#: Codes of our own, beside SQLSTATEs: another person stands there; the key is the same to the target only.
WRONG_PERSON, OTHER_KEY = "E_PUSH_PERSON", "E_PUSH_KEY"
#: SQLSTATEs: one key twice in a push, no key at all, a value that the column would shorten, one that is no
#: text, a row that the target left as it was, a row undone because the whole batch was.
TWICE, NO_KEY, SHORTENED, NOT_TEXT, NOT_TAKEN, UNDONE = "21000", "22004", "22001", "22021", "02000", "40000"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A row of the target beside the one to be pushed there.

    ``stands``: it already is as pushed. ``as_seen``: every seen column still is as it was seen.
    """

    is_same_key: bool
    is_same_person: bool
    stands: bool
    as_seen: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of one row, and why."""

    doing: Doing
    code: str | None = None


_INSERT, _UPDATE, _UNCHANGED, _CONFLICT = (
    Verdict(doing="insert"),
    Verdict(doing="update"),
    Verdict(doing="unchanged"),
    Verdict(doing="conflict"),
)
_OTHER_KEY, _WRONG_PERSON = (
    Verdict(doing="refused", code=OTHER_KEY),
    Verdict(doing="refused", code=WRONG_PERSON),
)


def judge(standing: Standing | None, seen: Seen, *, names_person: bool) -> Verdict:
    """The person first, then whether it stands already, then whether it is still as seen.

    A row that is not there is written only where nobody looked or nobody was there; with a person to check
    it must have been said that nobody was.
    """
    if standing is None:
        return _absent(seen, names_person=names_person)
    if not standing.is_same_key:
        return _OTHER_KEY
    if not standing.is_same_person:
        return _WRONG_PERSON
    if standing.stands:
        return _UNCHANGED
    if seen == "any" or (seen == "row" and standing.as_seen):
        return _UPDATE
    return _CONFLICT


def _absent(seen: Seen, *, names_person: bool) -> Verdict:
    if seen == "row":
        return _CONFLICT
    return _WRONG_PERSON if seen == "any" and names_person else _INSERT


def seen_of(seen: pa.Table | None, rows: int) -> Sequence[Seen]:
    """For each row whether one was seen; a row of nulls says that there was none."""
    if seen is None:
        return ["any"] * rows
    filled = [pc.is_valid(column) for column in seen.columns]
    there = filled[0]
    for more in filled[1:]:
        there = pc.or_(there, more)
    return ["row" if each else "none" for each in there.to_pylist()]


def without_a_key(rows: pa.Table, key: Sequence[str]) -> dict[int, str]:
    """Rows (from 0) that no key finds: a part of it is missing, or another row of the push has the same."""
    numbered = rows.select(key).append_column("row number", pa.array(range(rows.num_rows), pa.int64()))
    counted = numbered.group_by(list(key)).aggregate([("row number", "count")])
    found = {}
    if counted.num_rows < rows.num_rows:
        told = numbered.group_by(list(key)).aggregate([("row number", "list")])["row number_list"].to_pylist()
        found = {row: TWICE for group in told if len(group) > 1 for row in group}
    missing = [row for name in key for row in _where(pc.is_null(rows[name]))]
    return {**found, **dict.fromkeys(missing, NO_KEY)}


def unfit(rows: pa.Table, exact: Mapping[str, str]) -> dict[int, str]:
    """Rows with a value that would not arrive whole, and without a word.

    A column may round it off (``exact`` has the pattern of such a value), a driver may end it at U+0000.
    """
    found: dict[int, str] = {}
    for name in rows.column_names:
        found |= dict.fromkeys(_where(pc.match_substring(rows[name], "\0")), NOT_TEXT)
        if name in exact:
            found |= dict.fromkeys(_where(pc.match_substring_regex(rows[name], exact[name])), SHORTENED)
    return found


def came_through(sent: pa.Table, stands: pa.Table) -> bool:
    """Whether what stands is, letter by letter, what was sent.

    The target has compared its own copy of what we sent; had the driver bent both alike, only this would
    tell. Numbers and days may be written in another way, but their letters are ASCII on both sides.
    """
    return all(_same_letters(sent[name], stands[name]) for name in stands.column_names)


def _same_letters(sent: pa.ChunkedArray, stands: pa.ChunkedArray) -> bool:
    left, right = (pc.fill_null(pc.ascii_rtrim(side, " "), "\0") for side in (sent, stands))
    plain = pc.and_(pc.string_is_ascii(left), pc.string_is_ascii(right))
    return pc.all(pc.or_(pc.equal(left, right), plain)).as_py() is not False


def _where(claim: pa.ChunkedArray) -> list[int]:
    found: list[int] = pc.indices_nonzero(claim).to_pylist()
    return found


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted numbers as first and last of each unbroken run."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def among(numbers: Sequence[int]) -> str:
    """A condition for rows by their numbers: long runs by their ends, all others one by one."""
    ranges = runs(numbers)
    few = [str(n) for first, last in ranges if last - first < _RUN for n in range(first, last + 1)]
    many = [f"p.n BETWEEN {first} AND {last}" for first, last in ranges if last - first >= _RUN]
    ones = [f"p.n IN ({', '.join(few)})"] if few else []
    return f"({' OR '.join([*many, *ones])})"


#: SQLite takes no expression that is deeper than a thousand.
_RUN = 50
