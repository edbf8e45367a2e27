"""Writes a day's reports as one set: mismatches as XLSX and CSV, the run report as HTML, and their hashes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from renkei import __version__
from renkei.errors import TryAgain
from renkei.failpoint import failpoint
from renkei.report import csv_file, folder, mismatch, run_html
from renkei.report.day import Day, read
from renkei.report.labels import label
from renkei.report.workbook import Workbook
from renkei.views import restricted_digest

if TYPE_CHECKING:
    from renkei.project import Project

_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Published:
    """A set of reports in its place: hashes by file name, and how many rows the mismatch report has."""

    files: tuple[Path, ...]
    sha256s: Mapping[str, str]
    counts: Mapping[str, int]


def publish(
    engine: Engine, *, project: "Project", as_of: date, out: Path | None, actor: str, now: datetime
) -> Published:
    """Write the reports of a day into ``out`` (``var/reports/<day>`` unless given), all of them or none.

    The same registry, day, actor and time give the same bytes. Should someone come under restriction while
    the files are being written, they are written again; nothing older than the restriction is published.
    """
    target = (out or project.var / "reports" / as_of.isoformat()).resolve()
    making = _Making(project=project, as_of=as_of, actor=actor, now=now.astimezone(_zone(project)))
    for _ in range(_TRIES):
        with folder.staged(target) as stage:
            before = restricted_digest(engine)
            counts = _write(engine, stage, making)
            sums = folder.seal(stage)
            failpoint("report.rendered")
            if restricted_digest(engine) != before:
                continue
            folder.swap_in(stage, target)
        failpoint("report.published")
        files = tuple(target / name for name in (*sums, folder.SUMS))
        return Published(files=files, sha256s=sums, counts=counts)
    raise TryAgain("E_REPORT_MOVED")


@dataclass(frozen=True, kw_only=True)
class _Making:
    project: "Project"
    as_of: date
    actor: str
    now: datetime

    @property
    def feeds(self) -> dict[str, str]:
        return {feed.id: f"{label('system', feed.system)} {feed.title}" for feed in self.project.feeds}

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(feed.system for feed in self.project.feeds))

    @property
    def titles(self) -> dict[str, str]:
        return {rule.id: rule.title for rule in self.project.rules}


def _zone(project: "Project") -> ZoneInfo:
    return ZoneInfo(project.config.time_zone)


def _write(engine: Engine, stage: Path, making: _Making) -> dict[str, int]:
    """All files from one snapshot of the registry."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        day = read(connection, as_of=making.as_of, feeds=list(making.feeds))
        counts = _write_mismatches(connection, stage / f"mismatches-{making.as_of}", making, day)
    page = run_html.render(day, front=_front(making), names=_names(making))
    (stage / f"run-{making.as_of}.html").write_text(page, "utf-8")
    return counts


def _write_mismatches(connection: Connection, place: Path, making: _Making, day: Day) -> dict[str, int]:
    """CSV and workbook from one reading, so that they never differ."""
    seen: Counter[str] = Counter(rows=0, restricted=0)
    header = mismatch.header(making.systems)
    rows = csv_file.through(place.with_suffix(".csv"), header=header, rows=_rows(connection, making, seen))
    title = f"{making.project.config.name} 不一致一覧 {making.as_of}"
    book = Workbook(place.with_suffix(".xlsx"), title=title, made_at=making.now)
    book.add_table("不一致", header=header, rows=rows)
    seen["not_compared"] = sum(rule.state == "not_compared" for rule in day.rules)
    book.add_facts("条件・出力者・時刻・件数・版", _facts(making, day, seen))
    book.close()
    return dict(seen)


def _rows(connection: Connection, making: _Making, seen: "Counter[str]") -> Iterator[tuple[str, ...]]:
    titles = making.titles
    for line in mismatch.lines(connection, as_of=making.as_of, systems=making.systems):
        seen["rows"] += 1
        seen["restricted"] += line.is_restricted
        seen[line.rule_id] += 1
        yield mismatch.cells(line, titles=titles)


def _facts(making: _Making, day: Day, seen: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    yield "基準日", making.as_of.isoformat()
    yield "条件", "基準日に残る不一致のすべて。値は出力時点で各系統から取り込み済みのもの"
    yield "出力者", making.actor
    yield "出力時刻", making.now.isoformat(timespec="seconds")
    yield "照合の実行", day.reconcile_run or "この日の照合は行われていない（０件という意味ではない）"
    yield "件数", str(seen["rows"])
    yield "うち閲覧制限", str(seen["restricted"])
    for state in day.freshness:
        yield f"取込時点 {state.feed}", state.as_of.isoformat() if state.as_of else "未取込"
    yield from _rule_facts(making, day, seen)
    yield "宣言の版", making.project.digest
    yield "プログラムの版", __version__


def _rule_facts(making: _Making, day: Day, seen: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    titles = making.titles
    for rule in day.rules:
        name = f"{rule.rule_id} {titles.get(rule.rule_id, '')}".strip()
        found = f"{seen.get(rule.rule_id, 0)}件（反映待ち {rule.in_transit}件）"
        result = found if rule.state == "compared" else label("run", rule.state)
        missing = f" 未着：{'、'.join(rule.missing_feeds)}" if rule.missing_feeds else ""
        yield name, f"{result}{missing} 版 {rule.rule_digest[:16]}"


def _front(making: _Making) -> run_html.Front:
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
