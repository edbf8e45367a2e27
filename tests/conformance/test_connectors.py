"""Every connector runs the same kit; a new one adds a subject here."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.conformance.kit import CHECKS, Subject, assert_conforms
from tests.integration.connectors.peers import CONNECTORS, Juki, Sshd, feed_of, free_port, without


@pytest.fixture
def odbc_subject(odbc: ModuleType, juki: Juki, tmp_path: Path) -> Subject:
    """The resident register."""
    password = Path(juki.connection.settings["password"].removeprefix("file:")).read_text("utf-8")
    return Subject(
        module=odbc,
        connection=juki.connection,
        unreachable=juki.at(free_port()),
        feed=feed_of("odbc", table="juki.kojin_genzai", key="atena_no", deadline="20s"),
        workdir=tmp_path / "work",
        secrets=(password,),
    )


@pytest.fixture
def sftp_subject(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> Subject:
    """Two files, one of them with a difficult name."""
    for name in ("KJ_20261119.DAT", "KJ_20261120 髙﨑.DAT"):
        sshd.put(name, name.encode(), modified=1_795_143_600)
        sshd.put(name.replace(".DAT", ".END"), b"", modified=1_795_143_600)
    key = Path(sshd.connection.settings["key_file"])
    return Subject(
        module=sftp,
        connection=sshd.connection,
        unreachable=sshd.at(free_port()),
        feed=feed_of("sftp", path=f"{sshd.out}/KJ_*.DAT", done=".END"),
        workdir=tmp_path / "work",
        secrets=(str(key), key.read_text("ascii").splitlines()[1]),
    )


def test_odbc_conforms(odbc_subject: Subject) -> None:
    assert_conforms(odbc_subject)


def test_sftp_conforms(sftp_subject: Subject) -> None:
    assert_conforms(sftp_subject)


def test_no_connector_is_without_its_kit() -> None:
    connectors = [place.stem for place in CONNECTORS.glob("*.py") if "\ndef connect(" in place.read_text()]

    assert [name for name in connectors if f"test_{name}_conforms" not in globals()] == []


#: A promise broken on purpose, as text of the SFTP connector, and the check that must notice.
BROKEN: dict[str, tuple[str, str, str]] = {
    "a wrong hash": ("sha256=digest,", "sha256=digest[::-1],", "deliveries_are_whole_and_proved"),
    "a place that is no JSON": (
        'position={"seen": dict(taken)}',
        "position={1: 2}",
        "positions_are_plain_json",
    ),
    "a secret told": (
        '"host_key": key,',
        '"host_key": key, "key": self.connection.settings["key_file"],',
        "testing_tells_no_secret",
    ),
    "an import of the engine": (
        "import paramiko\n",
        "import paramiko\nimport renkei.landing\n",
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
