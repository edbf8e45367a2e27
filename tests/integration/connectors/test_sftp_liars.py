"""A server that states wrong sizes or answers short: what reading finds decides, and nobody guesses."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.lying_server import EndsEarly, ShortAnswers, TooSmall, WrongSizes, lying
from tests.integration.connectors.part_twins import engine_without
from tests.integration.connectors.reading import pull_files

from renkei.errors import Stop

WHOLE = bytes(range(256)) * 1_200
WIRES = ("paramiko", "asyncssh")


def offer(folder: Path) -> Path:
    out = folder / "out"
    out.mkdir()
    (out / "KJ_20261120.DAT").write_bytes(WHOLE)
    (out / "KJ_20261120.END").touch()
    return out


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("liar", [WrongSizes, TooSmall])
def test_a_wrong_size_is_refused_unless_it_is_declared(
    sftp: ModuleType, tmp_path: Path, liar: type, wire: str
) -> None:
    out = offer(tmp_path)

    with lying(liar, tmp_path, wire=wire) as peer, pytest.raises(Stop, match="E_FILE_SIZE") as stopped:
        pull_files(sftp, peer, out, tmp_path / "work")

    assert (stopped.value.facts["stated"], stopped.value.facts["read"]) == (
        len(WHOLE) + liar.more,
        len(WHOLE),
    )


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("liar", [WrongSizes, TooSmall])
def test_where_sizes_are_declared_unreliable_two_readings_decide(
    sftp: ModuleType, tmp_path: Path, liar: type, wire: str
) -> None:
    out = offer(tmp_path)

    with lying(liar, tmp_path, wire=wire, sizes="unreliable") as peer:
        (delivery,), notes = pull_files(sftp, peer, out, tmp_path / "work")

    assert (delivery.bytes, delivery.path.read_bytes()) == (len(WHOLE), WHOLE)
    assert notes == [f"E_FILE_SIZE 'KJ_20261120.DAT' {len(WHOLE) + liar.more} {len(WHOLE)}"]


def test_twin_that_reads_as_much_as_was_stated_loses_the_end(sftp: ModuleType, tmp_path: Path) -> None:
    out = offer(tmp_path)
    trusting = (
        "_pour(shelf.blocks(source, target.size), target)",
        "target.append(shelf.read(source, 0, entry.size))",
    )
    sftp.fetch_new = engine_without("part/fetch.py", trusting).fetch_new

    with lying(TooSmall, tmp_path) as peer:
        (delivery,), _ = pull_files(sftp, peer, out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE[:-7]


@pytest.mark.parametrize("wire", WIRES)
def test_answers_that_come_short_make_a_whole_file(sftp: ModuleType, tmp_path: Path, wire: str) -> None:
    out = offer(tmp_path)

    with lying(ShortAnswers, tmp_path, wire=wire) as peer:
        (delivery,), _ = pull_files(sftp, peer, out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE


@pytest.mark.parametrize("wire", WIRES)
def test_a_reading_that_ends_too_early_once_is_read_again(
    sftp: ModuleType, tmp_path: Path, wire: str
) -> None:
    out = offer(tmp_path)
    EndsEarly.ended = False

    with lying(EndsEarly, tmp_path, wire=wire) as peer:
        (delivery,), _ = pull_files(sftp, peer, out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE
