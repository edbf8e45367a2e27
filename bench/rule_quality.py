"""``bench rule-quality``: every rule against what is really wrong in the sample city, night after night.

One night the welfare office's server is down, another the taxpayers come a day late; every third night the
tax office sends a file twice, and now and then one that is damaged or used again. The city's systems hold
individual numbers, and the hub's vault is on.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from bench.contest import Failed
from bench.desk import ROOT, Desk
from bench.lines import say
from bench.night import ground
from renkei import workflow
from renkei.project import Project
from renkei.project import load as load_project
from renkei.registry import store
from renkei_sample import oracle
from renkei_sample.city import City
from renkei_sample.numbered import declare, replace_once
from renkei_sample.quality import RuleQuality, Tally
from renkei_sample.score import DOUBLE_ENTRY, findings, waiting
from renkei_sample.state import EXTRAS, restore
from renkei_sample.truth import Truth, load

_TERMS: dict[str, Any] = {"actor": "bench", "trigger": "bench"}
#: What must be reached: of every rule, and of double entries.
RECALL, PRECISION, CAUSES, FALSE_A_WEEK = 1.0, 0.98, 0.95, 5.0
DOUBLES = 0.95
#: Nights of the first load, in which what has piled up for years comes to light.
WARM_UP = 2
#: Here nothing is too much: a file that lacks a quarter, and the accounts, whose due dates all change on one
#: day, would be held, and nobody would see what is in them.
_MOST_AT_ONCE = 1.0
#: Night → feeds of which nothing comes; the next night brings both days.
_ABSENT: Mapping[int, tuple[str, ...]] = {
    5: ("welfare.recipient", "welfare.benefit"),
    9: ("tax.taxpayer",),
}
_COLUMNS = (
    "rule", "planted", "found", "missed", "late", "false", "recall", "precision", "95 %",
    "per 10,000 and week", "causes",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Night:
    """One night: what was opened and closed, what could not be compared, and where truth and city differ."""

    day: date
    found: int
    in_transit: int
    opened: int
    closed: int
    not_compared: tuple[str, ...]
    unplanned: int
    unseen: int


def measure(*, residents: int, weeks: int, seed: int = 1, as_json: bool = False) -> None:
    """Build the city, let its nights pass, and print a row a rule; Failed where a target is missed."""
    with ground(residents=residents, seed=seed, extras=sorted(EXTRAS)) as desk:
        project, tally, nights = _project(desk), Tally(), []
        for number in range(weeks * 7):
            nights.append(_night(desk, project, tally, number))
            say(f"{nights[-1]}")
        rules = tally.rules(rule.id for rule in project.rules)
    scale = residents / 10_000 * max(1, weeks * 7 - WARM_UP) / 7
    (_as_json if as_json else _as_table)(rules, nights, scale)
    missed = [*_missed_targets(rules, scale), *_disagreements(nights)]
    if missed:
        raise Failed("missed: " + "; ".join(missed))


def _project(desk: Desk) -> Project:
    """The city's declarations, with the vault on and no limit to what may change at once."""
    folder = desk.folder / "declared"
    folder.mkdir()
    declare(ROOT, folder)
    replace_once(folder / "renkei.toml", "[blast]\nshare = 0.05", f"[blast]\nshare = {_MOST_AT_ONCE}")
    return replace(load_project(folder), var=desk.folder / "nights")


# the nights ---------------------------------------------------------------------------------------


def _night(desk: Desk, project: Project, tally: Tally, number: int) -> Night:
    city, day = City.open(desk.city), desk.day + timedelta(days=number)
    if number:
        city.advance(day)
    for feed, as_of in _due(project, number, day):
        workflow.sync_in(project, feed, as_of=as_of, **_TERMS)
    made = workflow.reconcile(project, as_of=day, **_TERMS)
    truths = load(city.truth).truths
    tally.add(
        truths,
        findings(store.url_of(project.var), day),
        waiting=waiting(store.url_of(project.var), day),
        night=day,
        not_compared=_not_judged(made, number),
        warm=number >= WARM_UP,
    )
    unplanned, unseen = _compared(city, truths)
    return Night(
        day=day,
        found=made.found,
        in_transit=made.in_transit,
        opened=made.cases.opened,
        closed=made.cases.closed,
        not_compared=tuple(sorted(_not_judged(made, number))),
        unplanned=unplanned,
        unseen=unseen,
    )


def _not_judged(made: workflow.ReconcileResult, number: int) -> frozenset[str]:
    """Rules that lacked a feed. Double entries lack what it would have told, but are looked for always."""
    without = DOUBLE_ENTRY if number in _ABSENT else ()
    return frozenset((*made.not_compared, *made.held, *made.refused, *without))


def _due(project: Project, number: int, day: date) -> Iterator[tuple[str, date]]:
    """Feeds of a night with their days, what came late before what came in time."""
    for feed in project.feeds:
        if feed.id in _ABSENT.get(number, ()):
            continue
        if feed.id in _ABSENT.get(number - 1, ()):
            yield feed.id, day - timedelta(days=1)
        yield feed.id, day


def _compared(city: City, truths: list[Truth]) -> tuple[int, int]:
    """What is wrong in the city and not in the truth, and the other way round."""
    state = restore(city.sample / "state")
    planted = {
        oracle.Wrong(
            each.rule_id, (each.left_feed, each.left_key or ""), (each.right_feed, each.right_key or "")
        )
        for each in truths
        if each.rule_id in oracle.LOOKS and (each.gone_from is None or each.gone_from > state.day)
    }
    seen = oracle.wrong(state)
    return len(seen - planted), len(planted - seen)


# what is told -------------------------------------------------------------------------------------


def _missed_targets(rules: list[RuleQuality], scale: float) -> Iterator[str]:
    for rule in rules:
        doubles = rule.rule_id in DOUBLE_ENTRY
        if (rule.recall or 1.0) < (DOUBLES if doubles else RECALL):
            yield f"{rule.rule_id} recall {rule.recall:.3f}"
        if rule.precision is not None and rule.precision < (DOUBLES if doubles else PRECISION):
            yield f"{rule.rule_id} precision {rule.precision:.3f}"
        if rule.false_later / scale > FALSE_A_WEEK:
            yield f"{rule.rule_id} {rule.false_later / scale:.1f} false per 10,000 and week"
        if rule.cause_share is not None and rule.cause_share < CAUSES:
            yield f"{rule.rule_id} causes {rule.cause_share:.3f}"


def _disagreements(nights: list[Night]) -> Iterator[str]:
    for number, night in enumerate(nights):
        if night.not_compared and number not in _ABSENT:
            yield f"{night.day}: not compared {', '.join(night.not_compared)}"
        if night.unplanned or night.unseen:
            yield f"{night.day}: {night.unplanned} wrong and not in the truth, {night.unseen} the other way"


def _as_json(rules: list[RuleQuality], nights: list[Night], scale: float) -> None:
    told = {
        "rules": [_row(rule, scale) for rule in rules],
        "total": _row(_total(rules), scale),
        "without_plants": [rule.rule_id for rule in rules if not rule.planted],
        "nights": [{**asdict(night), "day": night.day.isoformat()} for night in nights],
    }
    print(json.dumps(told, ensure_ascii=False), flush=True)


def _row(rule: RuleQuality, scale: float) -> dict[str, Any]:
    return {
        **asdict(rule),
        "recall": rule.recall,
        "precision": rule.precision,
        "precision_interval": rule.precision_interval,
        "false_per_10000_and_week": rule.false_later / scale,
        "cause_share": rule.cause_share,
    }


def _as_table(rules: list[RuleQuality], nights: list[Night], scale: float) -> None:
    lines = [list(_COLUMNS), *([*_cells(rule, scale)] for rule in [*rules, _total(rules)])]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), flush=True)
    without = ", ".join(rule.rule_id for rule in rules if not rule.planted) or "none"
    for rule in rules:
        if rule.confused:
            print(f"{rule.rule_id} true reason: said  {dict(rule.confused)}", flush=True)
    print(f"{len(rules)} rules, {len(nights)} nights; rules without plants: {without}", flush=True)


def _cells(rule: RuleQuality, scale: float) -> Iterator[str]:
    yield rule.rule_id
    yield from (str(count) for count in (rule.planted, rule.found, rule.missed, rule.late, rule.false))
    yield _share(rule.recall)
    yield _share(rule.precision)
    interval = rule.precision_interval
    yield f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
    yield f"{rule.false_later / scale:.2f}"
    yield f"{rule.causes_right}/{rule.causes}" if rule.causes else ""


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _total(rules: list[RuleQuality]) -> RuleQuality:
    names = ("planted", "found", "missed", "late", "false", "false_later", "causes", "causes_right")
    return RuleQuality(rule_id="all", **{name: sum(getattr(rule, name) for rule in rules) for name in names})
