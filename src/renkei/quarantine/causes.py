"""The causes of what is set aside: one for each feed, field and code, counted until it is gone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

from sqlalchemy import Connection, Engine, text

from renkei.errors import FixDeclaration
from renkei.views import RESTRICTED

#: Codes of records that are well formed and were set aside for being unlike all earlier ones.
TO_CONFIRM = frozenset({"E_CONTRACT"})


@dataclass(frozen=True, kw_only=True)
class Group:
    """Which records set aside are meant: of one field, one code, both, or (None) any.

    What only broke a contract would map as it is, so it is meant only where its code is named: somebody has
    asked the sender.
    """

    field: str | None = None
    code: str | None = None

    def takes(self, field: str, code: str) -> bool:
        """True when a reject of this field and code belongs to the group."""
        meant = code not in TO_CONFIRM if self.code is None else code == self.code
        return meant and self.field in (None, field)


#: Every record set aside.
EVERYTHING = Group()


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause and how many open rejects it has.

    ``first_as_of`` is the day from which every delivery of these keys was set aside for this same cause;
    ``age`` counts the office days since. ``target`` is the column that the field could not fill, where the
    mapping set it aside. ``suspects`` may be somebody who is missing (疑いのある取込エラー).
    """

    feed: str
    field: str
    code: str
    target: str | None
    records: int
    suspects: int
    first_as_of: date
    last_as_of: date
    age: int

    @property
    def name(self) -> str:
        """How the cause is called on the command line: ``feed/field/code``."""
        return f"{self.feed}/{self.field}/{self.code}"

    @property
    def group(self) -> Group:
        """The rejects of this cause."""
        return Group(field=self.field, code=self.code)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Of all records ever set aside, by the last word on each: they are one of three."""

    open: int
    refed: int
    overtaken: int

    @property
    def ever(self) -> int:
        """All that were ever set aside."""
        return self.open + self.refed + self.overtaken


def parse(name: str) -> tuple[str, Group]:
    """``feed/field/code`` → the feed and the group; a field may itself hold slashes."""
    feed, _, rest = name.partition("/")
    field, _, code = rest.rpartition("/")
    if not (feed and field and code):
        raise FixDeclaration("E_NOT_FOUND", kind="group", name=name, nearest="renkei rejects groups")
    return feed, Group(field=field, code=code)


def causes(engine: Engine, *, today: date, feed: str | None = None) -> tuple[Cause, ...]:
    """Every cause with open rejects, the oldest first."""
    with engine.connect() as connection:
        return causes_in(connection, today=today, feed=feed)


def causes_in(connection: Connection, *, today: date, feed: str | None = None) -> tuple[Cause, ...]:
    """The same inside the caller's transaction, so that other figures tie to it."""
    rows = connection.execute(text(_query()), {"feed": feed}).mappings()
    return tuple(Cause(**row, age=office_days(row["first_as_of"], today)) for row in rows)


def standing(engine: Engine, *, feed: str | None = None) -> Standing:
    """How the records ever set aside stand: open, taken in again, or answered by a later delivery."""
    with engine.connect() as connection:
        return Standing(**connection.execute(text(_STANDING), {"feed": feed}).mappings().one())


def count_open(connection: Connection, feed: str) -> int:
    """How many rejects of a feed are open."""
    query = "SELECT count(*) FROM reject WHERE feed = :feed AND state = 'open'"
    return int(connection.execute(text(query), {"feed": feed}).scalar_one())


def shown(connection: Connection, reject_ids: Iterable[int]) -> frozenset[int]:
    """Those whose record belongs to a resident known not to be restricted; no other's key may be shown.

    A record whose key is in doubt may be anybody's, so it is never among them.
    """
    ids = list(reject_ids)
    return frozenset(connection.execute(text(_SHOWN), {"ids": ids}).scalars()) if ids else frozenset()


def office_days(since: date, until: date) -> int:
    """Days on which the office was open after ``since``, up to and with ``until``."""
    return sum(_is_open(since + timedelta(days=n)) for n in range(1, (until - since).days + 1))


@cache
def _is_open(day: date) -> bool:
    from renkei.reconcile.calendar import is_office_day

    return is_office_day(day)


@cache
def _query() -> str:
    return resources.files("renkei.quarantine").joinpath("causes.sql").read_text("utf-8")


#: A record that was read again and set aside anew has a later row: the last one counts.
_STANDING = """
    WITH last AS (
        SELECT DISTINCT ON (delivery_id, rec_no) state
        FROM reject
        WHERE CAST(:feed AS text) IS NULL OR feed = :feed
        ORDER BY delivery_id, rec_no, reject_id DESC
    )
    SELECT count(*) FILTER (WHERE state = 'open') AS open,
        count(*) FILTER (WHERE state = 'refed') AS refed,
        count(*) FILTER (WHERE state = 'overtaken') AS overtaken
    FROM last
"""
_SHOWN = f"""
    WITH {RESTRICTED}
    SELECT j.reject_id FROM reject j JOIN open_link l USING (feed, source_key)
    JOIN golden_version g USING (resident_id)
    WHERE j.reject_id = ANY(:ids) AND NOT j.suspect AND j.code <> 'E_KEY_TWICE'
      AND coalesce(substring(j.detail FROM 'to=([a-z_]+)'), j.field) NOT IN ('source_key', 'party_number')
      AND l.known_to IS NULL AND g.known_to IS NULL
      AND l.resident_id NOT IN (SELECT resident_id FROM restricted)
"""
