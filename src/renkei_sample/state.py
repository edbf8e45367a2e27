"""The whole city at the end of a day: what each legacy system holds, and which numbers come next."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from renkei_sample.population import Serials
from renkei_sample.records import (
    Account,
    Assessment,
    Benefit,
    Dependant,
    DoubleEntitlement,
    Property,
    Recipient,
    Representation,
    Resident,
    ReturnedMail,
    Row,
    Taxpayer,
)
from renkei_sample.truth import Ledger, load

if TYPE_CHECKING:
    import polars as pl

R = TypeVar("R", bound=Row)
#: 個人番号 in all three systems; files that are damaged in more ways than one.
INDIVIDUAL_NUMBERS, ODD_FILES = "individual_numbers", "odd_files"
EXTRAS = frozenset({INDIVIDUAL_NUMBERS, ODD_FILES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A change that one system knows and another is told of on a later night.

    ``task`` names the kind of change, ``target`` the office, ``people`` the 宛名番号 concerned.
    """

    due: date
    task: str
    target: str
    people: tuple[str, ...]


@dataclass(slots=True)
class CityState:
    """Tables of the three systems by key, changed in place while a day is replayed.

    ``versions`` collects the 住基 rows of the day, to be appended to its history.
    ``anomalies``: files of the night that are wrong: name, feed, what is wrong.
    ``quiet`` holds the 宛名番号 that no further event may touch, so that their plant stays what it is.
    ``strangers``: keys of tax and welfare records that stand under a number but are about somebody else.
    ``never_arrives``: of whom no 転入通知 will come.
    ``extras``: what this city has that others have not, of :data:`EXTRAS`.
    ``numbers``: feed and key of records (``feed/key``) that hold another 個人番号 than their person's own.
    ``properties`` to ``double_entitlements`` hold only rows that stand as they were put here: the others are
    made anew each night (``tax_books``, ``welfare_books``), and one of the same number gives way.
    """

    day: date
    seed: int
    size: int
    serials: Serials
    ledger: Ledger
    residents: dict[str, Resident] = field(default_factory=dict)
    taxpayers: dict[str, Taxpayer] = field(default_factory=dict)
    assessments: dict[str, Assessment] = field(default_factory=dict)
    recipients: dict[str, Recipient] = field(default_factory=dict)
    benefits: dict[str, Benefit] = field(default_factory=dict)
    properties: dict[str, Property] = field(default_factory=dict)
    dependants: dict[str, Dependant] = field(default_factory=dict)
    returned_mail: dict[str, ReturnedMail] = field(default_factory=dict)
    representations: dict[str, Representation] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    double_entitlements: dict[str, DoubleEntitlement] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    quiet: set[str] = field(default_factory=set)
    never_arrives: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    extras: frozenset[str] = frozenset()
    numbers: dict[str, str] = field(default_factory=dict)
    versions: list[Resident] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    anomalies: list[tuple[str, str, str]] = field(default_factory=list)
    _numbers: list[str] = field(default_factory=list)
    _recipient_of: dict[str, str] = field(default_factory=dict)
    _benefits_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _households: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def put_resident(self, row: Resident) -> None:
        """Write a new version into 住基."""
        before = self.residents.get(row.atena_no)
        if before is not None:
            self._households[before.setai_no].discard(row.atena_no)
        self.residents[row.atena_no] = row
        self._households[row.setai_no].add(row.atena_no)
        self.versions.append(row)

    def put_recipient(self, row: Recipient, *, owner: str | None = None) -> None:
        """Write a 対象者; ``owner`` is the person it is truly about."""
        self.recipients[row.bango] = row
        if owner is not None:
            self.owners[row.bango] = owner
            self._recipient_of[owner] = row.bango

    def put_benefit(self, row: Benefit) -> None:
        """Write a 給付."""
        if row.bango not in self.benefits:
            for number in {row.taishosha, row.jukyusha} - {None}:
                self._benefits_of[str(number)].append(row.bango)
        self.benefits[row.bango] = row

    def drop_benefit(self, number: str) -> None:
        """Take a 給付 out as if it had never been keyed."""
        row = self.benefits.pop(number)
        for holder in {row.taishosha, row.jukyusha} - {None}:
            self._benefits_of[str(holder)].remove(number)

    def recipient_of(self, atena_no: str) -> Recipient | None:
        """The 対象者 record of a person."""
        number = self._recipient_of.get(atena_no)
        return self.recipients[number] if number else None

    def benefits_of(self, recipient: str) -> list[Benefit]:
        """All 給付 that a 対象者 has part in, as the one it is for or as the payee."""
        return [self.benefits[number] for number in self._benefits_of.get(recipient, ())]

    def household(self, setai_no: str) -> list[Resident]:
        """Living residents of a household, by number."""
        members = (self.residents[number] for number in sorted(self._households.get(setai_no, ())))
        return [member for member in members if member.jumin_jotai == "1"]

    def living_numbers(self) -> list[str]:
        """Numbers of everyone in 住基, in the order they were given; made once a day."""
        if len(self._numbers) != len(self.residents):
            self._numbers = sorted(self.residents)
        return self._numbers

    def next_number(self, series: str) -> int:
        """The next serial of a series of the welfare or tax office."""
        self.counters[series] = self.counters.get(series, 0) + 1
        return self.counters[series]

    def welfare_number(self, letter: str) -> str:
        """The next F…, K… or W… number."""
        return f"{letter}{self.next_number(letter):08d}"


def key_of(row: Row) -> str:
    """The number by which a row is held beside others of its kind."""
    if isinstance(row, Dependant):
        return f"{row.nendo}-{row.fuyosha_no}-{row.hifuyosha_no}"
    return str(getattr(row, fields(row)[0].name))


_TABLES: tuple[tuple[str, type[Row]], ...] = (
    ("residents", Resident),
    ("taxpayers", Taxpayer),
    ("assessments", Assessment),
    ("recipients", Recipient),
    ("benefits", Benefit),
)
#: Rows that are put in by hand beside those that are made each night.
_PUT: tuple[tuple[str, type[Row]], ...] = (
    ("properties", Property),
    ("dependants", Dependant),
    ("returned_mail", ReturnedMail),
    ("representations", Representation),
    ("accounts", Account),
    ("double_entitlements", DoubleEntitlement),
)


def columns(rows: Iterable[Row], kind: type[Row]) -> dict[str, list[object]]:
    """Rows turned on their side."""
    held = list(rows)
    return {name: [getattr(row, name) for row in held] for name in (item.name for item in fields(kind))}


def save(state: CityState, folder: Path) -> None:
    """Write the state; the meta file comes last, so a cut save is a day not yet replayed."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in _TABLES:
        pl.DataFrame(columns(getattr(state, name).values(), kind), infer_schema_length=None).write_parquet(
            folder / f"{name}.{state.day}.parquet"
        )
    meta = {
        "day": state.day.isoformat(),
        "seed": state.seed,
        "size": state.size,
        "person": state.serials.person,
        "household": state.serials.household,
        "common_kana": state.serials.common_kana,
        "owners": state.owners,
        "pending": [asdict(item) for item in state.pending],
        "quiet": sorted(state.quiet),
        "never_arrives": sorted(state.never_arrives),
        "put": {name: [asdict(row) for row in getattr(state, name).values()] for name, _ in _PUT},
        "strangers": sorted(state.strangers),
        "extras": sorted(state.extras),
        "numbers": state.numbers,
        "counters": state.counters,
        "records": {name: len(getattr(state, name)) for name, _ in _TABLES},
    }
    state.ledger.save(folder / f"ledger.{state.day}")
    _identity(state).write_parquet(folder / f"ledger.{state.day}" / "identity.parquet")
    temporary = folder / "state.tmp"
    temporary.write_text(json.dumps(meta, ensure_ascii=False, default=date.isoformat), encoding="utf-8")
    temporary.replace(folder / "state.json")


def _identity(state: CityState) -> "pl.DataFrame":
    """Who each tax and welfare record is truly about; records that must be rejected are left out."""
    import polars as pl

    bad = {(item.feed, item.source_key) for item in state.ledger.rejects}
    tax = [
        (
            "tax.taxpayer",
            row.atena_no,
            _owner(state, row.atena_no, row.atena_no if row.atena_kbn == "1" else None),
        )
        for row in state.taxpayers.values()
    ]
    welfare = [("welfare.recipient", number, _owner(state, number)) for number in state.recipients]
    rows = [row for row in tax + welfare if row[:2] not in bad]
    return pl.DataFrame(
        rows, schema={"feed": pl.String, "source_key": pl.String, "owner": pl.String}, orient="row"
    )


def _owner(state: CityState, key: str, own: str | None = None) -> str | None:
    """Whom a record is about; nobody of 住基 where a stranger stands under the number."""
    return None if key in state.strangers else own or state.owners.get(key)


def restore(folder: Path) -> CityState:
    """The state as it was saved last."""
    meta = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    serials = Serials(person=meta["person"], household=meta["household"])
    serials.common_kana = meta["common_kana"]
    ledger = load(folder / f"ledger.{meta['day']}")
    day = date.fromisoformat(meta["day"])
    state = CityState(day=day, seed=meta["seed"], size=meta["size"], serials=serials, ledger=ledger)
    state.owners, state.counters, state.quiet = meta["owners"], meta["counters"], set(meta["quiet"])
    state.strangers = set(meta["strangers"])
    state.extras, state.numbers = frozenset(meta.get("extras", ())), meta.get("numbers", {})
    state.never_arrives = set(meta["never_arrives"])
    state.pending = [_pending(item) for item in meta["pending"]]
    for name, kind in _PUT:
        rows = [kind(**item) for item in meta["put"][name]]
        getattr(state, name).update({key_of(row): row for row in rows})
    for row in _rows(folder, state.day, "residents", Resident):
        state.put_resident(row)
    state.versions.clear()
    state.taxpayers = {row.atena_no: row for row in _rows(folder, state.day, "taxpayers", Taxpayer)}
    state.assessments = {row.atena_no: row for row in _rows(folder, state.day, "assessments", Assessment)}
    for recipient in _rows(folder, state.day, "recipients", Recipient):
        state.put_recipient(recipient, owner=state.owners.get(recipient.bango))
    for benefit in _rows(folder, state.day, "benefits", Benefit):
        state.put_benefit(benefit)
    return state


def _rows(folder: Path, day: date, name: str, kind: type[R]) -> Sequence[R]:
    import polars as pl

    frame = pl.read_parquet(folder / f"{name}.{day}.parquet")
    return [kind(**row) for row in frame.iter_rows(named=True)]


def _pending(item: dict[str, object]) -> Pending:
    return Pending(
        due=date.fromisoformat(str(item["due"])),
        task=str(item["task"]),
        target=str(item["target"]),
        people=tuple(str(number) for number in item["people"]),  # type: ignore[attr-defined]  # JSON list
    )
