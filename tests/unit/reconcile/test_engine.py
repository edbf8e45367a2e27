"""The embedded engine: names, parameters, limits."""

from pathlib import Path

import pyarrow as pa
import pytest

from renkei.engine.duck import DuckEngine


def test_a_parameter_is_bound_and_never_spliced() -> None:
    with DuckEngine(threads=1) as engine:
        answer = engine.sql("SELECT $given AS said", {"given": "'; DROP TABLE x; --", "other": 1}).read_all()

    assert answer["said"].to_pylist() == ["'; DROP TABLE x; --"]


def test_a_derived_relation_keeps_its_answer() -> None:
    with DuckEngine(threads=1) as engine:
        engine.table("juki.resident", pa.table({"n": [1, 2, 3]}))
        engine.derive("juki.some", "SELECT n FROM juki.resident WHERE n > $least", {"least": 1})

        assert sorted(engine.sql("SELECT n FROM juki.some", {}).read_all()["n"].to_pylist()) == [2, 3]


@pytest.mark.parametrize("name", ['x"; DROP TABLE y', "a.b.c", "", "Upper.case"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with DuckEngine(threads=1) as engine, pytest.raises(ValueError, match="not a relation's name"):
        engine.table(name, pa.table({"n": [1]}))


def test_after_the_seal_no_setting_and_no_file_is_reached() -> None:
    with DuckEngine(threads=1) as engine:
        engine.seal()

        for query in ("SELECT * FROM read_text('/etc/hostname')", "SET memory_limit = '9GB'"):
            with pytest.raises(Exception, match=r"E_QUERY: .*Exception"):
                engine.sql(query, {}).read_all()


def test_more_data_than_memory_spills_to_the_engines_own_folder(tmp_path: Path) -> None:
    with DuckEngine(memory="60MB", threads=1, temp=tmp_path) as engine:
        engine.seal()
        query = "SELECT i, md5(i::VARCHAR) AS m FROM range(1_000_000) AS t(i) ORDER BY m"

        assert sum(batch.num_rows for batch in engine.sql(query, {})) == 1_000_000


def test_a_closed_engine_leaves_nothing_behind(tmp_path: Path) -> None:
    with DuckEngine(threads=1, temp=tmp_path) as engine:
        engine.table("juki.resident", pa.table({"n": [1]}))

    assert list(tmp_path.iterdir()) == []
