"""Whatever a sender writes: kept to the last byte in the registry, or set aside with its place."""

import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.workflow.counter import Counter, build, people, told

from renkei.cli.width import visible
from renkei.mapping import compile as plan

#: Controls and the replacement character are never stored; what the layout pads with is no part of a value.
NEVER = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
KEPT = {
    "variation selector": "葛\U000e0100城",
    "private use": "\ue000田",
    "private use of plane 15": "\U000f0000",
    "bidi control": "\u202eabc\u202c",
    "outside the basic plane": "𠮷野",
    "compatibility ideograph": "神\ufa19",
    "decomposed kana": "か\u3099",
    "zero width": "a\u200bb\ufeff",
}


def send_texts(counter: Counter, texts: list[str]):
    """One whole delivery of names, as a database would hold them."""
    begun = f"{counter.day:%m%d}-"  # keys of their own, for what came before stays as it is
    rows = [
        {**row, "no": begun + row["no"], "name": text}
        for row, text in zip(people(len(texts)), texts, strict=True)
    ]
    counter.send([], content=arrow(rows))
    held = counter.rows(
        f"SELECT source_key, full_name FROM person_record WHERE source_key LIKE '{begun}%' ORDER BY 1"
    )
    return [(key.removeprefix(begun), text) for key, text in held]


def arrow(rows: list[dict[str, str]]) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def database(tmp_project, registry: sa.Engine) -> Counter:
    made = build(tmp_project, registry)
    made.edit('{ kind = "csv", encoding = "utf-8", eol = "lf", unproved = "試験" }', '{ kind = "arrow" }')
    made.edit("max = 8\n", "")
    made.edit("least = 150", "least = 10000", Path("renkei.toml"))
    return made


def stored(texts: list[str]) -> list[tuple[str, str | None]]:
    """What the registry must hold, said without the hub."""
    kept = [(f"{nth:05d}", text.rstrip(" \u3000") or None) for nth, text in enumerate(texts, 1)]
    return [(key, text) for key, text in kept if not NEVER.search(text or "")]


def test_odd_characters_reach_the_registry_as_they_are(database: Counter) -> None:
    assert send_texts(database, list(KEPT.values())) == stored(list(KEPT.values()))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(), min_size=80, max_size=99))
def test_any_text_is_kept_whole_or_set_aside(database: Counter, texts: list[str]) -> None:
    held = send_texts(database, texts)

    assert held == stored(texts)
    newest = "SELECT rejected FROM unit ORDER BY unit_id DESC LIMIT 1"
    assert database.one(newest) + len(held) == len(texts)


def test_the_proof_catches_a_mapping_that_lets_controls_pass(
    database: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BAD_CHARACTER", "[\x00]")

    with pytest.raises(AssertionError):
        assert send_texts(database, ["a\x1bb", "c"]) == stored(["a\x1bb", "c"])


def test_half_a_pair_and_nul_in_a_file_are_set_aside_with_their_places(
    tmp_project, registry: sa.Engine
) -> None:
    counter = build(tmp_project, registry)
    lines = told(people(60)).split(b"\n")
    lines[3] = lines[3].replace("葛原".encode(), b"\xed\xa0\x80", 1)
    lines[5] = lines[5].replace("葛原".encode(), b"\0", 1)

    counter.send([], content=b"\n".join(lines))

    found = counter.rows("SELECT rec_no, code, detail FROM reject ORDER BY rec_no")
    places = [
        sum(len(line) + 1 for line in lines[:nth]) + lines[nth].find(bad)
        for nth, bad in ((3, b"\xed"), (5, b"\0"))
    ]
    assert [tuple(row) for row in found] == [
        (3, "E_ENCODING", f"line=4 byte={places[0]}"),
        (5, "E_BAD_CHARACTER", f"line=6 byte={places[1]}"),
    ]


@pytest.mark.parametrize("text", ["\u202eabc", "a\x1b[2Jb", "\u2066x\u2069", "\ud800"])
def test_what_steers_a_terminal_is_shown_and_not_obeyed(text: str) -> None:
    assert not set(visible(text)) & set("\u202e\x1b\u2066\u2069\ud800")
    assert "␦" in visible(text)


def test_a_name_of_another_day_changes_nothing(database: Counter) -> None:
    database.day = date(2027, 3, 30)
    assert send_texts(database, ["甲"]) == [("00001", "甲")]
