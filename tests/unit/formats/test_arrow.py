"""Arrow files of the ODBC connector: the declared columns, all as text."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from renkei import formats
from renkei.errors import Stop

FORMAT = {"kind": "arrow", "columns": [{"name": "bango"}, {"name": "koshin"}], "key": {"columns": ["bango"]}}


def written(table: pa.Table, folder: Path) -> Path:
    path = folder / "delivery.arrow"
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table, max_chunksize=2)
    return path


def test_every_column_comes_as_text_and_null_stays_null(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 20, 5, 0, 1, 500_000)
    table = pa.table({"bango": pa.array([1, 2, None], pa.int32()), "koshin": [moment] * 3})

    batch = formats.read(written(table, tmp_path), FORMAT, feed="juki.test")

    assert batch.table.column("bango").to_pylist() == ["1", "2", None]
    assert batch.table.column("koshin")[0].as_py() == "2026-11-20 05:00:01.500000"
    assert batch.table.column("__rec_no").to_pylist() == [1, 2, 3]
    assert batch.control.as_of is None


def test_no_rows_is_a_delivery_too(tmp_path: Path) -> None:
    table = pa.table({"bango": pa.array([], pa.string()), "koshin": pa.array([], pa.string())})

    assert formats.read(written(table, tmp_path), FORMAT, feed="juki.test").records == 0


@pytest.mark.parametrize(
    ("columns", "code", "facts"),
    [
        (["bango"], "E_COLUMN_MISSING", {"column": "koshin"}),
        (["bango", "koshin_ts"], "E_COLUMN_MISSING", {"column": "koshin", "nearest": "koshin_ts"}),
        (["bango", "koshin", "atarashii"], "E_COLUMN_UNEXPECTED", {"column": "atarashii"}),
    ],
)
def test_a_changed_layout_stops(columns: list[str], code: str, facts: dict[str, str], tmp_path: Path) -> None:
    table = pa.table({name: ["1"] for name in columns})

    with pytest.raises(Stop) as caught:
        formats.read(written(table, tmp_path), FORMAT, feed="juki.test")

    assert caught.value.code == code
    assert facts.items() <= caught.value.facts.items()


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(pa.table({"bango": ["1"] * 9, "koshin": ["x"] * 9}), tmp_path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(Stop, match="E_ARROW_FILE"):
        formats.read(path, FORMAT, feed="juki.test")
