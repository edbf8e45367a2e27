"""Every connector runs the same kit: it is found by its file, and fails here until it has a subject."""

from pathlib import Path

import pytest
from tests.conformance.kit import CHECKS, Subject, parts_of
from tests.integration.connectors.peers import CONNECTORS, without

NAMES = sorted(place.stem for place in CONNECTORS.glob("*.py"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_connector_conforms(name: str, check, request: pytest.FixtureRequest) -> None:
    check(request.getfixturevalue(f"{name}_subject"))


#: A promise broken on purpose, as text of the SFTP connector, and the check that must notice.
BROKEN: dict[str, tuple[str, str, str]] = {
    "a wrong hash": ("sha256=digest,", "sha256=digest[::-1],", "deliveries_are_whole_and_proved"),
    "a place that is no JSON": (
        'position={"seen": dict(taken)}',
        "position={1: 2}",
        "positions_are_plain_json",
    ),
    "a secret told": (
        '"cipher": cipher,',
        '"cipher": cipher, "key": Path(self.connection.settings["key_file"]).read_text(),',
        "testing_tells_no_secret",
    ),
    "an import of the engine": (
        "from .parts import sftp_offer",
        "import renkei.landing\nfrom .parts import sftp_offer",
        "imports_stay",
    ),
}


@pytest.mark.parametrize(("promise", "broken", "check"), BROKEN.values(), ids=BROKEN)
def test_the_kit_notices(
    sftp_subject: Subject, tmp_path: Path, promise: str, broken: str, check: str
) -> None:
    twin = Subject(**{**vars(sftp_subject), "module": without(tmp_path, "sftp.py", (promise, broken))})

    (noticing,) = [run for run in CHECKS if run.__name__.startswith(check)]
    with pytest.raises(AssertionError):
        noticing(twin)


def test_every_part_belongs_to_a_connector() -> None:
    """A part that no connector reaches would be looked at by nobody."""
    reached = {part for place in CONNECTORS.glob("*.py") for part in parts_of(place)}

    assert {part for part in (CONNECTORS / "parts").rglob("*.py") if part not in reached} == set()
