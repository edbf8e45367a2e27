"""The cases that a hub of resident data must get right, each a small story: deliveries, then questions at a day
and an instant. One registry holds them all; every story has its own keys.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.formats import zengin as bank
from tests.unit.formats import test_file_set as split
from tests.unit.formats.fixed_file import File, data, to_cp932
from tests.unit.formats.fixed_file import read as read_fixed
from tests.unit.mapping.small import HEAD as MAPPING
from tests.unit.mapping.small import batch, field, load
from tests.village import Village

from renkei import formats, mapping
from renkei.errors import Stop
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

JUNE_1, JUNE_5, JUNE_10, JUNE_15, JUNE_20, JULY_1 = (
    date(2026, 6, 1), date(2026, 6, 5), date(2026, 6, 10), date(2026, 6, 15), date(2026, 6, 20), date(2026, 7, 1)
)  # fmt: skip
HEAD = "key | version | since | change | name | born | status | house | relation\n"


@pytest.fixture(scope="module")
def village(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    cluster.create_database("golden_cases", template="renkei_template")
    engine = connect(cluster.url("golden_cases"))
    yield Village(registry=engine, folder=tmp_path_factory.mktemp("village"))
    engine.dispose()
    cluster.execute('DROP DATABASE IF EXISTS "golden_cases" WITH (FORCE)')


def people(text: str, folder: Path) -> list[dict[str, Any]]:
    """Records as a mapping makes them of names and dates as written: ``number | name | born | steps``."""
    made: list[dict[str, Any]] = []
    for line in text.strip().splitlines():
        number, name, born, steps = (cell.strip() for cell in line.split("|"))
        declared = (
            MAPPING + field("full_name", '"shimei"') + field("name_key", '"shimei"', '["name_key"]')
            + field("date_of_birth", '"umare"', f"[{steps}]")
        )  # fmt: skip
        (feed,) = load(declared, folder)
        read = mapping.apply(feed, batch(bango=[number], shimei=[name], umare=[born]), as_of=JUNE_1)
        assert read.rejects.num_rows == 0, line
        made += [{**row, "protected": "none"} for row in read.records.to_pylist()]
    return made


# characters ------------------------------------------------------------------------------------------


def test_takasaki_of_windows_order_is_the_same_in_the_registry_and_on_the_way_back(
    village: Village, tmp_path: Path
) -> None:
    """髙﨑: FBFC and FAB1, as Windows and glibc write them, and not the cells that a codec may prefer."""
    sent = File(records=(data(1, name="髙﨑　花子"),)).bytes
    assert to_cp932("髙﨑") == bytes.fromhex("fbfcfab1")

    read = read_fixed(sent, tmp_path).table.to_pylist()[0]["SHIMEI"]
    village.deliver(people(f"T1 | {read} | 19800401 | {{ seireki = 'YYYYMMDD' }}", tmp_path), JUNE_1)

    kept = village.said("T1", "full_name", JUNE_1)
    assert kept == "髙﨑　花子"
    assert to_cp932(kept) in sent


def test_a_compatibility_ideograph_stays_the_glyph_that_it_is(village: Village, tmp_path: Path) -> None:
    kami = "\ufa19田　太郎"
    village.deliver(people(f"K1 | {kami} | 19800401 | {{ seireki = 'YYYYMMDD' }}", tmp_path), JUNE_1)

    assert village.said("K1", "full_name", JUNE_1) == kami
    assert kami != "神田　太郎"


# dates -----------------------------------------------------------------------------------------------


def test_the_last_day_of_an_era_in_both_its_names_is_one_day(village: Village, tmp_path: Path) -> None:
    """大正15年12月25日 is 昭和元年12月25日; 昭和64年1月7日 and 平成元年1月8日 are two days."""
    era = "{ wareki = 'GYYMMDD' }"
    written = f"""
        D1 | 大正 | 2151225 | {era}
        D2 | 昭和 | 3011225 | {era}
        D3 | 終日 | 3640107 | {era}
        D4 | 初日 | 4010108 | {era}"""

    village.deliver(people(written, tmp_path), JUNE_1)

    born = [village.said(key, "date_of_birth", JUNE_1) for key in ("D1", "D2", "D3", "D4")]
    assert born == [date(1926, 12, 25), date(1926, 12, 25), date(1989, 1, 7), date(1989, 1, 8)]


def test_the_29th_of_february_of_a_common_year_is_kept_and_is_no_day_of_the_calendar(
    village: Village, tmp_path: Path
) -> None:
    village.deliver(people("D5 | 平年 | 3560229 | { wareki = 'GYYMMDD' }", tmp_path), JUNE_1)

    said = [village.said("D5", f"date_of_birth{part}", JUNE_1) for part in ("", "_raw", "_lo", "_hi")]
    assert said == [None, "3560229", date(1981, 2, 28), date(1981, 3, 1)]


# events ----------------------------------------------------------------------------------------------


def test_who_has_announced_to_move_is_a_resident_until_that_day(village: Village) -> None:
    """転出 is the one event that may lie ahead."""
    village.deliver(HEAD + "M1 | 1 | 2026-06-01 | moved_in | 転 | 1980-04-01 | resident | M | head", JUNE_1)
    leaving = HEAD.strip() + " | moved_out_on\n"
    village.deliver(
        leaving + "M1 | 2 | 2026-06-20 | moved_out | 転 | 1980-04-01 | moved_out | M | head | 2026-06-20",
        JUNE_10,
    )

    told = [village.said("M1", "source_version", day) for day in (JUNE_5, JUNE_10, JUNE_20)]
    lives = [village.said("M1", "status", day) for day in (JUNE_5, JUNE_10, JUNE_15, JUNE_20)]
    assert told == ["1", "2", "2"]
    assert lives == ["resident", "resident", "resident", "moved_out"]


def test_a_cancelled_death_never_was_and_once_was_known(village: Village) -> None:
    """異動の取消し is a version of its own; nothing that was said is taken out."""
    village.deliver(HEAD + "C1 | 1 | 2026-06-01 | moved_in | 生 | 1950-04-01 | resident | C | head", JUNE_1)
    dead = village.deliver(HEAD + "C1 | 2 | 2026-06-10 | death | 生 | 1950-04-01 | dead | C | head", JUNE_10)
    village.deliver(HEAD + "C1 | 3 | 2026-06-20 | cancelled | 生 | 1950-04-01 | resident | C | head", JUNE_20)

    days = (JUNE_5, JUNE_10, JUNE_15, JULY_1)
    assert [village.said("C1", "status", day) for day in days] == ["resident"] * 4
    assert [village.said("C1", "status", day, dead) for day in days] == ["resident", "dead", "dead", "dead"]
    assert village.rows("SELECT count(*) FROM person_record WHERE source_key = 'C1'") == [(3,)]


def test_who_returns_with_the_old_number_is_the_same_resident(village: Village) -> None:
    """再転入: the 宛名番号 is inherited; between leaving and coming back nobody lives there."""
    village.deliver(HEAD + "R1 | 1 | 2026-06-01 | moved_in | 戻 | 1980-04-01 | resident | R | head", JUNE_1)
    first = village.resident("R1")
    village.deliver([], JUNE_10, gone=["R1"])
    village.deliver(HEAD + "R1 | 2 | 2026-06-20 | moved_in | 戻 | 1980-04-01 | resident | R2 | head", JUNE_20)

    assert village.resident("R1") == first
    houses = [village.said("R1", "household_number", day) for day in (JUNE_5, JUNE_15, JUNE_20)]
    assert houses == ["R", None, "R2"]


def test_who_is_naturalized_stays_the_same_resident_under_another_name(village: Village) -> None:
    """帰化: 住民種別 changes, the numbers are inherited."""
    kind = HEAD.strip() + " | resident_kind\n"
    village.deliver(
        kind + "N1 | 1 | 2026-06-01 | moved_in | NGUYEN THI AN | 1990-01-01 | resident | N | head | foreign",
        JUNE_1,
    )
    first = village.resident("N1")
    village.deliver(
        kind + "N1 | 2 | 2026-06-10 | naturalized | 阮　安 | 1990-01-01 | resident | N | head | japanese",
        JUNE_10,
    )

    assert village.resident("N1") == first
    said = [village.said("N1", "resident_kind", day) for day in (JUNE_5, JUNE_10)]
    assert said == ["foreign", "japanese"]


def test_a_move_between_wards_keeps_the_number_and_renews_the_household(village: Village) -> None:
    """指定都市の区間異動."""
    village.deliver(HEAD + "W1 | 1 | 2026-06-01 | moved_in | 区 | 1980-04-01 | resident | 東1 | head", JUNE_1)
    first = village.resident("W1")
    village.deliver(HEAD + "W1 | 2 | 2026-06-10 | address | 区 | 1980-04-01 | resident | 西9 | head", JUNE_10)

    spans = "SELECT household_number, member_from, member_to FROM household_history('infinity') WHERE source_key = 'W1' ORDER BY 2"
    assert village.resident("W1") == first
    assert village.rows(spans) == [("東1", JUNE_1, JUNE_10), ("西9", JUNE_10, None)]


def test_a_new_sheet_of_the_same_person_is_no_leaving_and_no_coming(village: Village) -> None:
    """改製・再製."""
    village.deliver(HEAD + "S1 | 1 | 2026-06-01 | moved_in | 紙 | 1980-04-01 | resident | S | head", JUNE_1)
    village.deliver(
        HEAD + "S1 | 2 | 2026-06-10 | renewed_sheet | 紙 | 1980-04-01 | resident | S | head", JUNE_10
    )

    spans = "SELECT member_from, member_to FROM household_history('infinity') WHERE source_key = 'S1'"
    assert village.rows(spans) == [(JUNE_1, None)]


# who is who ------------------------------------------------------------------------------------------


def test_two_strangers_of_one_name_and_birth_date_stay_two(village: Village) -> None:
    same = "moved_in | 佐藤　花子 | 1980-04-01 | resident"
    village.deliver(
        HEAD + f"P1 | 1 | 2026-06-01 | {same} | P | head\nP2 | 1 | 2026-06-01 | {same} | Q | head", JUNE_1
    )

    assert village.resident("P1") != village.resident("P2")


def test_twins_stay_two(village: Village) -> None:
    born = "2026-06-01 | resident | T | child"
    village.deliver(
        HEAD
        + f"B1 | 1 | 2026-06-01 | birth | 双葉　一 | {born}\nB2 | 1 | 2026-06-01 | birth | 双葉　二 | {born}",
        JUNE_1,
    )

    assert village.resident("B1") != village.resident("B2")


def test_a_household_whose_head_is_not_set_is_a_household(village: Village) -> None:
    """世帯主未設定."""
    village.deliver(
        HEAD + "H1 | 1 | 2026-06-01 | household | 残　る | 1980-04-01 | resident | H | child", JUNE_1
    )

    members = "SELECT relationship, is_head FROM household_at(:as_of, :known_at) WHERE household_number = 'H'"
    assert village.rows(members, **vars(village.point(JUNE_5))) == [("child", False)]


def test_protection_that_comes_while_another_delivery_is_under_way_is_not_undone_by_it(
    village: Village,
) -> None:
    """支援措置 comes on; a file that was made before, and says nothing of it, is merged after."""
    protected = HEAD.strip() + " | protected\n"
    row = "1980-04-01 | resident | V | head"
    village.deliver(protected + f"V1 | 1 | 2026-06-01 | moved_in | 護　る | {row} | none", JUNE_1)
    village.deliver(protected + f"V1 | 3 | 2026-06-10 | protection | 護　る | {row} | protected", JUNE_10)

    village.deliver(protected + f"V1 | 2 | 2026-06-05 | address | 護　る | {row} | none", JUNE_5)
    village.deliver(
        protected + f"V1 | 1 | 2026-06-01 | moved_in | 護　る | {row} | none", JUNE_15, feed="tax.taxpayer"
    )

    resident = village.resident("V1")
    golden = "SELECT protected FROM golden_version WHERE resident_id = :resident AND known_to IS NULL"
    assert village.rows(golden, resident=resident) == [("protected",)]
    shown = "SELECT count(*) FROM restricted_resident WHERE resident_id = :resident"
    assert village.rows(shown, resident=resident) == [(1,)]


# deliveries ------------------------------------------------------------------------------------------


def test_a_split_delivery_with_a_part_missing_is_not_taken(tmp_path: Path) -> None:
    first, _ = split.parts()

    assert split.refusal([first], tmp_path).code == "E_FILE_SET_PARTS"


def test_a_bank_file_whose_trailer_is_off_by_one_yen_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "transfer"
    path.write_bytes(bank.PAID_DATA.replace(b"000000010001", b"000000010002"))

    with pytest.raises(Stop) as caught:
        formats.read(path, bank.TRANSFER, feed="bank.transfer")

    assert caught.value.code == "E_TRAILER_TOTAL"


def test_what_is_registered_provisionally_never_enters(tmp_path: Path) -> None:
    """仮登録: the mapping names the column that says so, and its code table keeps such a record out."""
    codes = tmp_path / "codes"
    codes.mkdir()
    (codes / "state.toml").write_text("""
        title = "登録区分と住民状態"
        match = "prefix"
        codes = [
          { code = "11", to = "resident" }, { code = "12", to = "moved_out" },
          { code = "2", to = "", refuse = "E_PROVISIONAL", label = "仮登録" },
        ]
    """, "utf-8")  # fmt: skip
    declared = MAPPING + field("resident_status", '["toroku", "jotai"]', '[{ code = "state" }]')
    (feed,) = load(declared, tmp_path, codes=codes)
    raw = batch(bango=["1", "2", "3"], toroku=["1", "2", "9"], jotai=["1", "1", "1"])

    made = mapping.apply(feed, raw, as_of=JUNE_1)

    assert made.records["resident_status"].to_pylist() == ["resident"]
    assert made.rejects["code"].to_pylist() == ["E_PROVISIONAL", "E_UNKNOWN_CODE"]
