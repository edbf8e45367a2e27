"""A pack comes into a project as text alone, and its files come through a real folder into the registry."""

import csv
import json
import shutil
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from renkei.cli import main
from renkei.mapping import examples, load_all
from renkei.reconcile import load_rules
from renkei_sample.base import found
from renkei_sample.records import Resident
from renkei_sample.state import CityState

ROOT = Path(__file__).resolve().parents[3]
PACK = ROOT / "packs" / "intermediate_layout"
DAY = date(2026, 11, 20)
#: The city's own codes of a change → those of the layout.
REASONS = {"01": "01", "02": "02", "03": "03", "11": "11", "12": "12", "13": "13", "21": "21", "22": "23",
           "23": "22", "31": "31", "32": "32", "33": "33", "41": "41", "51": "22"}  # fmt: skip
ERAS = ((20190501, "05", 2018), (19890108, "04", 1988), (19261225, "03", 1925), (19120730, "02", 1911))


@pytest.fixture(scope="module")
def city() -> CityState:
    return found(residents=2_000, seed=11, day=DAY)


@pytest.fixture
def project(tmp_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "en")
    folder = tmp_project / "var" / "chukan"
    folder.mkdir()
    (folder / ".mounted").touch()
    (tmp_project / "var" / "connections.toml").write_text(
        f'[chukan_folder]\nroot = "{folder}"\nmarker = ".mounted"\n', "utf-8"
    )
    return tmp_project


def era(ymd: str | None) -> str:
    """A date as the layout writes it: two figures of the era, then year, month, day."""
    if not ymd:
        return ""
    if ymd[:4] == "0000":
        return "不詳"
    number = int(ymd.replace("00", "01") if ymd.endswith("00") else ymd)
    code, offset = next(((code, base) for first, code, base in ERAS if number >= first), ("01", 1867))
    return f"{code}{int(ymd[:4]) - offset:02d}{ymd[4:]}"


def written(place: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """The file as a vendor's export would make it: CP932, quoted, CRLF, with its first and last line."""
    kept = [row for row in rows if fits(row)]
    with place.open("w", encoding="cp932", newline="") as file:
        lines = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        lines.writerow(["H", "20261120"])
        lines.writerow(list(kept[0]))
        lines.writerows([["" if value is None else value for value in row.values()] for row in kept])
        lines.writerow(["T", len(kept)])
    place.with_suffix(".END").touch()
    return len(kept)


def fits(row: Mapping[str, Any]) -> bool:
    """CP932 has no place for some names; an export of that age has them as 外字, which this test leaves out."""
    try:
        "".join(map(str, row.values())).encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def resident(of: Resident) -> dict[str, Any]:
    return {
        "宛名番号": of.atena_no, "世帯番号": of.setai_no, "個人履歴番号": of.rireki_no,
        "住民種別": of.jumin_shubetsu, "住民状態": of.jumin_jotai, "異動年月日": era(of.ido_ymd),
        "異動届出年月日": era(of.todoke_ymd), "異動事由": REASONS[of.ido_jiyu], "氏名": of.shimei,
        "氏名_フリガナ": of.shimei_kana, "氏名_外国人ローマ字": "", "旧氏": of.kyu_uji, "通称": of.tsusho,
        "性別": of.seibetsu, "生年月日": era(of.seinengappi), "続柄コード1": of.zokugara,
        "住所_市区町村コード": of.shikuchoson_cd, "住所_町字": of.machiaza, "住所_番地号表記": of.banchi,
        "住所_方書": of.katagaki, "郵便番号": of.yubin_no, "住定年月日": era(of.jutei_ymd),
        "住民となった年月日": era(of.tennyu_ymd), "死亡年月日": era(of.shibo_ymd),
        "転出確定年月日": era(of.tenshutsu_ymd), "個人番号": "",
        "更新日時": "".join(each for each in of.koshin_ts if each.isdigit())[:14], "操作者ID": of.sosa_id,
        "端末ID": of.tanmatsu_id,
    }  # fmt: skip


def care(number: int, of: Resident) -> dict[str, Any]:
    return {
        "被保険者番号": f"{number:010d}", "宛名番号": of.atena_no, "取得事由": "002",
        "資格取得年月日": era("20200401"), "資格喪失年月日": "", "喪失事由": "",
        "要介護状態区分": ("00", "11", "12", "13", "21", "25")[number % 6], "更新日時": "20260401083000",
        "操作者ID": "S0000001", "端末ID": "T01",
    }  # fmt: skip


def test_the_pack_comes_into_a_project_and_overwrites_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = main(["pack", "add", "intermediate_layout", "--json"])
    told = json.loads(capsys.readouterr().out)
    (project / "mappings" / "chukan_juki.toml").write_text("# the city's own", "utf-8")
    second = main(["pack", "add", "intermediate_layout"])

    assert (first, told["written"], len(told["files"])) == (0, True, 13)
    assert second == 4
    assert (project / "mappings" / "chukan_juki.toml").read_text("utf-8") == "# the city's own"


def test_a_pack_may_hold_no_program(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "other"
    shutil.copytree(PACK, pack)
    (pack / "mappings" / "run.py").write_text("print()", "utf-8")

    code = main(["pack", "add", str(pack)])

    assert code != 0
    assert "E_PACK" in capsys.readouterr().err
    assert not (project / "mappings" / "chukan_juki.toml").exists()


def test_a_pack_may_not_be_a_link_to_somewhere_else(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "other"
    pack.mkdir()
    (pack / "mappings").symlink_to(PACK / "mappings")

    code = main(["pack", "add", str(pack)])

    assert code != 0
    assert "E_PACK" in capsys.readouterr().err
    assert not (project / "mappings" / "chukan_juki.toml").exists()


@pytest.mark.parametrize("name", ["chukan_juki.toml", "codes"])
def test_a_pack_never_writes_through_what_is_in_its_way(
    name: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link that leads nowhere would let the file be written outside; a folder's place may be taken."""
    place = project / "mappings" / name
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(tmp_path / "outside")

    code = main(["pack", "add", "intermediate_layout"])

    assert (code, f"mappings/{name}" in capsys.readouterr().err) == (4, True)
    assert not (tmp_path / "outside").exists()
    assert not (project / "mappings" / "chukan_kojin.toml").exists()


def rules_of_another_city(folder: Path) -> Path:
    """A folder of one rule that was written for feeds of other names, with what its city says of itself."""
    rules = folder / "komorebi" / "reconciliation"
    rules.mkdir(parents=True)
    (ours,) = (ROOT / "reconciliation").glob("R10_*.toml")
    text = ours.read_text("utf-8").replace('"R10"', '"R91"').replace("R10:", "R91:")
    text = text.replace("juki.resident", "jumin.person").replace("tax.taxpayer", "zei.payer")
    (rules / "R91_address_differs.toml").write_text(text, "utf-8")
    (rules / "city.toml").write_text('[feeds]\n"a.b" = "jumin.person"\n', "utf-8")
    return folder / "komorebi"


def test_rules_of_another_city_come_as_they_are_and_one_table_says_which_feeds_are_meant(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = rules_of_another_city(tmp_path)
    for place in (project / "reconciliation").glob("R*.toml"):
        if not place.name.startswith("R10"):
            place.unlink()
    carried = project / "reconciliation" / "packs" / "komorebi" / "R91_address_differs.toml"

    code = main(["pack", "add", str(pack)])
    before = capsys.readouterr().err
    (project / "reconciliation" / "city.toml").write_text(
        '[feeds]\n"jumin.person" = "juki.resident"\n"zei.payer" = "tax.taxpayer"\n', "utf-8"
    )
    main(["pack", "list", "--json"])
    after = json.loads(capsys.readouterr().out)
    rules = {rule.id: rule for rule in load_rules(project / "reconciliation")}

    assert code == 0
    assert "R91: not for this city: wants jumin.person, zei.payer" in before
    assert after["not_here"] == []
    assert carried.read_bytes() == (pack / "reconciliation" / carried.name).read_bytes()
    assert rules["R91"].compare == rules["R10"].compare
    assert [path.name for path in carried.parent.iterdir()] == [carried.name]


def test_its_own_examples_hold() -> None:
    outcomes = [each for made in load_all(PACK / "mappings") for each in examples.run(made, as_of=DAY)]

    assert len(outcomes) >= 9
    assert [each for each in outcomes if not each.passed] == []


def test_two_thousand_residents_come_in_by_text_alone(
    project: Path, city: CityState, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project / "var" / "chukan"
    residents = list(city.residents.values())
    kept = written(folder / "JUKI_20261120.CSV", map(resident, residents))
    insured = written(folder / "KAIGO_20261120.CSV", (care(n, of) for n, of in enumerate(residents[:300])))
    main(["pack", "add", "intermediate_layout"])
    capsys.readouterr()

    counts = {
        feed: taken_in(feed, capsys) for feed in ("chukan_juki.resident", "chukan_fukushi.long_term_care")
    }

    assert kept > 1_900
    assert counts["chukan_juki.resident"] == {"records": kept, "merged": kept, "rejected": 0}
    assert counts["chukan_fukushi.long_term_care"] == {"records": insured, "merged": insured, "rejected": 0}


def taken_in(feed: str, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    main(["run", feed, "--as-of", DAY.isoformat(), "--json"])
    out, err = capsys.readouterr()
    assert out, err
    told = json.loads(out)
    assert "records" in told, told
    return {name: told[name] for name in ("records", "merged", "rejected")}
