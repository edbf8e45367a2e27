from pathlib import Path

import pytest

from renkei.errors import FixDeclaration
from renkei.report import folder


def publish(target: Path, text: str) -> None:
    with folder.staged(target) as stage:
        (stage / "a.txt").write_text(text)
        folder.seal(stage)
        folder.swap_in(stage, target)


def give_up(target: Path) -> None:
    with folder.staged(target) as stage:
        (stage / "a.txt").write_text("half")
        raise OSError("full")


def test_a_set_takes_the_place_of_the_one_before_as_a_whole(tmp_path: Path) -> None:
    publish(tmp_path / "day", "one")
    publish(tmp_path / "day", "two")

    assert (tmp_path / "day" / "a.txt").read_text() == "two"
    assert [place.name for place in tmp_path.iterdir()] == ["day"]


def test_the_sums_are_what_sha256sum_expects(tmp_path: Path) -> None:
    publish(tmp_path / "day", "one")

    digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert (tmp_path / "day" / folder.SUMS).read_text() == f"{digest}  a.txt\n"


def test_nobody_else_may_read_what_was_published(tmp_path: Path) -> None:
    publish(tmp_path / "day", "one")

    assert (tmp_path / "day").stat().st_mode & 0o777 == 0o700
    assert all(place.stat().st_mode & 0o777 == 0o600 for place in (tmp_path / "day").iterdir())


def test_a_set_that_is_given_up_leaves_the_old_one_and_no_trace(tmp_path: Path) -> None:
    publish(tmp_path / "day", "one")

    with pytest.raises(OSError, match="full"):
        give_up(tmp_path / "day")

    assert (tmp_path / "day" / "a.txt").read_text() == "one"
    assert [place.name for place in tmp_path.iterdir()] == ["day"]


def test_a_crash_between_the_renames_is_put_right_by_the_next(tmp_path: Path) -> None:
    publish(tmp_path / "day", "one")
    (tmp_path / "day").rename(tmp_path / ".day.old")
    (tmp_path / ".day.new").mkdir()
    (tmp_path / ".day.new" / "a.txt").write_text("half")

    with folder.staged(tmp_path / "day"):
        assert (tmp_path / "day" / "a.txt").read_text() == "one"

    assert [place.name for place in tmp_path.iterdir()] == ["day"]


def test_a_folder_with_files_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "documents"
    place.mkdir()
    publish(place, "one")  # an empty folder may become a set
    (place / ".~lock.a.txt#").touch()
    publish(place, "two")
    (place / "mine.txt").write_text("mine")

    with pytest.raises(FixDeclaration, match="E_OUT_TAKEN"):
        publish(place, "three")

    assert (place / "mine.txt").read_text() == "mine"
    assert (place / "a.txt").read_text() == "two"


def test_a_file_is_no_place_for_a_set(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(FixDeclaration, match="E_OUT_TAKEN"):
        publish(tmp_path / "mine.txt", "one")

    assert [place.name for place in tmp_path.iterdir()] == ["mine.txt"]
