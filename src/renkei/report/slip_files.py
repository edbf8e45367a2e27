"""Writes a return slip as one set: CSV for a spreadsheet, PDF for paper, and their hashes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from renkei import __version__
from renkei.errors import TryAgain
from renkei.failpoint import failpoint
from renkei.report import csv_file, folder, slip_pdf
from renkei.report import slip as slips
from renkei.report.slip import Slip
from renkei.report.slip_pdf import Front
from renkei.views import restricted_digest

if TYPE_CHECKING:
    from renkei.model import Feed
    from renkei.project import Project

_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A slip in its place: what it says, its files, and their hashes by name."""

    slip: Slip
    files: tuple[Path, ...]
    sha256s: Mapping[str, str]


def issue(
    engine: Engine,
    *,
    project: "Project",
    feed: "Feed",
    issued_on: date,
    out: Path | None,
    actor: str,
    now: datetime,
    purpose: str | None,
    tell: Callable[[Slip, Mapping[str, str]], None],
) -> Issued | None:
    """Write a feed's slip into ``out`` (``var/reports/slip-<feed>-<day>`` unless given), all or nothing.

    ``tell`` is called with the finished files' hashes before anybody can read them. None when the feed has
    nothing to return. Should someone come under restriction meanwhile, the files are written again.
    """
    name = f"slip-{feed.id}-{issued_on}"
    target = (out or project.var / "reports" / name).resolve()
    local = now.astimezone(ZoneInfo(project.config.time_zone))
    front = Front(
        city=project.config.name, actor=actor, made_at=local, code_version=__version__, purpose=purpose
    )
    for _ in range(_TRIES):
        before = restricted_digest(engine)
        slip = _read(engine, feed, issued_on, with_keys=purpose is not None)
        if not slip.sections:
            return None
        with folder.staged(target) as stage:
            _write(stage / name, slip, front)
            sums = folder.seal(stage)
            failpoint("slip.rendered")
            if restricted_digest(engine) != before:
                continue
            tell(slip, sums)
            folder.swap_in(stage, target)
        return Issued(slip=slip, files=tuple(target / each for each in (*sums, folder.SUMS)), sha256s=sums)
    raise TryAgain("E_REPORT_MOVED")


def _read(engine: Engine, feed: "Feed", issued_on: date, *, with_keys: bool) -> Slip:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return slips.read(connection, feed=feed, issued_on=issued_on, with_keys=with_keys)


def _write(place: Path, slip: Slip, front: Front) -> None:
    # not with_suffix: the day and the feed's name hold dots
    for _ in csv_file.through(
        place.with_name(f"{place.name}.csv"), header=slips.HEADER, rows=slips.cells(slip)
    ):
        pass
    place.with_name(f"{place.name}.pdf").write_bytes(slip_pdf.render(slip, front=front))
