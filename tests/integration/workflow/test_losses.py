"""外字 and look-alikes on their way through the hub: converted by the city's table, counted, and never silent."""

import json
import os
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from renkei import cli, project, views, workflow

DAY = date(2026, 11, 20)
MAPPING = """
system = "tax"
title = "税務"
owner = "市民税課"

[[feed]]
name = "taxpayer"
connector = "folder"
connection = "share"
settings = { path = "/KJ_*.DAT", done = ".END" }
delivers = "full"
schedule = "0 5 * * *"
record = "person"

[feed.format]
kind = "fixed"
encoding = "cp932"
gaiji = "gaiji/tax.toml"
record = 20
header = "1"
data = "2"
trailer = "8"
count = "KENSU"
trailer_columns = [{ name = "KENSU", at = 2, bytes = 6 }]

[[feed.field]]
to = "source_key"
from = { name = "BANGO", at = 2, bytes = 3 }

[[feed.field]]
to = "full_name"
from = { name = "SHIMEI", at = 5, bytes = 16 }
"""
GAIJI = """
system = "tax"
encoding = "cp932"

[[glyph]]
code = "F040"
text = "葛\U000e0101"
mj = "MJ022335"
"""


@pytest.fixture
def hub(tmp_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for place in (tmp_project / "mappings").glob("*.toml"):
        place.unlink()
    (tmp_project / "mappings" / "tax.toml").write_text(MAPPING, "utf-8")
    (tmp_project / "mappings" / "gaiji").mkdir()
    (tmp_project / "mappings" / "gaiji" / "tax.toml").write_text(GAIJI, "utf-8")
    share = tmp_path_factory.mktemp("share")
    connections = f'[share]\nroot = "{share}"\nmounted = "false"\n'
    (tmp_project / "var" / "connections.toml").write_text(connections, "utf-8")
    names = (b"\xf0\x40\x8f\xe9", "山田".encode("cp932"), b"\xf0\x41\x96\xec")  # 葛城, 山田, an unmapped one
    records = [b"2%03d" % number + name.ljust(16) for number, name in enumerate(names, 1)]
    lines = [b"1".ljust(20), *records, (b"8%06d" % len(records)).ljust(20)]
    for name, content in (("KJ_20261120.DAT", b"".join(lines)), ("KJ_20261120.END", b"")):
        (share / name).write_bytes(content)
        os.utime(share / name, (1_795_000_000, 1_795_000_000))
    return tmp_project


def test_a_mapped_gaiji_is_its_character_and_an_unmapped_one_sets_its_record_aside(
    hub: Path, registry: sa.Engine
) -> None:
    result = workflow.sync_in(project.load(hub), "tax.taxpayer", as_of=DAY, actor="tester", trigger="test")

    with registry.connect() as connection:
        held = connection.execute(sa.text("SELECT source_key, full_name FROM person_record ORDER BY 1")).all()
    assert [tuple(row) for row in held] == [("001", "葛\U000e0101城"), ("002", "山田")]
    assert (result.counts.records, result.counts.rejected) == (3, 1)
    (reject,) = views.rejects(registry)
    assert (reject.rec_no, reject.field, reject.code) == (3, "SHIMEI", "E_ENCODING")


def test_every_conversion_is_told(hub: Path, registry: sa.Engine, monkeypatch, capsys) -> None:
    workflow.sync_in(project.load(hub), "tax.taxpayer", as_of=DAY, actor="tester", trigger="test")

    told = [(each.code, each.became, each.count, list(each.records)) for each in views.losses(registry)]

    assert ("F040", "葛\U000e0101", 1, [1]) in told
    monkeypatch.chdir(hub)
    assert cli.main(["losses", "--feed", "tax.taxpayer", "--json"]) == 0
    (answer,) = capsys.readouterr().out.splitlines()
    assert json.loads(answer)["losses"][0]["feed"] == "tax.taxpayer"
