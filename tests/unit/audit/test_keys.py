"""The signing key: made once, readable by its owner only, never replaced."""

from pathlib import Path

import pytest

from renkei.audit import keys
from renkei.errors import Stop


def test_two_installations_of_one_city_have_different_keys_and_different_logs(tmp_path: Path):
    one = keys.ensure(tmp_path / "one", origin="city.example/audit")
    other = keys.ensure(tmp_path / "other", origin="city.example/audit")

    assert one.origin != other.origin
    assert one.verifier_line != other.verifier_line
    assert one.origin.startswith("city.example/audit/")


def test_asking_again_gives_the_same_key(tmp_path: Path):
    first = keys.ensure(tmp_path, origin="city.example/audit")

    again = keys.ensure(tmp_path, origin="another.example")

    assert again.verifier_line == first.verifier_line


def test_the_private_key_is_for_its_owner_only_and_the_public_one_for_all(tmp_path: Path):
    made = keys.ensure(tmp_path, origin="city.example/audit")

    assert (tmp_path / keys.PRIVATE_FILE).stat().st_mode & 0o777 == 0o400
    assert (tmp_path / keys.PUBLIC_FILE).read_text("utf-8").strip() == made.verifier_line
    assert "PRIVATE" not in (tmp_path / keys.PUBLIC_FILE).read_text("utf-8")
    assert sorted(place.name for place in tmp_path.iterdir()) == [keys.PRIVATE_FILE, keys.PUBLIC_FILE]


def test_the_private_key_is_never_shown(tmp_path: Path):
    made = keys.ensure(tmp_path, origin="city.example/audit")
    secret = (tmp_path / keys.PRIVATE_FILE).read_text("utf-8").strip().split("+", 4)[-1]

    assert secret not in repr(made)
    assert "private" not in repr(made)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    keys.ensure(tmp_path, origin="city.example/audit")
    (tmp_path / keys.PRIVATE_FILE).chmod(0o440)

    with pytest.raises(Stop, match="E_AUDIT_KEY"):
        keys.load(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda line: "", lambda line: line[:-6], lambda line: line.replace("city", "town")]
)
def test_a_damaged_key_is_refused(tmp_path: Path, damage):
    keys.ensure(tmp_path, origin="city.example/audit")
    place = tmp_path / keys.PRIVATE_FILE
    line = place.read_text("utf-8").strip()
    place.chmod(0o600)
    place.write_text(damage(line), "utf-8")

    with pytest.raises(Stop, match="E_AUDIT_KEY"):
        keys.load(tmp_path)


def test_a_missing_key_is_never_made_by_reading(tmp_path: Path):
    with pytest.raises(Stop, match="E_AUDIT_KEY"):
        keys.load(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_lost_key_is_not_replaced_by_a_new_one(tmp_path: Path):
    keys.ensure(tmp_path, origin="city.example/audit")
    (tmp_path / keys.PRIVATE_FILE).unlink()

    with pytest.raises(Stop, match="E_AUDIT_KEY"):
        keys.ensure(tmp_path, origin="city.example/audit")


def test_a_public_key_that_a_crash_left_out_is_written_again(tmp_path: Path):
    made = keys.ensure(tmp_path, origin="city.example/audit")
    (tmp_path / keys.PUBLIC_FILE).unlink()

    keys.ensure(tmp_path, origin="city.example/audit")

    assert (tmp_path / keys.PUBLIC_FILE).read_text("utf-8").strip() == made.verifier_line
