"""Compare what the hub's books say with the truth: found, missed and false, rule by rule. Reads only."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from renkei_sample.truth import Truth, load

if TYPE_CHECKING:
    import psycopg

RULES = (
    "R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15",
    "R16", "R17", "R19", "R20", "R21", "R22", "R23", "R24", "R25", "R26", "R27", "R28", "R29", "R30", "R31",
    "R32", "R33", "R34", "R35", "R36", "R37", "R38", "R39", "R40", "R41", "R42", "R50",
)  # fmt: skip
#: Across systems, and within one.
DOUBLE_ENTRY = ("R38", "R50")
#: 宛名番号 is ten digits; an assessment's key may go on with year and levy.
_PARTY_DIGITS = 10

Side = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleScore:
    """One rule on one night: what must be found; what of it was, and was not; what should not have been."""

    rule_id: str
    planted: int
    found: int
    missed: int
    false: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleEntryScore:
    """Double entries so far: planted and found, with the minutes that staff typed twice."""

    planted: int
    found: int
    minutes_planted: int
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkScore:
    """Records of tax and welfare people by whether the hub put them with the right resident."""

    records: int
    right: int
    wrong: int
    missing: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One standing row of ``mismatch``; a delivery is named by its file. ``why``: of the twelve reasons."""

    mismatch_id: int
    rule_id: str
    sides: tuple[Side, Side]
    minutes: int
    why: str | None = None


def score(registry_url: str, truth_folder: Path, as_of: date) -> list[RuleScore]:
    """Every built rule with what it had to find, found, missed and made up as of a night."""
    truths, found = load(truth_folder).truths, findings(registry_url, as_of)
    rules = sorted({*RULES, *(finding.rule_id for finding in found)})
    return [
        _score_rule(
            rule_id,
            [truth for truth in truths if truth.rule_id == rule_id],
            [finding for finding in found if finding.rule_id == rule_id],
            as_of,
        )
        for rule_id in rules
    ]


def double_entry(registry_url: str, truth_folder: Path, as_of: date) -> DoubleEntryScore:
    """Every double entry keyed until a night, with its minutes, against those on the hub's books."""
    due, standing = load(truth_folder).due(as_of), findings(registry_url, as_of)
    planted = {rule: [truth for truth in due if truth.rule_id == rule] for rule in DOUBLE_ENTRY}
    found = {rule: [finding for finding in standing if finding.rule_id == rule] for rule in DOUBLE_ENTRY}
    return DoubleEntryScore(
        planted=sum(len(truths) for truths in planted.values()),
        found=sum(len(match(planted[rule], found[rule])[0]) for rule in DOUBLE_ENTRY),
        minutes_planted=sum(truth.minutes or 0 for truths in planted.values() for truth in truths),
        minutes=sum(finding.minutes for each in found.values() for finding in each),
    )


def links(registry_url: str, truth_folder: Path) -> LinkScore:
    """Are the tax and welfare people linked to whom they truly are?"""
    import polars as pl

    with _connect(registry_url) as connection:
        rows = connection.execute("SELECT feed, source_key, resident_id FROM open_link").fetchall()
    resident = {(str(feed), str(key)): number for feed, key, number in rows}
    registered = {number for (feed, _), number in resident.items() if feed == "juki.resident"}
    identity = pl.read_parquet(truth_folder / "identity.parquet").iter_rows()
    counts = Counter(_judge(resident, registered, feed, key, owner) for feed, key, owner in identity)
    return LinkScore(
        records=counts.total(), right=counts["right"], wrong=counts["wrong"], missing=counts["missing"]
    )


def rejects(registry_url: str, truth_folder: Path, as_of: date) -> RuleScore:
    """Records set aside against those planted; a reject without a key is matched by its feed alone."""
    planted = {
        (item.feed, item.source_key) for item in load(truth_folder).rejects if item.planted_on <= as_of
    }
    with _connect(registry_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT feed, source_key, rec_no FROM reject WHERE state = 'open'"
        ).fetchall()
    keyed = {(str(feed), str(key)) for feed, key, _ in rows if key is not None}
    nameless = Counter(feed for feed, _ in {(str(feed), number) for feed, key, number in rows if key is None})
    unmatched = Counter(feed for feed, _ in planted - keyed)
    by_feed = sum(min(count, unmatched[feed]) for feed, count in nameless.items())
    found = len(planted & keyed) + by_feed
    false = len(keyed - planted) + sum(nameless.values()) - by_feed
    return RuleScore(
        rule_id="reject", planted=len(planted), found=found, missed=len(planted) - found, false=false
    )


def _score_rule(rule_id: str, truths: Sequence[Truth], standing: Sequence[Finding], as_of: date) -> RuleScore:
    due = [truth for truth in truths if truth.is_due(as_of)]
    matched, false = match(due, standing)
    return RuleScore(
        rule_id=rule_id,
        planted=len(due),
        found=len(matched),
        missed=len(due) - len(matched),
        false=len(false),
    )


def match(truths: Sequence[Truth], standing: Iterable[Finding]) -> tuple[dict[int, Finding], list[Finding]]:
    """Truths of one rule, by place, with what found each; and the findings that are of none of them."""
    by_side: dict[Side, list[int]] = defaultdict(list)
    for number, truth in enumerate(truths):
        for side in _named(truth):
            by_side[side].append(number)
    matched: dict[int, Finding] = {}
    false: list[Finding] = []
    for finding in standing:
        held = (number for side in finding.sides for number in by_side.get(side, ()))
        fits = next(
            (number for number in held if number not in matched and _fits(truths[number], finding)), None
        )
        if fits is None:
            false.append(finding)
        else:
            matched[fits] = finding
    return matched, false


def _named(truth: Truth) -> Iterator[Side]:
    for feed, key in ((truth.left_feed, truth.left_key), (truth.right_feed, truth.right_key)):
        if key is not None:
            yield feed, key


def _fits(truth: Truth, finding: Finding) -> bool:
    return all(side in finding.sides for side in _named(truth))


def findings(registry_url: str, as_of: date) -> list[Finding]:
    """What stands on the hub's books after a night, oldest first."""
    with _connect(registry_url) as connection:
        rows = connection.execute(
            """
            SELECT
                m.mismatch_id, m.why, m.rule_id, m.left_feed, m.left_key, m.right_feed, m.right_key,
                m.minutes, d.feed, d.name
            FROM mismatch AS m
            LEFT JOIN delivery AS d ON m.subject_kind = 'delivery' AND d.delivery_id::text = m.subject_id
            WHERE m.first_as_of <= %(as_of)s AND (m.gone_as_of IS NULL OR m.gone_as_of > %(as_of)s)
            ORDER BY m.mismatch_id
            """,
            {"as_of": as_of},
        ).fetchall()
    return [_finding(*row) for row in rows]


def waiting(registry_url: str, as_of: date) -> list[Finding]:
    """What the hub says is in transit (反映待ち) after a night; numbered apart from what stands."""
    with _connect(registry_url) as connection:
        rows = connection.execute(
            """
            SELECT transit_id, NULL, rule_id, left_feed, left_key, right_feed, right_key, NULL, NULL, NULL
            FROM transit
            WHERE first_as_of <= %(as_of)s AND (ended_as_of IS NULL OR ended_as_of > %(as_of)s)
            ORDER BY transit_id
            """,
            {"as_of": as_of},
        ).fetchall()
    return [_finding(*row) for row in rows]


def _finding(
    mismatch_id: object,
    why: object,
    rule_id: object,
    left_feed: object,
    left_key: object,
    right_feed: object,
    right_key: object,
    minutes: object,
    *file: object,
) -> Finding:
    feed, name = file
    left = (str(feed), str(name)) if name is not None else _side(left_feed, left_key)
    whole = int(str(minutes)) if minutes is not None else 0
    sides = (left, _side(right_feed, right_key))
    return Finding(int(str(mismatch_id)), str(rule_id), sides, whole, str(why) if why is not None else None)


def _side(feed: object, key: object) -> Side:
    text = str(key)
    return str(feed), text[:_PARTY_DIGITS] if feed == "tax.assessment" else text


def _judge(
    resident: dict[Side, object], registered: set[object], feed: str, key: str, owner: str | None
) -> str:
    held = resident.get((feed, key))
    if held is None:
        return "missing"
    expected = resident.get(("juki.resident", owner)) if owner else None
    return "right" if (held == expected if owner else held not in registered) else "wrong"


def _connect(registry_url: str) -> "psycopg.Connection[tuple[object, ...]]":
    import psycopg

    connection = psycopg.connect(registry_url.replace("postgresql+psycopg://", "postgresql://"))
    connection.read_only = True
    return connection
