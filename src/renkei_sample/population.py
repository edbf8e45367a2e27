"""The people: households first, then who lives in them, each with one true record in 住基."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import TypedDict, Unpack

from renkei_sample.chance import lot
from renkei_sample.identifiers import CITY_CODE, child_until, numbers, wide, ymd
from renkei_sample.names import Name, foreign_name, name_book
from renkei_sample.records import Resident
from renkei_sample.towns import Address, new_address

#: Nothing in the base state changed later than this many days before the base day.
QUIET_DAYS = 10
#: Composition of households: name, share, ages of the adults.
_KINDS = (
    ("young_single", 20, (19, 45)),
    ("middle_single", 8, (45, 64)),
    ("old_single", 12, (65, 95)),
    ("young_couple", 7, (24, 50)),
    ("old_couple", 15, (65, 92)),
    ("family", 22, (26, 52)),
    ("grown_family", 9, (50, 74)),
    ("single_parent", 4, (26, 50)),
    ("three_generations", 5, (30, 50)),
)
_FOREIGN_SHARE = 0.045
#: 在留資格 by share (永住者 特別永住者 定住者 就労 留学); the family of the last two stays with them.
_QUALIFICATIONS = (("01", 35), ("02", 12), ("05", 10), ("11", 30), ("21", 13))
_WITHOUT_TERM, _FAMILY = ("01", "02"), "22"
_UNKNOWN_SHARE, _PROTECTED_SHARE, _FORMER_SHARE = 0.001, 0.001, 0.05
HEAD, HUSBAND, WIFE, CHILD, FATHER, MOTHER = "02", "11", "12", "20", "51", "52"


@dataclass(slots=True)
class Household:
    """A household while it is being made: its address, since when, and its members in order."""

    setai_no: str
    address: Address
    since: date
    reason: str
    members: list[Resident] = field(default_factory=list)


class Facts(TypedDict, total=False):
    """What the next version of a 住基 row says anew."""

    shimei: str
    shimei_kana: str
    jumin_jotai: str
    machiaza: str
    banchi: str
    katagaki: str | None
    yubin_no: str
    jutei_ymd: str
    ido_jiyu: str
    ido_ymd: str
    shibo_ymd: str
    tenshutsu_ymd: str
    tenshutsu_yotei_ymd: str
    shien_kbn: str


class Serials:
    """The next free numbers of the registry, and readings of 通称, which 住基 itself has no column for."""

    def __init__(self, *, person: int = 1_000_000, household: int = 5_000_000) -> None:
        self.person, self.household = person, household
        self.common_kana: dict[str, str] = {}

    def next_person(self) -> str:
        """A new 宛名番号."""
        number = next(numbers(self.person))
        self.person = int(number[:-1]) + 1
        return number

    def next_household(self) -> str:
        """A new 世帯番号."""
        number = next(numbers(self.household))
        self.household = int(number[:-1]) + 1
        return number


def clock_text(day: date, rng: Random) -> str:
    """A moment in office hours of a day, as 住基 stamps its rows."""
    second, fraction = rng.randrange(8 * 3600 + 1800, 17 * 3600), rng.randrange(1_000_000)
    return f"{day.isoformat()} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{fraction:06d}"


def person(
    serials: Serials,
    rng: Random,
    *,
    household: str,
    address: Address,
    name: Name,
    sex: str,
    born: date,
    relationship: str,
    since: date,
    reason: str,
    foreign: bool = False,
    common_name: Name | None = None,
    stamped: date | None = None,
) -> Resident:
    """The first version of a person: moved in, or born here."""
    happened, number = ymd(since), serials.next_person()
    if common_name:
        serials.common_kana[number] = common_name.kana
    return Resident(
        atena_no=number,
        rireki_no=1,
        setai_no=household,
        jumin_shubetsu="2" if foreign else "1",
        jumin_jotai="1",
        shimei=name.text,
        shimei_kana=name.kana,
        kyu_uji=None,
        tsusho=common_name.text if common_name else None,
        seibetsu=sex,
        seinengappi=ymd(born),
        seinengappi_hyoki=None,
        zokugara=relationship,
        shikuchoson_cd=CITY_CODE,
        machiaza=address.machiaza,
        banchi=address.banchi,
        katagaki=address.katagaki,
        yubin_no=address.yubin,
        jutei_ymd=happened,
        ido_jiyu=reason,
        ido_ymd=happened,
        todoke_ymd=ymd(stamped or since),
        shibo_ymd=None,
        tenshutsu_ymd=None,
        tennyu_ymd=happened if reason in ("01", "02") else None,
        shien_kbn="0",
        koshin_ts=clock_text(stamped or since, rng),
        sosa_id=f"S0{rng.randint(101, 124)}",
        tanmatsu_id=f"JK{rng.randint(1, 18):03d}",
    )


def japanese(rng: Random, sex: str, surname: Name | None = None) -> Name:
    """A full Japanese name with the ideographic space between its halves."""
    book = name_book()
    family, given = surname or book.surname(rng), book.given_name(rng, sex)
    return Name(f"{family.text}　{given.text}", f"{family.kana}　{given.kana}")


def born_at(rng: Random, day: date, age: int) -> date:
    """A birth date that makes someone this old on a day, never within the quiet days."""
    back = max(QUIET_DAYS + 10, int(age * 365.25) + rng.randint(8, 350))
    return day - timedelta(days=back)


def populate(
    rng: Random, serials: Serials, *, residents: int, day: date
) -> tuple[list[Household], list[Resident]]:
    """Households with exactly this many residents, and the former residents (除票) beside them."""
    households: list[Household] = []
    living = 0
    while living < residents:
        household = _household(rng, serials, day)
        del household.members[residents - living :]
        living += len(household.members)
        households.append(household)
    _mark_some(rng, households, residents)
    former = [_former(rng, serials, day) for _ in range(max(8, round(residents * _FORMER_SHARE)))]
    return households, former


def _household(rng: Random, serials: Serials, day: date) -> Household:
    kind, _, ages = rng.choices(_KINDS, weights=[share for _, share, _ in _KINDS])[0]
    since = day - timedelta(days=rng.randint(QUIET_DAYS + 5, 20 * 365))
    reason = rng.choices(("01", "21", "02"), weights=(70, 28, 2))[0]
    home = Household(serials.next_household(), new_address(rng), since, reason)
    foreign = kind in ("young_single", "young_couple", "family") and rng.random() < _FOREIGN_SHARE * 2
    draw = _ForeignFamily(rng) if foreign else _JapaneseFamily(rng)
    for sex, age, relationship in _members(rng, kind, ages):
        entry = _member(rng, serials, home, draw, sex=sex, born=born_at(rng, day, age), role=relationship)
        home.members.append(_may_stay(entry, day) if foreign else entry)
    return home


def _may_stay(entry: Resident, day: date) -> Resident:
    """在留資格 and its term, which a household shares and which nobody has let run out."""
    drawn = lot("在留資格", entry.setai_no) % sum(share for _, share in _QUALIFICATIONS)
    held = next(
        code
        for number, (code, _) in enumerate(_QUALIFICATIONS)
        if drawn < sum(share for _, share in _QUALIFICATIONS[: number + 1])
    )
    if held in _WITHOUT_TERM:
        return replace(entry, zairyu_shikaku=held)
    until = day + timedelta(days=100 + lot("在留期間", entry.setai_no) % 1500)
    own = held if entry.zokugara == HEAD or held == "05" else _FAMILY
    return replace(entry, zairyu_shikaku=own, zairyu_manryo_ymd=ymd(until))


class _JapaneseFamily:
    foreign = False

    def __init__(self, rng: Random) -> None:
        self.rng, self.surname = rng, name_book().surname(rng)

    def name(self, sex: str) -> tuple[Name, Name | None]:
        return japanese(self.rng, sex, self.surname), None


class _ForeignFamily:
    foreign = True

    def __init__(self, rng: Random) -> None:
        self.rng, self.common = rng, name_book().surname(rng) if rng.random() < 0.25 else None
        self.family: int | None = None

    def name(self, sex: str) -> tuple[Name, Name | None]:
        self.family, name = foreign_name(self.rng, sex, self.family)
        return name, japanese(self.rng, sex, self.common) if self.common else None


def _members(rng: Random, kind: str, ages: tuple[int, int]) -> Iterator[tuple[str, int, str]]:
    age = rng.randint(*ages)
    head_sex = "1" if rng.random() < (0.85 if kind not in ("single_parent", "old_single") else 0.25) else "2"
    spouse_sex, spouse = ("2", WIFE) if head_sex == "1" else ("1", HUSBAND)
    yield head_sex, age, HEAD
    if kind not in ("young_single", "middle_single", "old_single", "single_parent"):
        yield spouse_sex, max(19, age + rng.randint(-6, 3)), spouse
    if kind in ("family", "single_parent", "three_generations"):
        for _ in range(rng.choices((1, 2, 3), weights=(40, 45, 15))[0]):
            yield rng.choice("12"), max(0, min(24, age - rng.randint(24, 38))), CHILD
    if kind == "grown_family":
        yield rng.choice("12"), max(19, age - rng.randint(25, 33)), CHILD
    if kind == "three_generations":
        yield "2", min(96, age + rng.randint(24, 34)), MOTHER


def _member(
    rng: Random,
    serials: Serials,
    home: Household,
    draw: "_JapaneseFamily | _ForeignFamily",
    *,
    sex: str,
    born: date,
    role: str,
) -> Resident:
    name, common = draw.name(sex)
    newborn = born > home.since
    entry = person(
        serials,
        rng,
        household=home.setai_no,
        address=home.address,
        name=name,
        sex=sex,
        born=born,
        relationship=role,
        since=born if newborn else home.since,
        reason="03" if newborn else "01" if home.reason == "21" else home.reason,
        foreign=draw.foreign,
        common_name=common,
        stamped=born + timedelta(days=5) if newborn else home.since,
    )
    return entry if newborn or home.reason != "21" else _moved_once(rng, entry, home.since)


def _moved_once(rng: Random, entry: Resident, since: date) -> Resident:
    """Version 2 of someone who moved within the city; version 1 is made again by :func:`earlier_version`."""
    arrived = ymd(
        max(since - timedelta(days=rng.randint(200, 3000)), date(int(entry.seinengappi[:4]), 12, 31))
    )
    return replace(entry, rireki_no=2, ido_jiyu="21", tennyu_ymd=min(arrived, entry.jutei_ymd))


def earlier_version(rng: Random, entry: Resident, number: int = 1) -> Resident:
    """An earlier version of a row: as the person arrived, at another address."""
    there = new_address(rng)
    arrived = entry.tennyu_ymd or entry.jutei_ymd
    return replace(
        entry,
        rireki_no=number,
        jumin_jotai="1",
        machiaza=there.machiaza,
        banchi=there.banchi,
        katagaki=there.katagaki,
        yubin_no=there.yubin,
        jutei_ymd=arrived,
        ido_jiyu="01",
        ido_ymd=arrived,
        todoke_ymd=arrived,
        shibo_ymd=None,
        tenshutsu_ymd=None,
        tenshutsu_yotei_ymd=None,
        tennyu_tsuchi_ymd=None,
        koshin_ts=f"{arrived[:4]}-{arrived[4:6]}-{arrived[6:]} 10:00:00.000000",
    )


def _mark_some(rng: Random, households: list[Household], residents: int) -> None:
    """Unknown birth dates among the old who live alone, and 支援措置, at their rates."""
    old = [home for home in households if len(home.members) == 1 and home.members[0].seinengappi < "19600101"]
    for home in rng.sample(old, min(len(old), max(2, round(residents * _UNKNOWN_SHARE)))):
        home.members[0] = _of_unknown_birth(rng, home.members[0])
    for home in rng.sample(households, max(1, round(residents * _PROTECTED_SHARE / 1.8))):
        home.members[:] = [replace(member, shien_kbn="1") for member in home.members]


def _of_unknown_birth(rng: Random, entry: Resident) -> Resident:
    year, month = entry.seinengappi[:4], entry.seinengappi[4:6]
    showa = wide(str(int(year) - 1925))
    known, text = rng.choice(
        (
            (f"{year}{month}00", f"昭和{showa}年{wide(str(int(month)))}月日不詳"),
            (f"{year}0000", f"昭和{showa}年月日不詳"),
            ("00000000", "年月日不詳"),
        )
    )
    return replace(entry, seinengappi=known, seinengappi_hyoki=text) if "1927" <= year <= "1988" else entry


def _former(rng: Random, serials: Serials, day: date) -> Resident:
    """Someone who lived here alone: died (two in five) or moved away within the last years."""
    died = rng.random() < 0.4
    left = day - timedelta(days=rng.randint(QUIET_DAYS + 10, 4 * 365))
    sex, age = rng.choice("12"), rng.randint(66, 97) if died or rng.random() < 0.3 else rng.randint(19, 40)
    entry = person(
        serials,
        rng,
        household=serials.next_household(),
        address=new_address(rng),
        name=japanese(rng, sex),
        sex=sex,
        born=born_at(rng, day, age),
        relationship=HEAD,
        since=left - timedelta(days=rng.randint(100, 700)),
        reason="01",
    )
    return (
        dead(rng, entry, on=left - timedelta(days=3), day=left)
        if died
        else moved_out(rng, entry, on=left, day=left)
    )


def dead(rng: Random, entry: Resident, *, on: date, day: date) -> Resident:
    """The version that records a death."""
    return revised(rng, entry, day, jumin_jotai="3", ido_jiyu="13", ido_ymd=ymd(on), shibo_ymd=ymd(on))


def moved_out(rng: Random, entry: Resident, *, on: date, day: date) -> Resident:
    """The version that records a move out of the city."""
    return revised(
        rng,
        entry,
        day,
        jumin_jotai="2",
        ido_jiyu="11",
        ido_ymd=ymd(on),
        tenshutsu_ymd=ymd(on),
        tenshutsu_yotei_ymd=ymd(on),
    )


def removed(rng: Random, entry: Resident, *, on: date, day: date) -> Resident:
    """The version that removes a person ex officio (職権消除)."""
    return revised(rng, entry, day, jumin_jotai="9", ido_jiyu="22", ido_ymd=ymd(on))


def revised(rng: Random, entry: Resident, day: date, **facts: Unpack[Facts]) -> Resident:
    """The next version of a row, keyed by a clerk on a day."""
    return replace(
        entry,
        rireki_no=entry.rireki_no + 1,
        todoke_ymd=ymd(day),
        koshin_ts=clock_text(day, rng),
        sosa_id=f"S0{rng.randint(101, 124)}",
        tanmatsu_id=f"JK{rng.randint(1, 18):03d}",
        **facts,
    )


def is_child(entry: Resident, day: date) -> bool:
    """True until the 31 March after the eighteenth year; unknown birth dates are never children here."""
    if "00" in (entry.seinengappi[4:6], entry.seinengappi[6:]):
        return False
    return (
        child_until(date(int(entry.seinengappi[:4]), int(entry.seinengappi[4:6]), int(entry.seinengappi[6:])))
        >= day
    )


def age_of(entry: Resident, day: date) -> int:
    """Full years on a day; an unknown birth date counts as 80."""
    if entry.seinengappi.startswith("0000"):
        return 80
    return day.year - int(entry.seinengappi[:4]) - (ymd(day)[4:] < entry.seinengappi[4:])
