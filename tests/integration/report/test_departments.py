"""The set of files of a day or a month: one for each department, and the city's."""

import csv
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.report.seeded import AS_OF, HIDDEN, NOW, Stub, seed

from renkei.errors import FixDeclaration
from renkei.report.publish import Published, publish

DEPARTMENTS = ("市民課", "市民税課", "情報政策課", "こども課")


@pytest.fixture
def project(tmp_path: Path) -> Stub:
    return Stub(tmp_path, tmp_path / "var")


def made(registry: sa.Engine, project: Stub, **asked: object) -> Published:
    about = {"as_of": AS_OF, "out": None, "actor": "cli:test", "now": NOW} | asked
    return publish(registry, project=project, **about)  # type: ignore[arg-type]


def rows_of(place: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(place.read_text("utf-8-sig").splitlines()))


def said_by(place: Path) -> str:
    done = subprocess.run(["pdftotext", str(place), "-"], check=True, capture_output=True, text=True)
    return done.stdout


def test_each_department_has_its_set_and_only_its_own_rows(registry: sa.Engine, project: Stub) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql("UPDATE \"case\" SET owner = 'こども課' WHERE case_id IN (2, 6)")

    published = made(registry, project)

    names = {place.name for place in published.files}
    assert names == {
        "SHA256SUMS", f"run-{AS_OF}.html", f"summary-{AS_OF}.pdf", f"mismatches-{AS_OF}.csv",
        f"mismatches-{AS_OF}.xlsx", *(f"{name}-{AS_OF}.{kind}" for name in DEPARTMENTS for kind in ("csv", "xlsx", "pdf")),
    }  # fmt: skip
    folder = published.files[0].parent
    by_name = {name: rows_of(folder / f"{name}-{AS_OF}.csv") for name in DEPARTMENTS}
    every = [row["案件番号"] for rows in by_name.values() for row in rows]
    assert sorted(every) == [
        row["案件番号"]
        for row in sorted(rows_of(folder / f"mismatches-{AS_OF}.csv"), key=lambda row: row["案件番号"])
    ]
    assert [row["案件番号"] for row in by_name["こども課"]] == ["C-000002", "C-000006"]
    assert {row["担当課"] for row in by_name["こども課"]} == {"こども課"}
    assert published.departments == {"市民課": 4, "市民税課": 0, "情報政策課": 0, "こども課": 2}


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler-utils on this machine")
def test_the_papers_say_all_clear_not_compared_and_names_with_their_glyphs(
    registry: sa.Engine, project: Stub
) -> None:
    seed(registry)

    papers = {
        place.stem.split("-")[0]: said_by(place)
        for place in made(registry, project).files
        if place.suffix == ".pdf"
    }

    assert "異常なし。見つかった不一致は 0 件です。" in papers["市民税課"]
    assert "1 規則で照合しました" in papers["市民税課"]
    assert "照合していません：9 件（未着：福祉 welfare.benefitの連携）" in papers["こども課"]
    assert "０件という意味ではありません" in papers["こども課"]
    assert "市全体では 5 規則で照合しました" in papers["情報政策課"]
    assert "髙橋 葛\U000e0100" in papers["市民課"]
    assert "𠮷田 太郎" in papers["市民課"]
    for said in papers.values():
        assert "把握時点 2026-11-21 05:30:00+09:00" in said
        assert not [value for value in HIDDEN if value in said]
    assert "髙橋" not in papers["summary"]


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler-utils on this machine")
def test_each_department_hears_of_its_own_double_entry_and_whoever_answers_for_it_of_all(
    registry: sa.Engine, project: Stub
) -> None:
    seed(registry)

    papers = {
        place.stem.split("-")[0]: said_by(place).replace("\n", "")
        for place in made(registry, project).files
        if place.suffix == ".pdf"
    }

    assert "11月1日から20日まで、計 6 分" in papers["summary"]
    assert "11月1日から20日までにこの課で入力、計 6 分" in papers["市民税課"]  # it keyed
    assert "11月1日から20日まで、計 6 分" in papers["市民課"]  # it has the rule
    assert "この課で入力された二重入力は見つかっていません。" in papers["こども課"]


def test_one_department_alone_has_a_folder_of_its_own(registry: sa.Engine, project: Stub) -> None:
    seed(registry)
    whole = made(registry, project)

    alone = made(registry, project, department="市民課")

    assert {place.name for place in alone.files} == {
        "SHA256SUMS", *(f"市民課-{AS_OF}.{kind}" for kind in ("csv", "xlsx", "pdf")),
    }  # fmt: skip
    assert alone.files[0].parent.name == f"{AS_OF}-市民課"
    assert all(place.exists() for place in whole.files)
    assert alone.sha256s == {name: whole.sha256s[name] for name in alone.sha256s}


def test_an_unknown_department_is_answered_with_the_nearest(registry: sa.Engine, project: Stub) -> None:
    with pytest.raises(FixDeclaration, match=r"市民科.*市民課"):
        made(registry, project, department="市民科")

    assert list((project.var / "reports").iterdir()) == []


def test_an_instant_that_is_to_come_is_refused(registry: sa.Engine, project: Stub) -> None:
    with pytest.raises(FixDeclaration, match="E_NOT_YET_KNOWN"):
        made(registry, project, known_at=NOW.replace(year=2027))


def test_a_month_also_lists_what_was_resolved_in_it(registry: sa.Engine, project: Stub) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE mismatch SET first_as_of = '2026-11-02', gone_as_of = '{AS_OF}', gone_at = found_at WHERE case_id = 1"
        )

    published = made(registry, project, month=date(2026, 11, 1))

    folder = published.files[0].parent
    assert folder.name == "2026-11"
    assert not list(folder.glob("run-*"))
    rows = {row["案件番号"]: row for row in rows_of(folder / "mismatches-2026-11.csv")}
    assert rows["C-000001"]["解消日"] == "2026-11-20"
    assert rows["C-000002"]["解消日"] == ""
    assert "C-000001" not in {row["案件番号"] for row in rows_of(made(registry, project).files[0])}


def test_a_row_of_a_case_that_is_set_aside_is_there_and_marked(registry: sa.Engine, project: Stub) -> None:
    seed(registry)
    with registry.begin() as connection:
        connection.exec_driver_sql(f"""
            INSERT INTO suppression (rule_id, subject_kind, subject_id, reason, asked_by, asked_at, asked_on,
                expires_on, approved_by, approved_at)
            VALUES ('R11', 'resident', '2', 'x', 'a', '{AS_OF}', '{AS_OF}', '{AS_OF}', 'b', '{AS_OF}')
        """)

    published = made(registry, project)

    marks = {row["案件番号"]: row["抑止"] for row in rows_of(published.files[0])}
    assert [number for number, mark in marks.items() if mark == "抑止中"] == ["C-000002"]
    assert published.counts["suppressed"] == 1
    assert published.counts["rows"] == 6
