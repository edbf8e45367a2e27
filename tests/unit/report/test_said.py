import pytest

from renkei.report.labels import _labels
from renkei.report.said import said_of, says_place

PERSON = {
    "record": "person", "removed": False, "full_name": "𠮷田 太郎", "full_name_kana": "ヨシダ タロウ",
    "address": "葛原市本町1丁目2番3号", "address_building": None, "date_of_birth": "1985-04-01",
    "date_of_birth_raw": "昭和60年4月1日", "resident_status": "dead", "date_of_death": "2026-11-01",
    "moved_out_on": None, "household_number": "0000000019", "relationship": "head",
    "party_number": "0000000019", "sex": "1",
}  # fmt: skip
BENEFIT = {
    "record": "benefit", "removed": False, "benefit_kind": "child_allowance", "status": "active",
    "started_on": "2024-05-01", "ended_on": None, "person_key": "F1", "payee_key": None,
}  # fmt: skip
TAX = {
    "record": "tax", "removed": False, "levy": "ordinary", "mailing_address": "葛原市新町5番6号",
    "mailing_address_building": "〃", "annual_amount": 120000, "person_key": "0000000019",
}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "field", "said"),
    [
        (PERSON, "address", "葛原市本町1丁目2番3号"),
        (TAX, "address", "葛原市新町5番6号 〃"),
        (PERSON, "date_of_birth", "1985-04-01"),
        (PERSON | {"date_of_birth": None}, "date_of_birth", "昭和60年4月1日"),
        (PERSON, "status", "死亡 2026-11-01"),
        (BENEFIT, "status", "児童手当 受給中 2024-05-01"),
        (BENEFIT, "date_of_birth", "児童手当 受給中 2024-05-01"),
        (PERSON, "name", "𠮷田 太郎 ヨシダ タロウ"),
        (PERSON, "household", "0000000019 世帯主"),
        (PERSON, "party_number", "0000000019"),
        (PERSON, "sex", "男"),
        (None, "address", ""),
        (PERSON | {"removed": True}, "address", ""),
        (TAX, "assessment", "普通徴収"),
        (TAX | {"tax_year": 2026, "exempt": False}, "status", "普通徴収 2026年度 課税"),
        (
            TAX | {"levy": "special", "exempt": True, "disability_deduction": False},
            "assessment",
            "特別徴収 非課税 障害者控除なし",
        ),
        (TAX | {"not_registered_levy": True}, "status", "普通徴収 地方税法294条3項の課税"),
        (BENEFIT | {"facility_exception": True}, "facility_exception", "住所地特例"),
        (BENEFIT | {"facility_exception": False}, "facility_exception", "住所地特例でない"),
        (BENEFIT | {"facility_exception": False}, "status", "児童手当 受給中 2024-05-01"),
        (PERSON | {"some_flag": True}, "some_flag", "はい"),
        (PERSON | {"some_flag": False}, "some_flag", "いいえ"),
        (BENEFIT | {"benefit_kind": "national_health"}, "status", "国民健康保険 資格あり 2024-05-01"),
        (
            BENEFIT | {"benefit_kind": "long_term_care", "status": "ended"},
            "status",
            "介護保険 資格喪失 2024-05-01",
        ),
        (BENEFIT | {"benefit_kind": "disability_certificate"}, "status", "障害者手帳 交付 2024-05-01"),
        (PERSON, "record", "人 0000000019 𠮷田 太郎 1985-04-01"),
        (
            PERSON | {"resident_status": "resident", "moving_out_planned_on": "2026-10-10"},
            "arrival_notified_on",
            "住民 転出予定日 2026-10-10",
        ),
    ],
)
def test_a_record_answers_for_a_field(record: dict[str, object] | None, field: str, said: str) -> None:
    assert said_of(record, field=field) == said


@pytest.mark.parametrize("field", ["address", "status", "party_number", "anything", "household"])
def test_a_tax_amount_is_never_said(field: str) -> None:
    assert "120000" not in said_of(TAX, field=field)


@pytest.mark.parametrize(
    ("record", "field", "says"),
    [
        (PERSON, "address", True),
        (TAX, "mailing_address", True),
        (PERSON, "address_town", True),
        (PERSON, "postal_code", True),
        (TAX, "household", False),
        (PERSON, "date_of_birth", False),
    ],
)
def test_what_tells_a_place_is_known(record: dict[str, object], field: str, says: bool) -> None:
    shown = record | {"address_town": "本町", "postal_code": "1000001"}

    assert says_place(shown, field=field) is says


def test_a_name_that_equals_a_code_is_not_translated() -> None:
    assert said_of(PERSON | {"full_name": "dead"}, field="name").startswith("dead ")


def test_every_label_is_in_both_languages() -> None:
    for kind, words in _labels().items():
        for code, pair in words.items():
            assert len(pair) == 2, (kind, code)
            assert all(pair), (kind, code)
