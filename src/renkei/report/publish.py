"""Writes the reports of a day or a month as one set: lists, papers for each department, and their hashes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from renkei import __version__
from renkei.errors import FixDeclaration, TryAgain
from renkei.failpoint import failpoint
from renkei.project import nearest
from renkei.report import figures, folder, mismatch, paper, period, run_html, sheets, words
from renkei.report.day import Day, read
from renkei.report.figures import Figures
from renkei.report.labels import label
from renkei.report.period import Period
from renkei.report.sheets import Sheets
from renkei.views import restricted_digest

if TYPE_CHECKING:
    from renkei.project import Project

_TRIES = 3
_RULES, _TRANSIT, _FACTS = "規則別", "反映待ち", "条件・出力者・時刻・件数・版"
_CITY = "市全体"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A set of reports in its place: hashes by file name, and how many rows the mismatch report has."""

    files: tuple[Path, ...]
    sha256s: Mapping[str, str]
    counts: Mapping[str, int]
    period: Period
    departments: Mapping[str, int]


def publish(
    engine: Engine,
    *,
    project: "Project",
    as_of: date,
    out: Path | None,
    actor: str,
    now: datetime,
    month: date | None = None,
    department: str | None = None,
    known_at: datetime | None = None,
) -> Published:
    """Write the reports into ``out`` (``var/reports/<day>`` unless given), all of them or none.

    Of the day ``as_of``, or of the ``month`` of a day as far as ``as_of``; of every department and the city,
    or of one ``department`` alone. Counted is what was known at ``known_at`` (now unless given).

    The same registry, day, actor and time give the same bytes. Should someone come under restriction while
    the files are being written, they are written again; nothing older than the restriction is published.
    FixDeclaration E_NOT_YET_KNOWN for an instant that is to come, E_NOT_FOUND for an unknown department.
    """
    if known_at is not None and known_at > now:
        raise FixDeclaration("E_NOT_YET_KNOWN", known_at=known_at.isoformat())
    local = now.astimezone(ZoneInfo(project.config.time_zone))
    asked = _period(as_of, month=month, known_at=known_at or local)
    making = _Making(project=project, period=asked, department=department, actor=actor, now=local)
    target = (out or project.var / "reports" / making.folder).resolve()
    for _ in range(_TRIES):
        with folder.staged(target) as stage:
            before = restricted_digest(engine)
            counts, departments = _write(engine, stage, making)
            sums = folder.seal(stage)
            failpoint("report.rendered")
            if restricted_digest(engine) != before:
                continue
            folder.swap_in(stage, target)
        failpoint("report.published")
        files = tuple(target / name for name in (*sums, folder.SUMS))
        return Published(files=files, sha256s=sums, counts=counts, period=asked, departments=departments)
    raise TryAgain("E_REPORT_MOVED")


def _period(as_of: date, *, month: date | None, known_at: datetime) -> Period:
    if month is None:
        return period.of_day(as_of, known_at=known_at)
    return period.of_month(month, today=as_of, known_at=known_at)


@dataclass(frozen=True, kw_only=True)
class _Making:
    project: "Project"
    period: Period
    department: str | None
    actor: str
    now: datetime

    @property
    def folder(self) -> str:
        return "-".join((self.period.name, *filter(None, [self.department]))).replace("/", "／")

    @cached_property
    def feeds(self) -> dict[str, str]:
        return {feed.id: f"{label('system', feed.system)} {feed.title}" for feed in self.project.feeds}

    @cached_property
    def systems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(feed.system for feed in self.project.feeds))

    @cached_property
    def titles(self) -> dict[str, str]:
        return {rule.id: rule.title for rule in self.project.rules}

    @cached_property
    def lasting(self) -> tuple[str, ...]:
        """The rules that find events, which happened and do not stand."""
        return tuple(rule.id for rule in self.project.rules if rule.lasting or rule.kind != "mismatch")

    def rules(self, department: str | None) -> tuple[str, ...]:
        """The rules that a department answers for, or all."""
        return tuple(rule.id for rule in self.project.rules if department is None or rule.owner == department)

    def office(self, department: str | None) -> str | None:
        """Whose double entries a department hears of: its own, or all where it answers for their rules."""
        answers = {rule.owner for rule in self.project.rules if rule.kind == "double_entry"}
        return None if department in answers else department

    def departments(self, connection: Connection) -> tuple[str, ...]:
        """Those that the city declares, and any other that has a rule or a case; or the one asked for."""
        owners = sorted(
            {rule.owner for rule in self.project.rules} | {*figures.departments(connection, self.period)}
        )
        known = tuple(dict.fromkeys((*self.project.config.departments, *owners)))
        if self.department is None:
            return known
        if self.department not in known:
            near = nearest(self.department, list(known))
            kind = {"ja": "課", "en": "department"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=self.department, nearest=near)
        return (self.department,)

    def front(self, city_compared: int) -> words.Front:
        return words.Front(
            city=self.project.config.name,
            actor=self.actor,
            made_at=self.now,
            code_version=__version__,
            declarations=self.project.digest,
            queries=figures.queries_digest(),
            rules=self.titles,
            feeds=self.feeds,
            systems=self.systems,
            city_compared=city_compared,
        )


def _write(engine: Engine, stage: Path, making: _Making) -> tuple[dict[str, int], dict[str, int]]:
    """All files from one snapshot of the registry; counts of the city, and rows by department."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        aside = figures.suppressed_cases(connection, making.period, zone=making.project.config.time_zone)
        every = _figures(connection, making, aside)
        day = read(connection, as_of=making.period.as_of, feeds=list(making.feeds), lasting=making.lasting)
        lists = _write_lists(connection, stage, making, list(every), aside)
    city = every[None]
    front = making.front(len(city.compared))
    for name, own in every.items():
        if name in lists:
            _finish(lists[name], making, own, day, front)
        if name is not None or making.department is None:
            _write_paper(stage, making, own, front, lists[name])
    if making.department is None and not making.period.is_month:
        page = run_html.render(day, front=_run_front(making), names=_names(making))
        (stage / f"run-{making.period.name}.html").write_text(page, "utf-8")
    return _counts(lists, making, city), {name: each.seen["rows"] for name, each in lists.items() if name}


def _figures(connection: Connection, making: _Making, aside: Sequence[int]) -> dict[str | None, Figures]:
    """The city's figures under None, and each department's by name."""
    scopes = (None, *making.departments(connection))
    keyed = figures.keyed_twice(connection, making.period, offices=making.project.offices)
    return {
        name: figures.read(
            connection,
            making.period,
            suppressed=aside,
            department=name,
            rules=making.rules(name),
            lasting=making.lasting,
            entries=keyed.get(office, ()),
            entries_of=office,
        )
        for name in scopes
        for office in [making.office(name)]
    }


def _write_lists(
    connection: Connection, stage: Path, making: _Making, scopes: Sequence[str | None], aside: Sequence[int]
) -> dict[str | None, Sheets]:
    """Every list from one reading, so that they never differ; the workbooks are still to be finished."""
    wanted = [name for name in scopes if name is not None or making.department is None]
    with ExitStack() as stack:
        lists = {
            name: stack.enter_context(
                sheets.opened(
                    stage / _file(making, name, "mismatches"),
                    title=f"{making.project.config.name} 不一致一覧 {making.period.name} {name or _CITY}",
                    systems=making.systems,
                    made_at=making.now,
                )
            )
            for name in wanted
        }
        for line, cells in _rows(connection, making, aside):
            for name in (None, line.owner):
                if name in lists:
                    lists[name].put(line, cells)
        for each in lists.values():
            each.table.end()
        return lists


def _rows(
    connection: Connection, making: _Making, aside: Sequence[int]
) -> Iterator[tuple[mismatch.Line, tuple[str, ...]]]:
    asked = making.period
    found = mismatch.lines(
        connection,
        as_of=asked.as_of,
        systems=making.systems,
        department=making.department,
        gone_from=asked.from_day if asked.is_month else None,
        known_at=asked.known_at,
        suppressed=aside,
        lasting=making.lasting,
    )
    for line in found:
        yield line, mismatch.cells(line, titles=making.titles)


def _file(making: _Making, department: str | None, city: str) -> str:
    """``市民課-2026-11-20``, or ``mismatches-2026-11-20`` of the whole city; a name is never a path."""
    return f"{(department or city).replace('/', '／').lstrip('.')}-{making.period.name}"


def _write_paper(stage: Path, making: _Making, own: Figures, front: words.Front, lists: Sheets) -> None:
    is_city = own.department is None
    place = stage / f"{_file(making, own.department, 'summary')}.pdf"
    made = paper.render(
        own,
        front=front,
        lines=None if is_city else lists.kept,
        rows=lists.seen["rows"],
        hidden=lists.seen["restricted"],
    )
    place.write_bytes(made)


def _finish(lists: Sheets, making: _Making, own: Figures, day: Day, front: words.Front) -> None:
    lists.book.add_facts(_FACTS, _facts(making, own, day, lists.seen))
    lists.book.add_counts(_RULES, header=words.rule_header(own), rows=words.rule_rows(own, front))
    waiting = words.transit_rows(own, front)
    if waiting:
        lists.book.add_counts(_TRANSIT, header=words.TRANSIT_HEADER, rows=waiting)
    lists.book.close()


def _counts(lists: Mapping[str | None, Sheets], making: _Making, city: Figures) -> dict[str, int]:
    seen = lists[making.department].seen
    absent = sum(rule.state == "not_compared" for rule in city.rules)
    return {**seen, "not_compared": absent}


def _facts(making: _Making, own: Figures, day: Day, seen: "Counter[str]") -> Iterator[tuple[str, str]]:
    asked = making.period
    yield "対象", own.department or _CITY
    yield "結果", words.headline(own)
    yield "基準日", asked.as_of.isoformat()
    if asked.is_month:
        yield "期間", f"{asked.from_day} 〜 {asked.as_of}"
    yield "把握時点", asked.known_at.isoformat(timespec="seconds")
    when = "期間中" if asked.is_month else "この日"
    went = "期間中に解消したものと、" if asked.is_month else ""
    yield (
        "条件",
        f"{went}基準日に残る不一致と、{when}の事象のすべて。値は出力時点で各系統から取り込み済みのもの",
    )
    yield "出力者", making.actor
    yield "出力時刻", making.now.isoformat(timespec="seconds")
    yield "照合の実行", own.reconcile_run or "この日の照合は行われていない（０件という意味ではない）"
    yield "件数", str(seen["rows"])
    yield "うち閲覧制限", str(seen["restricted"])
    yield "うち抑止中", str(seen["suppressed"])
    for state in day.freshness:
        yield f"取込時点 {state.feed}", state.as_of.isoformat() if state.as_of else "未取込"
    yield from _rule_facts(making, own)
    yield "宣言の版", making.project.digest
    yield "問合せの版", figures.queries_digest()
    yield "プログラムの版", __version__


def _rule_facts(making: _Making, own: Figures) -> Iterator[tuple[str, str]]:
    front = making.front(0)
    for rule in own.rules:
        name = f"{rule.rule_id} {making.titles.get(rule.rule_id, '')}".strip()
        found = (
            f"事象 {rule.events}件" if rule.is_event else f"{rule.standing}件（反映待ち {rule.in_transit}件）"
        )
        result = found if rule.is_compared else words.state(rule, front)
        yield name, f"{result} 版 {(rule.rule_digest or '–')[:16]}"


def _run_front(making: _Making) -> run_html.Front:
    config = making.project.config
    return run_html.Front(
        city={"ja": config.name, "en": config.name_en},
        actor=making.actor,
        made_at=making.now,
        project_digest=making.project.digest,
        code_version=__version__,
    )


def _names(making: _Making) -> run_html.Names:
    rules = making.project.rules
    by_language = {"ja": {r.id: r.title for r in rules}, "en": {r.id: r.title_en for r in rules}}
    return run_html.Names(feeds=making.feeds, rules=by_language)
