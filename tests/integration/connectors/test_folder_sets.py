"""A file that was split into several is one delivery, and never the parts that happen to be there."""

import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.part_twins import engine_without
from tests.integration.connectors.peers import CONNECTORS, Sshd, feed_of
from tests.integration.connectors.reading import left_in

from renkei.errors import FixDeclaration, Hold, TryAgain
from renkei.model import Checkpoint, Connection, Delivery
from renkei.project import load_connector

T0 = 1_795_143_600
SET = r"_(?P<part>\d+)of(?P<parts>\d+)"
#: 3,181 pension payments in two files, of which the second was once never fetched.
FIRST = b"".join(b"%06d\r\n" % number for number in range(2_000))
SECOND = b"".join(b"%06d\r\n" % number for number in range(2_000, 3_181))
Pull = Callable[..., tuple[list[Delivery], list[str]]]


@pytest.fixture(params=["folder", "sftp"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Path, Connection, str]:
    """The connector's module, the folder where files come up, the connection, and the folder's path there."""
    if request.param == "sftp":
        sshd: Sshd = request.getfixturevalue("sshd")
        return load_connector(CONNECTORS, "sftp"), sshd.out, sshd.connection, str(sshd.out)
    out = tmp_path / "share" / "out"
    out.mkdir(parents=True)
    connection = Connection(name="peer", settings={"root": str(out.parent), "mounted": "false"})
    return load_connector(CONNECTORS, "folder"), out, connection, "/out"


@pytest.fixture
def pull(office: tuple[Any, Path, Connection, str], tmp_path: Path) -> Pull:
    module, _, connection, there = office

    def pulled(*, since: Delivery | None = None, at: Connection | None = None, **settings: Any):
        declared = {"path": f"{there}/NENKIN_*.DAT", "set": SET, "settle": "0.1s", **settings}
        feed = feed_of("x", **{name: value for name, value in declared.items() if value is not None})
        connector = module.connect(at or connection, workdir=tmp_path / "work")
        position = Checkpoint(feed=feed.id, position=since.position) if since else None
        return list(connector.pull(feed, position)), connector.notes

    return pulled


@pytest.fixture
def out(office: tuple[Any, Path, Connection, str]) -> Path:
    return office[1]


def put(out: Path, name: str, data: bytes, *, modified: int = T0) -> None:
    (out / name).write_bytes(data)
    os.utime(out / name, (modified, modified))


def members(delivery: Delivery) -> list[tuple[str, bytes]]:
    with tarfile.open(delivery.path) as tape:
        return [(member.name, tape.extractfile(member).read()) for member in tape]  # type: ignore[union-attr]


def test_two_files_of_one_report_are_one_delivery(pull: Pull, out: Path, tmp_path: Path) -> None:
    put(out, "NENKIN_20261120_2of2.DAT", SECOND)
    put(out, "NENKIN_20261120_1of2.DAT", FIRST)

    (delivery,), notes = pull()

    assert delivery.name == "NENKIN_20261120.DAT"
    assert str(delivery.as_of) == "2026-11-20"
    assert members(delivery) == [("0001", FIRST), ("0002", SECOND)]
    assert b"".join(data for _, data in members(delivery)).count(b"\r\n") == 3_181
    assert sorted(delivery.position["seen"]) == ["NENKIN_20261120_1of2.DAT", "NENKIN_20261120_2of2.DAT"]
    assert notes == []
    assert left_in(tmp_path / "work") == [delivery.sha256]


def test_one_of_two_files_is_nothing_yet(pull: Pull, out: Path, tmp_path: Path) -> None:
    put(out, "NENKIN_20261120_1of2.DAT", FIRST)

    with pytest.raises(TryAgain, match="E_FILE_SET") as growing:
        pull()

    assert (growing.value.facts["have"], growing.value.facts["expected"]) == (1, 2)
    assert left_in(tmp_path / "work") == []


def test_twin_that_takes_each_file_by_itself_takes_half_a_report(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_20261120_1of2.DAT", FIRST)

    (delivery,), _ = pull(set=None)

    assert delivery.path.read_bytes().count(b"\r\n") == 2_000


def test_a_complete_set_is_taken_while_another_waits(pull: Pull, out: Path) -> None:
    for part in (1, 2):
        put(out, f"NENKIN_20261119_{part}of2.DAT", b"%d" % part)
    put(out, "NENKIN_20261120_1of3.DAT", FIRST)

    (delivery,), notes = pull()

    assert delivery.name == "NENKIN_20261119.DAT"
    assert notes == ["E_FILE_SET NENKIN_20261120.DAT 1/3"]


def test_the_number_of_parts_may_be_declared(pull: Pull, out: Path) -> None:
    for part in "ABC":
        put(out, f"NENKIN_20261120_{'ABC'.index(part) + 1}.DAT", part.encode())

    (delivery,), _ = pull(set=r"_(?P<part>\d)(?=\.)", parts=3)

    assert members(delivery) == [("0001", b"A"), ("0002", b"B"), ("0003", b"C")]


def test_a_part_that_is_there_twice_waits_for_a_person_and_others_go_on(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_20261119_1of1.DAT", b"other")
    for name in ("1of2", "01of2", "2of2"):
        put(out, f"NENKIN_20261120_{name}.DAT", name.encode())
    taken: list[Delivery] = []

    with pytest.raises(Hold, match="E_FILE_SET_TWICE") as held:
        taken += pull()[0]

    assert held.value.facts["name"] == "NENKIN_20261120.DAT"


@pytest.mark.parametrize("names", [("1of2", "2of3"), ("0of2", "1of2", "2of2"), ("1of2", "2of2", "3of2")])
def test_parts_that_contradict_each_other_wait_for_a_person(
    pull: Pull, out: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        put(out, f"NENKIN_20261120_{name}.DAT", name.encode())

    with pytest.raises(Hold, match="E_FILE_SET_TWICE"):
        pull()


def test_a_set_is_taken_once_and_again_when_one_part_is_new(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_20261120_1of2.DAT", FIRST)
    put(out, "NENKIN_20261120_2of2.DAT", SECOND)
    (first,), _ = pull()

    assert pull(since=first) == ([], [])
    put(out, "NENKIN_20261120_2of2.DAT", SECOND + b"003181\r\n", modified=T0 + 60)
    (second,), _ = pull(since=first)

    assert members(second) == [("0001", FIRST), ("0002", SECOND + b"003181\r\n")]


def test_the_same_parts_make_the_same_bytes_whenever_they_came(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_20261120_1of2.DAT", FIRST)
    put(out, "NENKIN_20261120_2of2.DAT", SECOND)
    (first,), _ = pull()
    for place in out.iterdir():
        os.utime(place, (T0 + 999, T0 + 999))

    (again,), _ = pull()

    assert again.sha256 == first.sha256


def test_a_set_may_have_one_done_file_or_one_for_each_part(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_20261119_1of2.DAT", b"1")
    put(out, "NENKIN_20261119_2of2.DAT", b"2")
    put(out, "NENKIN_20261119.END", b"")
    put(out, "NENKIN_20261120_1of2.DAT", b"1")
    put(out, "NENKIN_20261120_2of2.DAT", b"2")
    put(out, "NENKIN_20261120_1of2.END", b"")

    (delivery,), notes = pull(done=".END")
    put(out, "NENKIN_20261120_2of2.END", b"")
    deliveries, _ = pull(done=".END", since=delivery)

    assert delivery.name == "NENKIN_20261119.DAT"
    assert "E_FILE_SET NENKIN_20261120.DAT 1/2" in notes
    assert [each.name for each in deliveries] == ["NENKIN_20261120.DAT"]


# a manifest ---------------------------------------------------------------------------------------

LISTED = {"set": None, "manifest": "NENKIN_*.LST"}


def test_a_manifest_lists_what_belongs_together_and_how_many_records(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_OKURI_A.DAT", FIRST)
    put(out, "NENKIN_OKURI_B.DAT", SECOND)
    put(out, "NENKIN_20261120.LST", b"NENKIN_OKURI_A.DAT\t2000\r\nNENKIN_OKURI_B.DAT,1181\r\n")

    (delivery,), _ = pull(**LISTED)

    assert (delivery.name, delivery.records) == ("NENKIN_20261120.LST", 3_181)
    assert members(delivery) == [("0001", FIRST), ("0002", SECOND)]
    assert pull(since=delivery, **LISTED) == ([], [])


def test_what_a_manifest_lists_must_all_be_there(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_OKURI_A.DAT", FIRST)
    put(out, "NENKIN_20261120.LST", b"NENKIN_OKURI_A.DAT 2000\nNENKIN_OKURI_B.DAT\n".replace(b" ", b"\t"))

    with pytest.raises(TryAgain, match="E_FILE_SET"):
        pull(**LISTED)


def test_a_file_that_no_manifest_lists_waits(pull: Pull, out: Path) -> None:
    put(out, "NENKIN_OKURI_A.DAT", FIRST)

    with pytest.raises(TryAgain, match="E_FILE_GROWING"):
        pull(**LISTED)


def test_a_manifest_that_is_still_written_is_not_believed(pull: Pull, out: Path) -> None:
    """Half a list would make half a set look complete."""
    put(out, "NENKIN_OKURI_A.DAT", FIRST)
    put(out, "NENKIN_20261120.LST", b"NENKIN_OKURI_A.DAT\n")
    put(out, "NENKIN_OKURI_A.END", b"")

    with pytest.raises(TryAgain, match="E_FILE_GROWING"):
        pull(done=".END", **LISTED)


def test_twin_that_believes_any_manifest_takes_half_a_set(
    pull: Pull, out: Path, office: tuple[Any, Path, Connection, str]
) -> None:
    at_once = ("(e.name in new or _is_taken(e, taken))", "True")
    office[0].fetch_new = engine_without("part/fetch.py", at_once).fetch_new
    put(out, "NENKIN_OKURI_A.DAT", FIRST)
    put(out, "NENKIN_20261120.LST", b"NENKIN_OKURI_A.DAT\n")
    put(out, "NENKIN_OKURI_A.END", b"")

    (delivery,), _ = pull(done=".END", **LISTED)

    assert members(delivery) == [("0001", FIRST)]


# broken off ---------------------------------------------------------------------------------------


def test_a_set_that_was_cut_goes_on_and_is_one_delivery(sshd: Sshd, tmp_path: Path) -> None:
    big = os.urandom(6_000_000)
    put(sshd.out, "NENKIN_20261120_1of2.DAT", big)
    put(sshd.out, "NENKIN_20261120_2of2.DAT", big[::-1])
    module = load_connector(CONNECTORS, "sftp")
    feed = feed_of("x", path=f"{sshd.out}/NENKIN_*.DAT", set=SET, settle="0.05s")
    fault = Fault(direction="down", after=9_000_000, action="reset")

    with FaultProxy(sshd.port, faults=[fault]) as proxy, pytest.raises(TryAgain, match="E_PULL_LOST"):
        list(module.connect(sshd.at(proxy.port), workdir=tmp_path / "work").pull(feed, None))
    with FaultProxy(sshd.port) as proxy:
        (delivery,) = module.connect(sshd.at(proxy.port), workdir=tmp_path / "work").pull(feed, None)

    assert members(delivery) == [("0001", big), ("0002", big[::-1])]
    assert proxy.passed["down"] < 9_000_000
    assert left_in(tmp_path / "work") == [delivery.sha256]


@pytest.mark.parametrize(
    "settings",
    [{"set": "_(?P<part>\\d)"}, {"set": "_(?P<nr>\\d)", "parts": 2}, {"set": SET, "parts": 2}, {"set": "("}],
)
def test_a_pattern_that_cannot_tell_parts_is_a_wrong_declaration(
    pull: Pull, settings: dict[str, Any]
) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        pull(**settings)


# many files ---------------------------------------------------------------------------------------


def test_fifty_thousand_files_are_listed_in_seconds(sshd: Sshd, tmp_path: Path) -> None:
    seen = {}
    for number in range(50_000):
        name = f"KJ_{number:06}.DAT"
        os.close(os.open(sshd.out / name, os.O_CREAT | os.O_WRONLY))
        os.utime(sshd.out / name, (T0, T0))
        seen[name] = [0, T0, ""]
    put(sshd.out, "KJ_20261120.DAT", b"new")
    feed = feed_of("sftp", path=f"{sshd.out}/KJ_*.DAT", settle="0")
    position = Checkpoint(feed=feed.id, position={"seen": seen})
    connector = load_connector(CONNECTORS, "sftp").connect(sshd.connection, workdir=tmp_path / "work")
    began = time.process_time()

    (delivery,) = connector.pull(feed, position)

    assert delivery.name == "KJ_20261120.DAT"
    assert len(delivery.position["seen"]) == 50_001
    assert time.process_time() - began < 10
