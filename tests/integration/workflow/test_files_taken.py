"""A file that was taken is known again, whatever its connector calls its time, alone or as part of a set."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.workflow.test_losses import MAPPING

from renkei import project, workflow
from renkei.registry import control

DAY = date(2026, 11, 20)


def content(*numbers: int, part: int, parts: int) -> bytes:
    lines = [b"1%d%d" % (part, parts), *(b"2%03dA" % number for number in numbers), b"8%06d" % len(numbers)]
    return b"".join(line.ljust(20) for line in lines)


@pytest.fixture
def hub(tmp_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for place in (tmp_project / "mappings").glob("*.toml"):
        place.unlink()
    share = tmp_path_factory.mktemp("share")
    text = MAPPING.replace('gaiji = "gaiji/tax.toml"\n', "").replace(
        'done = ".END" }', 'set = "_(?P<part>[0-9])of(?P<parts>[0-9])", settle = "0s" }'
    )
    text = text.replace(
        'count = "KENSU"',
        'count = "KENSU"\nset = { part = "BAN", parts = "SU" }\nheader_columns = [\n'
        '  { name = "BAN", at = 2, bytes = 1 },\n  { name = "SU", at = 3, bytes = 1 },\n]',
    )
    (tmp_project / "mappings" / "tax.toml").write_text(text, "utf-8")
    connections = f'[share]\nroot = "{share}"\nmounted = "false"\n'
    (tmp_project / "var" / "connections.toml").write_text(connections, "utf-8")
    (share / "KJ_20261120_1of2.DAT").write_bytes(content(1, 2, part=1, parts=2))
    (share / "KJ_20261120_2of2.DAT").write_bytes(content(3, part=2, parts=2))
    return tmp_project


def test_a_set_is_one_delivery_and_is_not_fetched_again(hub: Path, registry: sa.Engine) -> None:
    found = project.load(hub)

    result = workflow.sync_in(found, "tax.taxpayer", as_of=DAY, actor="tester", trigger="test")

    assert (result.counts.records, result.counts.merged, len(result.units)) == (3, 3, 1)
    connector = found.connector(found.mapping("tax.taxpayer").feed, workdir=hub / "var" / "look")
    assert (
        list(connector.pull(found.mapping("tax.taxpayer").feed, control.checkpoint(registry, "tax.taxpayer")))
        == []
    )


def test_a_touched_file_with_the_same_bytes_is_fetched_once_more_and_then_known(
    hub: Path, registry: sa.Engine
) -> None:
    found = project.load(hub)
    terms = {"as_of": DAY, "actor": "tester", "trigger": "test"}
    workflow.sync_in(found, "tax.taxpayer", **terms)
    share = Path(found.connection("share").settings["root"])
    for place in share.glob("*.DAT"):
        place.touch()
    workflow.sync_in(found, "tax.taxpayer", **terms)

    connector = found.connector(found.mapping("tax.taxpayer").feed, workdir=hub / "var" / "look")

    since = control.checkpoint(registry, "tax.taxpayer")
    assert list(connector.pull(found.mapping("tax.taxpayer").feed, since)) == []
    with registry.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM unit")).scalar() == 1
