"""Made-up figures of a department for tests that draw them."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from renkei.report import period
from renkei.report.figures import BANDS, Age, DayCount, Entries, Figures, RuleCount
from renkei.report.mismatch import Line
from renkei.report.words import Front

AS_OF = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 5, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
PERIOD = period.of_day(AS_OF, known_at=NOW)
MONTH = period.of_month(date(2026, 11, 1), today=date(2026, 12, 9), known_at=NOW)

FRONT = Front(
    city="葛原市",
    actor="hanako",
    made_at=NOW,
    code_version="0",
    declarations="d" * 64,
    queries="q" * 64,
    rules={"R10": "住所相違", "R22": "児童手当未申請"},
    feeds={"welfare.benefit": "福祉 受給"},
    systems=("juki", "tax"),
    city_compared=30,
)

COMPARED = RuleCount(
    rule_id="R10", state="compared", told_on=AS_OF, rule_digest="r", compared=19_876, in_transit=3,
    missing_feeds=(), error_code=None, nights_compared=1, nights_not_compared=0, opened=4, closed=2,
    standing=66, suppressed=12, decided=50, confirmed=41,
)  # fmt: skip
ABSENT = replace(
    COMPARED, rule_id="R22", state="not_compared", compared=2_143, in_transit=0, nights_compared=0,
    nights_not_compared=1, missing_feeds=("welfare.benefit",), opened=0, closed=0, standing=0, suppressed=0,
    decided=0, confirmed=0,
)  # fmt: skip
CLEAR = replace(COMPARED, opened=0, closed=0, standing=0, suppressed=0, in_transit=0, decided=0, confirmed=0)
NEVER = replace(ABSENT, state=None, compared=0, missing_feeds=(), nights_not_compared=0, rule_digest=None)


def figures(*rules: RuleCount, about: period.Period = PERIOD, is_compared: bool = True) -> Figures:
    """Figures with these rules; the fourth day has no comparison."""
    number = (about.as_of - about.nights_from).days + 1
    days = tuple(
        DayCount(
            day=about.nights_from + timedelta(days=n),
            is_compared=is_compared and n != 3,
            opened=n,
            closed=2,
            standing=60 + n,
        )
        for n in range(number)
    )
    standing = sum(rule.standing for rule in rules)
    return Figures(
        department="市民税課",
        period=about,
        reconcile_run="run",
        days=days,
        rules=rules,
        ages=tuple(Age(band=band, standing=standing if n == 2 else 0, suppressed=0) for n, band in enumerate(BANDS)),
        entries=(Entries(field="address", entries=120, minutes=720),) if standing else (),
        transit=(),
        shares=(),
        residents=19_876,
        entries_of="市民税課",
    )  # fmt: skip


def line(name: str, number: int = 1, **changed: object) -> Line:
    """One row of the list about a person of this name."""
    made = Line(
        case_id=number, rule_id="R10", severity=2, owner="市民税課", state="open", party_number="0000000019",
        full_name=name, field="address", class_="other_place", why=None, why_kind=None,
        said=("葛原市本町1丁目2番3号", "葛原市新町5番6号"), first_as_of=AS_OF, since=None, due_on=AS_OF,
        taken_as_of=None, gone_as_of=None, is_restricted=False, is_suppressed=False,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]
