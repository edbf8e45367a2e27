"""The loss report: counted, merged, and shown to a person."""

import csv
import io
import subprocess
import sys

from renkei.formats import losses
from renkei.formats.losses import Losses
from renkei.model import LOSS_SCHEMA


def a_report() -> Losses:
    """Two records with the same 外字, one set aside, one look-alike and one kept."""
    found = Losses()
    for record in (3, 3, 5):
        found.add(encoding="cp932", character="〔外字:tax:F040〕", code="F040", became="葛󠄀", record=record)
    found.add(encoding="cp932", character="〔外字:tax:F041〕", code="F041", became="", record=9)
    found.add(
        encoding="cp932", character="〔外字:tax:F042〕", code="F042", became="〔外字:tax:F042〕", record=9
    )
    found.add(encoding="cp932", character="〜", code="U+301C", became="～")
    return found


def lines(language: str) -> list[list[str]]:
    text = losses.report(a_report().table(), language)  # type: ignore[arg-type]  # both languages, one test
    return list(csv.reader(io.StringIO(text)))


def test_a_report_has_the_shape_that_a_batch_carries() -> None:
    assert a_report().table().schema == LOSS_SCHEMA
    assert Losses().table().schema == LOSS_SCHEMA


def test_every_character_is_shown_with_its_code_points_and_its_code() -> None:
    assert lines("ja") == [
        [
            "文字コード",
            "文字",
            "符号位置",
            "コード",
            "変換後",
            "変換後の符号位置",
            "種別",
            "件数",
            "レコード番号",
        ],
        [
            "cp932",
            "〔外字:tax:F040〕",
            "",
            "F040",
            "葛󠄀",
            "U+845B U+E0100",
            "外字・対応表で変換",
            "3",
            "3 5",
        ],
        ["cp932", "〔外字:tax:F041〕", "", "F041", "", "", "外字・未対応（保留）", "1", "9"],
        [
            "cp932",
            "〔外字:tax:F042〕",
            "",
            "F042",
            "〔外字:tax:F042〕",
            "",
            "外字・未対応（目印で保持）",
            "1",
            "9",
        ],
        ["cp932", "〜", "U+301C", "U+301C", "～", "U+FF5E", "別の文字で書き出し", "1", ""],
    ]


def test_the_report_speaks_english_too() -> None:
    kinds = [line[6] for line in lines("en")]

    assert kinds == [
        "Kind",
        "外字, converted by the table",
        "外字, not mapped: record set aside",
        "外字, not mapped: kept as a mark",
        "written as another character",
    ]


def test_reports_of_several_files_become_one() -> None:
    whole = losses.merged([a_report().table(), a_report().table()])

    assert [row["count"] for row in whole.to_pylist()] == [6, 2, 2, 2]
    assert [row["records"] for row in whole.to_pylist()] == [[3, 5], [9], [9], []]


def test_every_module_of_the_formats_can_be_the_first_that_is_imported() -> None:
    """A split delivery that was the first of its process failed on a circle of imports."""
    program = """
import importlib, pathlib, sys
import numpy, pyarrow, pyarrow.compute
import renkei.formats
root = pathlib.Path(renkei.formats.__file__).parent
for path in sorted(root.rglob("*.py")):
    for name in [each for each in sys.modules if each.startswith("renkei")]:
        del sys.modules[name]
    parts = ("renkei", "formats", *path.relative_to(root).with_suffix("").parts)
    importlib.import_module(".".join(part for part in parts if part != "__init__"))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ran.stderr == ""
