"""Incidents that Japanese municipalities made public, as tiny towns: the rule finds each on its first night.

Names and numbers are invented; only what went wrong is real. The night before it goes wrong is quiet.

Of the incidents that we know, no rule can stop these, since no record of any system differs from another:

- 京都市, みやま市, 伊勢崎市 (the account of a stranger seized) and 藍住町 (a notice to a stranger's heirs): same
  name and birth date. Rules come too late there: the registry never makes two such records one person by itself
  (``tests/spec/test_golden_cases.py``).
- 神戸市 2019 (63 families unpaid) and 延岡市 (15日特例 missed): the paper, or the day on which it was handed in, is
  in no delivery.
- 津山市 (nobody asked the former municipality for the income): the hub is not told what was asked.
- 香南市 (ten yen too much for thirteen years), and the charges that 宇都宮市 and others computed: a rule compares
  records and does not compute anew. The late event behind a charge is told below.
- 横手市, 高知市, 秋田市 (staff looking at records, a password on a note): the access log's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from tests.unit.reconcile.support import ROOT, TERMS, links_of, sources_of

from renkei.engine.duck import DuckEngine
from renkei.reconcile import load_rules
from renkei.reconcile.example import rows_of
from renkei.reconcile.find import Found, find

RULES = {rule.id: rule for rule in load_rules(ROOT / "reconciliation", terms=TERMS)}
PEOPLE = ("juki.resident", "tax.taxpayer", "welfare.recipient")
Town = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A town before and after it went wrong; ``finds`` are class, left key and right key."""

    story: str
    rule: str
    quiet_on: date
    before: Town
    found_on: date
    after: Town
    finds: tuple[tuple[str, str, str], ...]


DEAD_CHILD = {
    "juki.resident": """
        resident_id | source_key | resident_status | date_of_death | changed_at
        1           | J1         | dead            | 2019-07-10    | 2019-07-11T10:00
        2           | J2         | resident        |               | 2010-04-01T10:00
    """,
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
        2           | F2
    """,
    "welfare.benefit": """
        source_key | person_key | payee_key | benefit_kind    | status
        K1         | F1         | F2        | child_allowance | active
    """,
}
LAPSED = {
    "juki.resident": """
        resident_id | source_key | resident_status | moved_out_on | changed_at
        1           | J1         | moved_out       | 2025-03-28   | 2025-03-20T10:00
    """,
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
    """,
    "welfare.benefit": """
        source_key | person_key | benefit_kind    | status | ended_on
        K1         | F1         | child_allowance | ended  | 2025-03-31
    """,
}
REVIVED = LAPSED | {
    "welfare.benefit": """
        source_key | person_key | benefit_kind    | status | ended_on | operator_kind
        K1         | F1         | child_allowance | active |          | batch
    """
}
MARCH = {
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
        2           | F2
    """,
    "welfare.benefit": """
        source_key | person_key | payee_key | benefit_kind    | status | started_on | change_kind | changed_at
        K1         | F1         | F2        | child_allowance | active | 2018-04-01 | new         | 2018-04-10T10:00
    """,
}
MARCH_AND_APRIL = MARCH | {
    "welfare.benefit": """
        source_key | person_key | payee_key | benefit_kind    | status | started_on | change_kind | changed_at
        K1         | F1         | F2        | child_allowance | active | 2018-04-01 | new         | 2018-04-10T10:00
        K2         | F1         | F2        | child_allowance | active | 2020-04-01 | new         | 2020-04-06T19:00
    """
}
TWO_MOVERS = {
    "juki.resident": """
        resident_id | source_key | numbering | party_number | name_key | kana_key     | date_of_birth_lo | date_of_birth_hi
        1           | J1         | resident  | 0000000019   | 山田花子 | ヤマダハナコ | 1985-03-04       | 1985-03-04
        2           | J2         | resident  | 0000000027   | 佐藤春子 | サトウハルコ | 1990-08-09       | 1990-08-09
    """,
    "tax.taxpayer": """
        resident_id | source_key | numbering | party_number | name_key | kana_key     | date_of_birth_lo | date_of_birth_hi
        1           | T1         | resident  | 0000000019   | 山田花子 | ヤマダハナコ | 1985-03-04       | 1985-03-04
    """,
}
ONE_MOVER = TWO_MOVERS | {
    "tax.taxpayer": """
        resident_id | source_key | numbering | party_number | name_key | kana_key     | date_of_birth_lo | date_of_birth_hi | change_kind | changed_at
        1           | T1         | resident  | 0000000019   | 佐藤春子 | サトウハルコ | 1990-08-09       | 1990-08-09       | name        | 2025-04-08T19:00
    """
}
FLED = {
    "juki.resident": """
        resident_id | source_key | resident_status | household_number | protected | address_since
        1           | J1         | resident        | S1               | none      | 2024-05-01
        2           | J2         | resident        | S2               | none      | 2010-04-01
    """,
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
        2           | F2
    """,
    "welfare.benefit": """
        source_key | person_key | payee_key | benefit_kind    | status | started_on
        K1         | F1         | F2        | national_health | active | 2015-04-01
    """,
}
FLED_AND_PROTECTED = FLED | {
    "juki.resident": """
        resident_id | source_key | resident_status | household_number | protected | address_since | change_kind | changed_at
        1           | J1         | resident        | S1               | protected | 2024-05-01    | protection  | 2024-05-07T10:00
        2           | J2         | resident        | S2               | none      | 2010-04-01    | new         | 2010-04-01T10:00
    """
}
AT_THE_WINDOW = {
    "juki.resident": """
        resident_id | source_key | resident_status | protected | change_kind | changed_at
        1           | J1         | resident        | none      | address     | 2024-05-01T10:00
    """,
    "tax.taxpayer": """
        resident_id | source_key | protected
        1           | T1         | none
    """,
}
PROTECTED_AT_THE_WINDOW = AT_THE_WINDOW | {
    "juki.resident": """
        resident_id | source_key | resident_status | protected | change_kind | changed_at
        1           | J1         | resident        | protected | protection  | 2024-05-07T10:00
    """
}
NUMBERS = {
    "juki.resident": """
        resident_id | source_key | household_number | individual_number_token
        1           | J1         | S1               | aaaa
        2           | J2         | S1               | bbbb
        3           | J3         | S3               | cccc
    """,
    "welfare.recipient": """
        resident_id | source_key | individual_number_token | change_kind | changed_at
        1           | F1         | aaaa                    | new         | 2016-01-10T10:00
        2           | F2         |                         | new         | 2016-01-10T10:00
        3           | F3         |                         | new         | 2016-01-10T10:00
    """,
}
OF_THE_FAMILY = NUMBERS | {
    "welfare.recipient": """
        resident_id | source_key | individual_number_token | change_kind | changed_at
        1           | F1         | aaaa                    | new         | 2016-01-10T10:00
        2           | F2         | aaaa                    | correction  | 2023-06-01T10:00
        3           | F3         |                         | new         | 2016-01-10T10:00
    """
}
OF_A_STRANGER = NUMBERS | {
    "welfare.recipient": """
        resident_id | source_key | individual_number_token | change_kind | changed_at
        1           | F1         | aaaa                    | new         | 2016-01-10T10:00
        2           | F2         |                         | new         | 2016-01-10T10:00
        3           | F3         | aaaa                    | correction  | 2023-06-01T10:00
    """
}
INSURED = {
    "juki.resident": """
        resident_id | source_key | change_kind | valid_from | changed_at
        1           | J1         | moved_in    | 2010-04-01 | 2010-04-02T10:00
    """,
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
    """,
    "welfare.benefit": """
        source_key | person_key | benefit_kind   | status
        K1         | F1         | long_term_care | active
    """,
}
INSURED_TOO_LONG = INSURED | {
    "juki.resident": """
        resident_id | source_key | change_kind | valid_from | changed_at
        1           | J1         | moved_out   | 2019-12-01 | 2022-06-10T10:00
    """
}
CO_OWNED = {
    "juki.resident": """
        resident_id | source_key | resident_status | household_number | protected | address_key   | address_since | change_kind | changed_at
        1           | J1         | resident        | S1               | none      | 葛原市新町5-6 | 2010-04-01    | new         | 2010-04-01T10:00
        2           | J2         | resident        | S1               | none      | 葛原市新町5-6 | 2010-04-01    | new         | 2010-04-01T10:00
    """,
    "tax.taxpayer": """
        resident_id | source_key
        2           | T2
    """,
    "tax.assessment": """
        source_key | person_key | mailing_address_key | change_kind | changed_at
        A2         | T2         | 葛原市新町5-6       | new         | 2021-04-01T19:00
    """,
}
BILL_OF_BOTH = CO_OWNED | {
    "juki.resident": """
        resident_id | source_key | resident_status | household_number | protected | address_key   | address_since | change_kind | changed_at
        1           | J1         | resident        | S9               | protected | 葛原市榎町7   | 2022-01-10    | protection  | 2022-01-20T10:00
        2           | J2         | resident        | S1               | none      | 葛原市新町5-6 | 2010-04-01    | new         | 2010-04-01T10:00
    """,
    "tax.assessment": """
        source_key | person_key | mailing_address_key | change_kind | changed_at
        A2         | T2         | 葛原市榎町7         | address     | 2022-04-01T19:00
    """,
}
CERTIFIED = {
    "juki.resident": """
        resident_id | source_key | resident_status | protected | change_kind | changed_at
        1           | J1         | resident        | none      | address     | 2024-05-01T10:00
    """,
    "welfare.recipient": """
        resident_id | source_key | protected
        1           | F1         | none
    """,
}
STOPPED_IN_ONE = CERTIFIED | {
    "juki.resident": """
        resident_id | source_key | resident_status | protected | change_kind | changed_at
        1           | J1         | resident        | protected | protection  | 2024-05-07T10:00
    """
}
ASSISTED_ELSEWHERE = {
    "juki.resident": """
        resident_id | source_key | resident_status | moved_out_on | changed_at
        1           | J1         | moved_out       | 2016-07-10   | 2016-07-05T10:00
    """,
    "welfare.recipient": """
        resident_id | source_key
        1           | F1
    """,
    "welfare.benefit": """
        source_key | person_key | benefit_kind      | status | started_on
        K1         | F1         | public_assistance | active | 2014-04-01
    """,
}

INCIDENTS = (
    Incident(
        story="大阪市：死亡した児童に5年近く支給",
        rule="R01",
        quiet_on=date(2019, 7, 31),
        before=DEAD_CHILD,
        found_on=date(2019, 8, 3),
        after=DEAD_CHILD,
        finds=(("child", "J1", "K1"),),
    ),
    Incident(
        story="松前町：一括処理が、消滅した受給者を復活させた",
        rule="R05",
        quiet_on=date(2025, 10, 9),
        before=LAPSED,
        found_on=date(2025, 10, 10),
        after=REVIVED,
        finds=(("child_allowance", "J1", "K1"),),
    ),
    Incident(
        story="宇部市：3月分と4月分の名簿を合わせ、同じ児童に二度支給",
        rule="R23",
        quiet_on=date(2020, 4, 6),
        before=MARCH,
        found_on=date(2020, 4, 8),
        after=MARCH_AND_APRIL,
        finds=(("same_payee", "K1", "K2"),),
    ),
    Incident(
        story="新潟市：転入した二人を一人と取り違えた",
        rule="R16",
        quiet_on=date(2025, 4, 7),
        before=TWO_MOVERS,
        found_on=date(2025, 4, 10),
        after=ONE_MOVER,
        finds=(("two_people", "J1", "T1"),),
    ),
    Incident(
        story="徳島市：避難した人の住所を、元の世帯主あての国保の書類に印字",
        rule="R08",
        quiet_on=date(2024, 5, 6),
        before=FLED,
        found_on=date(2024, 5, 9),
        after=FLED_AND_PROTECTED,
        finds=(("payee_of_other_household", "J1", "K1"),),
    ),
    Incident(
        story="八街市：納税の窓口に支援措置の区分がなかった",
        rule="R07",
        quiet_on=date(2024, 5, 6),
        before=AT_THE_WINDOW,
        found_on=date(2024, 5, 9),
        after=PROTECTED_AT_THE_WINDOW,
        finds=(("not_flagged", "J1", "T1"),),
    ),
    Incident(
        story="マイナンバー総点検：家族の番号をひも付けた",
        rule="R18",
        quiet_on=date(2023, 5, 31),
        before=NUMBERS,
        found_on=date(2023, 6, 3),
        after=OF_THE_FAMILY,
        finds=(("not_carried", "J2", "F2"), ("shared_in_household", "F1", "F2")),
    ),
    Incident(
        story="マイナンバー総点検：同姓同名の別人の番号をひも付けた",
        rule="R18",
        quiet_on=date(2023, 5, 31),
        before=NUMBERS,
        found_on=date(2023, 6, 3),
        after=OF_A_STRANGER,
        finds=(("not_carried", "J3", "F3"), ("shared", "F1", "F3")),
    ),
    Incident(
        story="宇都宮市ほか：介護保険料を二年の期限を越えて更正",
        rule="R41",
        quiet_on=date(2022, 6, 9),
        before=INSURED,
        found_on=date(2022, 6, 10),
        after=INSURED_TOO_LONG,
        finds=(("care_limit", "J1", "K1"),),
    ),
    Incident(
        story="厚木市：避難した共有者の住所が、もう一人の共有者あての納税通知に出る",
        rule="R08",
        quiet_on=date(2022, 1, 9),
        before=CO_OWNED,
        found_on=date(2022, 4, 3),
        after=BILL_OF_BOTH,
        finds=(("mailed_to_other", "J1", "A2"),),
    ),
    Incident(
        story="大東市：住民票では止めたが、ほかの証明は交付できた",
        rule="R07",
        quiet_on=date(2024, 5, 6),
        before=CERTIFIED,
        found_on=date(2024, 5, 9),
        after=STOPPED_IN_ONE,
        finds=(("not_flagged", "J1", "F1"),),
    ),
    Incident(
        story="神戸市：転出した世帯に生活保護費を払い続けた",
        rule="R05",
        quiet_on=date(2016, 7, 31),
        before=ASSISTED_ELSEWHERE,
        found_on=date(2016, 8, 3),
        after=ASSISTED_ELSEWHERE,
        finds=(("public_assistance", "J1", "K1"),),
    ),
)
ALL = pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.story)


@ALL
def test_the_night_before_it_is_wrong_is_quiet(incident: Incident, tmp_path: Path) -> None:
    night = _night(tmp_path, incident, incident.before, incident.quiet_on)

    assert [outcome.state for outcome in night.outcomes] == ["compared"]
    assert night.mismatches.num_rows == 0


@ALL
def test_it_is_found_on_the_first_night(incident: Incident, tmp_path: Path) -> None:
    night = _night(tmp_path, incident, incident.after, incident.found_on)

    rows = [row for row in night.mismatches.to_pylist() if not row["in_transit"]]
    assert sorted((row["class"], row["left_key"], row["right_key"]) for row in rows) == list(incident.finds)


def _night(folder: Path, incident: Incident, town: Town, as_of: date) -> Found:
    """One night's comparison of the town's snapshots, by the one rule."""
    links = [f"{feed} | {row['source_key']} | {row['resident_id']}" for feed, row in _people(town)]
    with DuckEngine(threads=1) as engine:
        return find(
            engine,
            [RULES[incident.rule]],
            sources=sources_of(folder, town, as_of=as_of),
            links=links_of("\n".join(["feed | source_key | resident_id", *links])),
            hub={},
            as_of=as_of,
        )


def _people(town: Town) -> list[tuple[str, dict[str, str]]]:
    return [(feed, row) for feed in PEOPLE if feed in town for row in rows_of(town[feed])]
