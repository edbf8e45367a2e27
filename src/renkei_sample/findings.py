"""Truth for each rule, read off the rows as they now stand: which keys, and since when it could be seen."""

from datetime import date, timedelta

from renkei_sample.identifiers import from_wareki, from_ymd
from renkei_sample.records import Benefit, Recipient, Resident, Taxpayer
from renkei_sample.state import CityState
from renkei_sample.truth import Truth

JUKI, TAX, ASSESSMENT, WELFARE, BENEFIT = (
    "juki.resident",
    "tax.taxpayer",
    "tax.assessment",
    "welfare.recipient",
    "welfare.benefit",
)
MINUTES = {"address": 6, "name": 4, "date_of_birth": 3, "household": 5, "record": 10, "benefit": 8}
_JUKI_KIND = {
    "03": "birth",
    "01": "moved_in",
    "02": "moved_in",
    "11": "moved_out",
    "12": "moved_out",
    "13": "death",
}
_JUKI_KIND |= {"21": "address", "22": "correction", "23": "correction", "41": "name"}
_JUKI_KIND |= {"31": "household", "32": "household", "33": "household", "51": "protection"}
_JUKI_KIND |= {"91": "cancelled", "92": "cancelled", "93": "cancelled"}
_JUKI_KIND |= {"94": "renewed_sheet", "95": "renewed_sheet", "81": "naturalized"}
_TAX_KIND = {"01": "address", "02": "name", "05": "new", "06": "date_of_birth", "07": "household"}
_WELFARE_KIND = {
    "住所": "address",
    "氏名": "name",
    "新規": "new",
    "生年月日": "date_of_birth",
    "世帯": "household",
}
_FRESH_BIRTH = {"date_of_birth", "new", "birth", "moved_in", "correction"}
_FRESH_HOUSEHOLD = {"household", "address", "moved_in", "birth"}
LONG_AGO = date(1900, 1, 1)

Other = Taxpayer | Recipient


def keyed_on(row: Resident | Other | Benefit) -> date:
    """The day on which a row was last written."""
    if isinstance(row, Resident):
        return date.fromisoformat(row.koshin_ts[:10])
    return (
        from_ymd(row.koshin_ymdhms[:8]) if isinstance(row, Taxpayer) else date.fromisoformat(row.koshin[:10])
    )


def keyed_at(row: Resident | Other | Benefit) -> str:
    """The second in which a row was last written, as digits that sort."""
    stamp = (
        row.koshin_ts
        if isinstance(row, Resident)
        else row.koshin_ymdhms
        if isinstance(row, Taxpayer)
        else row.koshin
    )
    return "".join(sign for sign in stamp if sign.isdecimal())[:14]


def kind_of(row: Resident | Other) -> str:
    """The common word for why a row was last written."""
    if isinstance(row, Resident):
        return _JUKI_KIND[row.ido_jiyu]
    return (
        _TAX_KIND.get(row.koshin_jiyu, "other")
        if isinstance(row, Taxpayer)
        else _WELFARE_KIND.get(row.jiyu, "other")
    )


def feed_of(row: Resident | Other) -> tuple[str, str]:
    """Feed and key of a person's record."""
    if isinstance(row, Resident):
        return JUKI, row.atena_no
    return (TAX, row.atena_no) if isinstance(row, Taxpayer) else (WELFARE, row.bango)


def fresh(kinds: set[str], *rows: Resident | Other) -> date:
    """The day of the latest of these rows that was last written for one of these reasons."""
    return max((keyed_on(row) for row in rows if kind_of(row) in kinds), default=LONG_AGO)


def stand(
    state: CityState,
    rule_id: str,
    klass: str,
    *,
    field: str,
    left: tuple[str, str | None],
    right: tuple[str, str | None],
    since: date = LONG_AGO,
    why: str | None = None,
) -> Truth:
    """Something that a rule must find from today on."""
    return state.ledger.plant(
        rule_id, klass, field=field, left=left, right=right, since=since, day=state.day, why=why
    )


def why_other_number(one: str, other: str) -> str:
    """Why two house numbers of one town differ: a figure exchanged, or simply another house."""
    apart = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    return "transposed" if len(one) == len(other) and len(apart) == 1 else "real"


def deceased_child(state: CityState, entry: Resident, benefit: Benefit, *, klass: str) -> Truth:
    """R01: due from the first day of the month after."""
    gone = from_ymd(entry.shibo_ymd or entry.ido_ymd)
    next_month = (gone.replace(day=28) + timedelta(days=4)).replace(day=1)
    return state.ledger.plant(
        "R01",
        klass,
        field="status",
        left=(JUKI, entry.atena_no),
        right=(BENEFIT, benefit.bango),
        since=max(next_month, keyed_on(entry)),
        day=state.day,
    )


def insurance_after_death(state: CityState, entry: Resident, benefit: Benefit) -> Truth:
    """R02: not ended, or ended on another day than the one after the death."""
    return state.ledger.plant(
        "R02",
        "not_ended" if benefit.jotai == "受給中" else "wrong_date",
        field="ended_on",
        left=(JUKI, entry.atena_no),
        right=(BENEFIT, benefit.bango),
        since=keyed_on(entry),
        day=state.day,
    )


def benefit_after_moving_out(state: CityState, entry: Resident, benefit: Benefit) -> Truth:
    """R05: someone has moved out and a benefit runs on."""
    kinds = {"児童手当": "child_allowance", "国民健康保険": "national_health", "介護保険": "long_term_care"}
    return state.ledger.plant(
        "R05",
        kinds.get(benefit.shubetsu, "elderly_health"),
        field="status",
        left=(JUKI, entry.atena_no),
        right=(BENEFIT, benefit.bango),
        since=max(from_ymd(entry.tenshutsu_ymd or entry.ido_ymd), keyed_on(entry)),
        day=state.day,
    )


def old_mailing_address(state: CityState, entry: Resident, *, why: str = "real") -> Truth:
    """R06: notices go to where the person no longer lives."""
    row = state.assessments[entry.atena_no]
    mailed = from_ymd(row.koshin_ymdhms[:8]) if row.koshin_jiyu == "01" else LONG_AGO
    return state.ledger.plant(
        "R06",
        "old_address",
        field="mailing_address",
        left=(JUKI, entry.atena_no),
        right=(ASSESSMENT, entry.atena_no),
        since=max(from_ymd(entry.jutei_ymd), fresh({"address"}, entry), mailed),
        day=state.day,
        why=why,
    )


def other_address(state: CityState, entry: Resident, other: Other, *, why: str = "real") -> Truth:
    """R10: another office has another place."""
    return state.ledger.plant(
        "R10",
        "other_place",
        field="address",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=max(from_ymd(entry.jutei_ymd), fresh({"address"}, other)),
        day=state.day,
        why=why,
    )


def other_birth(state: CityState, entry: Resident, other: Other, *, klass: str) -> Truth:
    """R11: another office has another birth date."""
    return state.ledger.plant(
        "R11",
        klass,
        field="date_of_birth",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=fresh(_FRESH_BIRTH, entry, other),
        day=state.day,
        why="era" if klass == "era_error" else "transposed",
    )


def other_name(
    state: CityState, entry: Resident, other: Other, *, klass: str, why: str | None = None
) -> Truth:
    """R13: another office has another name or reading."""
    return state.ledger.plant(
        "R13",
        klass,
        field="name",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=fresh({"name"}, entry, other),
        day=state.day,
        why=why or {"glyph_only": "glyph", "reading_only": "reading"}.get(klass, "real"),
    )


def two_numbers(state: CityState, one: Taxpayer, two: Taxpayer) -> Truth:
    """R15: one person under two numbers."""
    first, second = sorted((one, two), key=lambda row: row.atena_no)
    return state.ledger.plant(
        "R15",
        "two_numbers",
        field="party_number",
        left=feed_of(first),
        right=feed_of(second),
        since=max(from_wareki(first.ido_ymd), from_wareki(second.ido_ymd)),
        day=state.day,
    )


def other_household(state: CityState, entry: Resident, head: Resident, other: Recipient) -> Truth:
    """R19: the welfare office counts a household that 住基 has parted."""
    return state.ledger.plant(
        "R19",
        "other_household",
        field="household",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=fresh(_FRESH_HOUSEHOLD, entry, head),
        day=state.day,
        why="real",
    )


def left_out_child(state: CityState, entry: Resident) -> Truth:
    """R22: a child of a paid household who is not a target."""
    arrived = max(from_ymd(entry.seinengappi), from_ymd(entry.tennyu_ymd or entry.seinengappi))
    return state.ledger.plant(
        "R22",
        "not_target",
        field="status",
        left=(JUKI, entry.atena_no),
        right=(BENEFIT, None),
        since=arrived + timedelta(days=15),
        day=state.day,
    )


def unknown_child(state: CityState, benefit: Benefit) -> Truth:
    """R22: a child that 住基 has never heard of."""
    return state.ledger.plant(
        "R22",
        "unknown_child",
        field="status",
        left=(JUKI, None),
        right=(BENEFIT, benefit.bango),
        since=max(date.fromisoformat(benefit.kaishi), keyed_on(benefit)),
        day=state.day,
    )


def double_entry(
    state: CityState, one: Resident | Other, two: Resident | Other, *, has_error: bool = False
) -> Truth:
    """R38: the same change keyed by hand in two systems, left first; it stays found for good."""
    first, again = sorted((one, two), key=keyed_at)
    field = kind_of(one)
    return state.ledger.plant(
        "R38",
        "with_error" if has_error else "same_value",
        field=field,
        left=feed_of(first),
        right=feed_of(again),
        since=keyed_on(again),
        day=state.day,
        lasting=True,
        minutes=MINUTES[field],
    )


def typed_again(state: CityState, row: Other) -> Truth:
    """R50: another desk of the same office keyed the same address into the same record."""
    return _within(state, "typed_again", "address", feed_of(row), feed_of(row), keyed_on(row))


def two_records_typed(state: CityState, one: Other, two: Other) -> Truth:
    """R50: one office registered one person twice."""
    first, again = sorted((one, two), key=keyed_at)
    return _within(state, "two_records", "record", feed_of(first), feed_of(again), keyed_on(again))


def two_benefits_typed(state: CityState, one: Benefit, two: Benefit) -> Truth:
    """R50: one office keyed one claim twice."""
    first, again = sorted((one, two), key=keyed_at)
    return _within(
        state, "two_records", "benefit", (BENEFIT, first.bango), (BENEFIT, again.bango), keyed_on(again)
    )


def _within(
    state: CityState, klass: str, field: str, left: tuple[str, str], right: tuple[str, str], since: date
) -> Truth:
    return state.ledger.plant(
        "R50",
        klass,
        field=field,
        left=left,
        right=right,
        since=since,
        day=state.day,
        lasting=True,
        minutes=MINUTES[field],
    )


def broken_delivery(state: CityState, name: str, feed: str, *, klass: str) -> Truth:
    """R39: a file that is damaged or was sent twice; found in the very night."""
    state.anomalies.append((name, feed, klass))
    return state.ledger.plant(
        "R39",
        klass,
        field="delivery",
        left=(feed, name),
        right=("", None),
        since=state.day,
        day=state.day,
        lasting=True,
    )


def other_sex(state: CityState, entry: Resident, other: Other) -> Truth:
    """R12: another office has the other sex."""
    kinds = {"new", "birth", "moved_in", "correction"}
    return state.ledger.plant(
        "R12",
        "other_sex",
        field="sex",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=fresh(kinds, entry, other),
        day=state.day,
    )


def not_protected(state: CityState, entry: Resident, other: Other) -> Truth:
    """R07: 支援措置 in 住基 only."""
    kinds = {"protection", "new", "birth", "moved_in"}
    return state.ledger.plant(
        "R07",
        "not_flagged",
        field="protected",
        left=(JUKI, entry.atena_no),
        right=feed_of(other),
        since=fresh(kinds, entry, other),
        day=state.day,
    )


def paid_twice(state: CityState, one: Benefit, two: Benefit) -> Truth:
    """R23: two allowances for one child."""
    begun = [date.fromisoformat(row.kaishi) for row in (one, two)]
    keyed = [keyed_on(row) for row in (one, two) if row.jiyu == "新規"]
    return state.ledger.plant(
        "R23",
        "same_payee",
        field="payee",
        left=(BENEFIT, min(one.bango, two.bango)),
        right=(BENEFIT, max(one.bango, two.bango)),
        since=max(begun + keyed),
        day=state.day,
    )


def not_enrolled(state: CityState, entry: Resident) -> Truth:
    """R24: 65 was reached the day before the birthday, and nobody enrolled the person."""
    born = from_ymd(entry.seinengappi)
    reached = date(born.year + 65, born.month, 1) + timedelta(days=born.day - 2)
    arrived = [from_ymd(entry.tennyu_ymd)] if entry.tennyu_ymd else []
    arrived += [keyed_on(entry)] if kind_of(entry) == "moved_in" else []
    return state.ledger.plant(
        "R24",
        "not_enrolled",
        field="long_term_care",
        left=(JUKI, entry.atena_no),
        right=(BENEFIT, None),
        since=max([reached, *(day + timedelta(days=14) for day in arrived)]),
        day=state.day,
    )
