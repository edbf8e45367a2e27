import csv
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree, html
from tests.integration.report.seeded import AS_OF, HIDDEN, NOW, PEOPLE, Stub, seed, take_marks

from renkei.errors import TryAgain
from renkei.report import publish as publishing
from renkei.report.publish import Published, publish
from renkei.views import RESTRICTED

SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
CHROMIUM = shutil.which("chromium")


def made(registry: sa.Engine, folder: Path, *, out: Path | None = None) -> Published:
    project = Stub(folder, folder / "var")
    return publish(registry, project=project, as_of=AS_OF, out=out, actor="cli:test", now=NOW)  # type: ignore[arg-type]


def rows_of(published: Published) -> list[dict[str, str]]:
    place = next(file for file in published.files if file.match("mismatches-*.csv"))
    return list(csv.DictReader(place.read_text("utf-8-sig").splitlines()))


def page_of(published: Published) -> str:
    return next(file for file in published.files if file.suffix == ".html").read_text("utf-8")


def cells_of(published: Published) -> list[list[str]]:
    place = next(file for file in published.files if file.match("mismatches-*.xlsx"))
    with zipfile.ZipFile(place) as archive:
        sheets = [
            etree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"), SAFE) for number in (1, 2)
        ]
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    return [
        ["".join(cell.itertext()) for cell in row.findall("m:c", space)]
        for sheet in sheets for row in sheet.findall(".//m:row", space)
    ]  # fmt: skip


def test_a_row_tells_what_each_system_says(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000001"] == {
        "案件番号": "C-000001", "規則": "R10", "規則名": "住所相違", "重要度": "中", "担当課": "市民課",
        "状態": "未着手", "抑止": "", "対象者（宛名番号）": "0000000019", "氏名": "𠮷田 太郎", "相違項目": "住所",
        "分類": "別の場所", "原因": "", "住基の値": "葛原市本町1丁目2番3号 〃101", "税の値": "葛原市新町5番6号", "福祉の値": "",
        "検出日": "2026-11-20", "差の生じた日": "2026-11-20", "期限": "2026-11-20", "取込時点": "2026-11-20",
        "解消日": "",
    }  # fmt: skip
    assert (rows["C-000002"]["住基の値"], rows["C-000002"]["福祉の値"]) == ("1990-01-31", "1990-01-13")
    assert rows["C-000006"]["福祉の値"] == "児童手当 受給中 2026-01-01"


def test_workbook_and_csv_hold_the_same_rows(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    published = made(registry, tmp_path)

    rows = rows_of(published)
    assert cells_of(published)[: len(rows) + 1] == [list(rows[0]), *(list(row.values()) for row in rows)]


def test_the_second_sheet_says_who_when_from_what_and_what_was_not_compared(
    registry: sa.Engine, tmp_path: Path
) -> None:
    seed(registry)

    facts = {row[0]: row[1] for row in cells_of(made(registry, tmp_path)) if len(row) == 2}

    assert facts["基準日"] == "2026-11-20"
    assert facts["出力者"] == "cli:test"
    assert facts["出力時刻"] == "2026-11-21T05:30:00+09:00"
    assert (facts["件数"], facts["うち閲覧制限"]) == ("6", "2")
    assert facts["R22 児童手当未申請"].startswith(
        "照合していません：9 件（未着：福祉 welfare.benefitの連携）"
    )
    assert facts["R10 住所相違"].startswith("2件（反映待ち 1件） 版 digest-of-rule")
    assert facts["取込時点 welfare.benefit"] == "未取込"
    assert facts["宣言の版"] == "d" * 64


def test_a_restricted_person_leaves_no_trace_but_the_case(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    published = made(registry, tmp_path)

    shown = repr(rows_of(published)) + repr(cells_of(published)) + page_of(published)
    shown += "".join(file.name for file in published.files)
    assert not [value for value in HIDDEN if value in shown]
    restricted = [row for row in rows_of(published) if row["氏名"] == "閲覧制限"]
    assert [row["案件番号"] for row in restricted] == ["C-000003", "C-000004"]
    for row in restricted:
        assert (row["原因"], row["差の生じた日"]) == ("閲覧制限", "閲覧制限")
        assert {row[f"{system}の値"] for system in ("住基", "税", "福祉")} == {"閲覧制限"}
        assert row["対象者（宛名番号）"] == "閲覧制限"
    assert published.counts["restricted"] == 2


def test_without_the_guard_the_same_corpus_would_leak(
    registry: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(registry)
    nobody = "restricted AS (SELECT 0::bigint AS resident_id WHERE false)"
    monkeypatch.setattr("renkei.report.mismatch.RESTRICTED", nobody)

    shown = repr(rows_of(made(registry, tmp_path)))

    assert {value for value in HIDDEN if value in shown} >= {"隠岐 花子", "隠岐 次郎", "0000000909"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE person_record SET protected = 'protected' WHERE feed = 'tax.taxpayer' AND source_key = '0000000019'",
        "UPDATE golden_version SET protected = NULL WHERE resident_id = 1",
        "DELETE FROM golden_version WHERE resident_id = 1",
        # a payee behind the compared record, not the subject
        "UPDATE mismatch SET left_key = '0000000909' WHERE case_id = 1",
        # a household shared in any system
        "UPDATE person_record SET household_number = 'H9' WHERE feed = 'juki.resident' AND source_key = '0000000019'",
        # the record is gone, the mark is not
        """
        INSERT INTO person_record (feed, source_key, source_version, valid_from, protected, content_hash, removed,
            known_from, known_to, unit_id)
        VALUES ('tax.taxpayer', '0000000019', '0', '2026-01-01', 'protected', 'h', true, now(), now(), 2);
        UPDATE person_record SET removed = true, protected = NULL
        WHERE feed = 'tax.taxpayer' AND source_key = '0000000019' AND known_to IS NULL
        """,
    ],
)  # fmt: skip
def test_whoever_is_in_doubt_is_restricted(registry: sa.Engine, tmp_path: Path, change: str) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(change)
        take_marks(connection)

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000001"]["氏名"] == "閲覧制限"
    assert "本町1丁目2番3号" not in repr(rows["C-000001"])


SHELTER = "葛原市秘密町9丁目9番9号"
#: Somebody else's record names the place of a restricted person, who is of another household.
BETRAYALS = {
    "as it is written": f"UPDATE person_record SET address = '{SHELTER}' WHERE source_key = '0000000019' AND feed = 'tax.taxpayer'",
    "as a key": """
        UPDATE person_record SET address_key = 'shelter'
        WHERE source_key IN ('0000000019', '0000000909') AND feed = 'tax.taxpayer'
    """,
    "as where a bill goes": f"""
        INSERT INTO tax_record (feed, source_key, source_version, valid_from, person_key, tax_year, levy,
            mailing_address, content_hash, known_from, unit_id, rec_no)
        VALUES ('tax.assessment', 'T1', '1', '2026-11-20', '0000000019', 2026, 'ordinary', '{SHELTER}', 'h', now(), 1, 1);
        UPDATE mismatch SET right_feed = 'tax.assessment', right_key = 'T1', field = 'mailing_address' WHERE case_id = 1
    """,
    "as where their bills go too": """
        INSERT INTO tax_record (feed, source_key, source_version, valid_from, person_key, tax_year, levy,
            mailing_address, content_hash, known_from, unit_id, rec_no)
        VALUES ('tax.assessment', 'T9', '1', '2026-11-20', '0000000909', 2026, 'ordinary', '葛原市新町5番6号', 'h', now(), 1, 1)
    """,
}


@pytest.mark.parametrize("change", BETRAYALS.values(), ids=BETRAYALS)
def test_the_place_of_a_restricted_person_is_on_nobody_elses_row(
    registry: sa.Engine, tmp_path: Path, change: str
) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(change)

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert SHELTER not in repr(rows)
    assert (rows["C-000001"]["氏名"], rows["C-000001"]["税の値"]) == ("閲覧制限", "閲覧制限")
    assert rows["C-000002"]["氏名"] == "髙橋 葛󠄀子"


def test_without_looking_at_places_the_bill_of_another_would_leak_the_shelter(
    registry: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(BETRAYALS["as where a bill goes"])
    monkeypatch.setattr("renkei.report.mismatch.says_place", lambda _record, field: False)

    assert SHELTER in repr(rows_of(made(registry, tmp_path)))


def test_where_somebody_lives_hides_no_row_that_does_not_say_it(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE person_record SET address = '{SHELTER}' WHERE source_key = '0000000027'"
        )

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000002"]["住基の値"] == "1990-01-31"
    assert SHELTER not in repr(rows)


def test_since_an_unknown_day_is_told_as_unknown(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql("UPDATE mismatch SET since = '1900-01-01' WHERE case_id = 1")

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000001"]["差の生じた日"] == "不明"


def test_an_event_is_listed_on_the_day_of_its_finding_alone(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    on_day = {row["案件番号"] for row in rows_of(made(registry, tmp_path))}
    with registry.begin() as connection:
        connection.exec_driver_sql("UPDATE mismatch SET first_as_of = '2026-11-19'")

    after = {row["案件番号"] for row in rows_of(made(registry, tmp_path))}

    assert on_day - after == {"C-000005"}


def test_a_payee_under_restriction_hides_the_row_of_the_child(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql("UPDATE benefit_record SET payee_key = 'F00000917'")

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000006"]["氏名"] == "閲覧制限"


def test_values_of_a_resident_never_act_as_formulas(registry: sa.Engine, tmp_path: Path) -> None:
    mismatches = """
    case | resident | rule | kind     | field   | class       | left         | left_key   | right        | right_key  | minutes
    1    | 5        | R15  | mismatch | address | two_numbers | tax.taxpayer | 9000000014 | tax.taxpayer | 9000000014 |
    """
    cleared = PEOPLE.replace(
        "@SUM(1+1)*cmd         |          |\n", "@SUM(1+1)*cmd         |          | none\n"
    )
    seed(registry, people=cleared, mismatches=mismatches)

    [row] = rows_of(made(registry, tmp_path))

    assert row["氏名"] == '\'=HYPERLINK("x")'
    assert row["税の値"] == "'@SUM(1+1)*cmd"


def test_the_same_registry_and_time_give_the_same_bytes(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    first = made(registry, tmp_path, out=tmp_path / "a")
    second = made(registry, tmp_path, out=tmp_path / "b")

    assert first.sha256s == second.sha256s
    for published in (first, second):
        for name, digest in published.sha256s.items():
            place = published.files[0].parent / name
            assert hashlib.sha256(place.read_bytes()).hexdigest() == digest


def test_a_day_before_shows_what_was_open_then(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(f"UPDATE mismatch SET gone_as_of = '{AS_OF}' WHERE case_id = 1")

    rows = rows_of(made(registry, tmp_path))

    assert "C-000001" not in {row["案件番号"] for row in rows}


def test_a_day_without_a_comparison_says_so_instead_of_nought(registry: sa.Engine, tmp_path: Path) -> None:
    project = Stub(tmp_path, tmp_path / "var")

    published = publish(
        registry, project=project, as_of=AS_OF, out=None, actor="cli:test", now=NOW  # type: ignore[arg-type]
    )  # fmt: skip

    assert published.counts["rows"] == 0
    assert "不一致が０件という意味ではありません" in page_of(published)
    assert any("０件という意味ではない" in cell for row in cells_of(published) for cell in row)


def test_someone_who_comes_under_restriction_meanwhile_is_not_published(
    registry: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(registry)
    mark = "UPDATE golden_version SET protected = 'protected' WHERE resident_id = 1"

    def meanwhile(name: str) -> None:
        if name == "report.rendered":
            with registry.begin() as connection:
                connection.exec_driver_sql(mark)

    monkeypatch.setattr(publishing, "failpoint", meanwhile)

    rows = {row["案件番号"]: row for row in rows_of(made(registry, tmp_path))}

    assert rows["C-000001"]["氏名"] == "閲覧制限"


def test_a_restless_registry_is_left_for_later(
    registry: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(registry)
    answers = iter(range(100))
    monkeypatch.setattr(publishing, "restricted_digest", lambda _engine: str(next(answers)))

    with pytest.raises(TryAgain, match="E_REPORT_MOVED"):
        made(registry, tmp_path)

    assert list((tmp_path / "var" / "reports").iterdir()) == []


@pytest.mark.parametrize("name", ["report.rendered", "report.published"])
def test_a_kill_leaves_a_whole_set_or_the_one_before(
    name: str, registry: sa.Engine, registry_url: str, tmp_path: Path
) -> None:
    seed(registry)
    before = made(registry, tmp_path)
    program = (
        "from tests.integration.report.seeded import *\nfrom renkei.registry.store import connect\n"
        "from renkei.report.publish import publish\nfrom pathlib import Path\nimport os\n"
        "root = Path(os.environ['ROOT'])\n"
        "publish(connect(os.environ['URL']), project=Stub(root, root / 'var'), as_of=AS_OF, out=None,\n"
        "        actor='cli:second', now=NOW)\n"
    )
    env = {**os.environ, "ROOT": str(tmp_path), "URL": registry_url, "RENKEI_FAILPOINTS": f"{name}=kill9"}

    done = subprocess.run(
        [sys.executable, "-c", program], env=env, check=False, cwd=Path(__file__).parents[3]
    )

    assert done.returncode == -signal.SIGKILL
    folder = before.files[0].parent
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    by = "cli:second" if name == "report.published" else "cli:test"
    assert by in next(folder.glob("run-*.html")).read_text("utf-8")
    again = made(registry, tmp_path)
    assert again.sha256s == before.sha256s
    assert [place.name for place in folder.parent.iterdir()] == [AS_OF.isoformat()]


def test_the_run_page_needs_nothing_but_itself(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    page = page_of(made(registry, tmp_path))

    assert not re.search(r"<script|javascript:|https?://|src=|@import|url\(", page)
    [policy] = html.fromstring(page).xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert len(page.encode()) < 200_000


def test_the_run_page_can_be_read_without_seeing_it(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    tree = html.fromstring(page_of(made(registry, tmp_path)))

    assert tree.get("lang") == "ja"
    assert len(tree.findall(".//h1")) == 1
    levels = [int(node.tag[1]) for node in tree.iter("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    assert {link.get("href") for link in tree.iter("a")} <= {f"#{ident}" for ident in ids}
    drawings = tree.findall(".//figure")
    assert len(drawings) == 8  # four in each language
    for figure in drawings:
        below = figure.getnext()
        assert below.tag == "details"
        assert below.find("summary").text in ("表で見る", "See as a table")
        assert below.find(".//table") is not None
    for heading in tree.iter("th"):
        assert heading.get("scope") in ("col", "row")
    assert tree.find(".//details[@lang='en']") is not None


def test_the_run_page_tells_the_equation_and_what_was_refused(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)

    page = page_of(made(registry, tmp_path))

    assert "受信 100 = 反映 20 + 変更なし 79 + 旧版 0 + 取込エラー 1" in page
    assert "Read 100 = Merged 20 + Unchanged 79 + Superseded 0 + Rejected 1" in page
    assert "照合できず: R22 児童手当未申請" in page
    assert "E_TRAILER_COUNT 福祉 welfare.benefitの連携：トレーラの件数 5 に対し、データは 4 件です。" in page
    assert "6 分" in page


def test_new_resolved_and_open_of_a_rule_are_counted_in_one_unit(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(f"UPDATE mismatch SET gone_as_of = '{AS_OF}' WHERE case_id = 3")
        connection.exec_driver_sql("UPDATE mismatch SET first_as_of = '2026-11-19' WHERE case_id IN (3, 5)")

    tree = html.fromstring(page_of(made(registry, tmp_path)))

    data = next(table for table in tree.iter("table") if table.findtext("caption") == "規則別の不一致")
    columns = [cell.text for cell in data.find("thead").iter("th")]
    shown = {
        row.find("th").text.split()[0]: dict(
            zip(columns[1:], [cell.text for cell in row.iter("td")], strict=True)
        )
        for row in data.find("tbody").iter("tr")
    }
    counts = {rule: (row["新規"], row["解消"], row["残"]) for rule, row in shown.items()}
    assert counts["R10"] == ("1", "1", "1")
    assert counts["R38"] == ("0", "–", "–")
    assert counts["R01"] == ("0", "0", "0")
    assert counts["R22"] == ("–", "–", "–")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_draws_the_run_page_without_asking_for_anything(
    registry: sa.Engine, tmp_path: Path
) -> None:
    seed(registry)
    page = next(file for file in made(registry, tmp_path).files if file.suffix == ".html")
    shot, log = tmp_path / "page.png", tmp_path / "net.json"

    subprocess.run(
        [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,2600",
         f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}", "--enable-logging=stderr",
         f"--screenshot={shot}", page.as_uri()],
        check=True, capture_output=True, timeout=90,
    )  # fmt: skip

    assert shot.stat().st_size > 50_000
    asked = set(re.findall(r'"url":"(\w+:[^"]+)"', log.read_text("utf-8", "replace")))
    assert not [url for url in asked if "renkei" in url and not url.startswith("file:")]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice on this machine")
def test_an_office_program_opens_the_workbook(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    place = next(file for file in made(registry, tmp_path).files if file.suffix == ".xlsx")

    subprocess.run(
        ["soffice", "--headless", "--convert-to", "csv", "--outdir", str(tmp_path), str(place)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip

    assert "C-000001" in (tmp_path / f"{place.stem}.csv").read_text("utf-8")


def test_a_large_day_is_read_by_index_not_by_scanning_every_record(registry: sa.Engine) -> None:
    """The plan for one case must not build the text of every record in the registry."""
    from importlib import resources

    seed(registry)
    body = resources.files("renkei.report").joinpath("mismatch.sql").read_text("utf-8")
    with registry.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO person_record (feed, source_key, source_version, valid_from, full_name, protected,
                content_hash, known_from, unit_id, rec_no)
            SELECT 'tax.taxpayer', 'X' || n, '1', '2026-11-20', 'x', 'none', 'h', now(), 2, n
            FROM generate_series(1, 30000) n
        """)
        connection.exec_driver_sql("ANALYZE")
        query = sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) WITH {RESTRICTED}{body}")
        asked = {
            "as_of": AS_OF + timedelta(days=1), "case_id": None, "department": None, "gone_from": None,
            "known_at": NOW, "suppressed": [], "lasting": [],
        }  # fmt: skip
        plan = connection.execute(query, asked).scalar_one()

    nodes = list(walk(plan[0]["Plan"]))
    read = [
        n["Actual Rows"] * n["Actual Loops"] for n in nodes if n.get("Alias") in ("p", "p_1", "p_2", "p_3")
    ]
    assert read
    assert max(read) < 1000, [(n["Node Type"], n.get("Alias"), n["Actual Rows"]) for n in nodes]


def walk(node: dict[str, object]) -> list[dict[str, object]]:
    below = node.get("Plans", [])
    assert isinstance(below, list)
    return [node, *(each for child in below for each in walk(child))]
