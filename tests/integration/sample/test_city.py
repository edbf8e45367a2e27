"""The three legacy systems as the hub meets them: ODBC, two SFTP accounts, files by the night."""

import os
import shutil
import signal
import stat
import time
import tomllib
from base64 import b64decode
from datetime import date
from pathlib import Path

import paramiko
import pyodbc
import pytest
from tests.integration.sample.conftest import DAY

from renkei_sample.city import City, build, open_city

NEXT = date(2026, 11, 21)


def declared(city: City, name: str) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads((city.var / "connections.toml").read_text(encoding="utf-8"))[name]
    return found


def odbc(city: City) -> pyodbc.Connection:
    wanted = declared(city, "juki_odbc")
    password = Path(wanted["password"].removeprefix("file:")).read_text(encoding="ascii").strip()
    parts = {
        "DRIVER": "{" + wanted["driver"] + "}",
        "SERVER": wanted["host"],
        "PORT": wanted["port"],
        "DATABASE": wanted["database"],
        "UID": wanted["user"],
        "PWD": password,
    }
    return pyodbc.connect(";".join(f"{key}={value}" for key, value in parts.items()))


def sftp(city: City, name: str) -> tuple[paramiko.SSHClient, paramiko.SFTPClient]:
    wanted, client = declared(city, name), paramiko.SSHClient()
    kind, encoded = wanted["host_key"].split()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    pinned = paramiko.Ed25519Key(data=b64decode(encoded))
    client.get_host_keys().add(f"[{wanted['host']}]:{wanted['port']}", kind, pinned)
    client.connect(
        wanted["host"],
        int(wanted["port"]),
        wanted["user"],
        key_filename=wanted["key_file"],
        look_for_keys=False,
    )
    return client, client.open_sftp()


def test_the_connections_are_private_and_hold_no_secret_themselves(city: City) -> None:
    path = city.var / "connections.toml"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert declared(city, "juki_odbc")["password"].startswith("file:")
    assert stat.S_IMODE(Path(declared(city, "tax_sftp")["key_file"]).stat().st_mode) == 0o600


def test_the_pull_login_reads_the_view_and_can_write_nothing(city: City) -> None:
    connection = odbc(city)

    (living,) = connection.execute(
        "SELECT count(*) FROM juki.kojin_genzai WHERE jumin_jotai = '1'"
    ).fetchone()
    with pytest.raises(pyodbc.Error, match="permission denied"):
        connection.execute("DELETE FROM juki.kojin_rireki")

    assert 1900 < living <= 2000
    connection.close()


def test_the_history_holds_every_version_once_from_the_first(city: City) -> None:
    connection = odbc(city)

    gaps = connection.execute(
        "SELECT count(*) FROM (SELECT atena_no, count(*) AS n, max(rireki_no) AS top FROM juki.kojin_rireki"
        " GROUP BY atena_no) AS h WHERE n <> top"
    ).fetchone()[0]

    assert gaps == 0
    connection.close()


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (
            "tax_sftp",
            {"KJ_20261120.DAT", "KJ_20261120.END", "FK_20261120.DAT", "KJ_20261120R.DAT", "KJ_20261120X.DAT"},
        ),
        ("welfare_sftp", {"TAISHO_20261120.xml", "TAISHO_20261120.done", "KYUFU_20261120.xml"}),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="accounts are locked into their folders only as root")
def test_each_account_sees_its_own_deliveries_and_no_other_folder(
    city: City, name: str, files: set[str]
) -> None:
    client, session = sftp(city, name)

    assert files <= set(session.listdir("/out"))
    assert session.listdir("/") == ["out"]
    client.close()


def test_the_resent_file_is_equal_and_the_broken_one_is_not(city: City) -> None:
    out = city.files.out("tax")
    whole, again, broken = ((out / f"KJ_20261120{mark}.DAT").read_bytes() for mark in ("", "R", "X"))

    assert again == whole
    assert broken != whole
    assert len(broken) == len(whole)


def test_starting_and_stopping_again_change_nothing(city: City) -> None:
    before = city.status()
    city.start()
    assert city.status() == before

    city.stop()
    city.stop()
    assert set(city.status().values()) == {"stopped"}

    city.start()
    assert "stopped" not in city.status().values()
    odbc(city).close()


def test_a_killed_database_and_a_killed_file_server_come_back(city: City) -> None:
    postmaster = int((city.juki.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    os.kill(postmaster, signal.SIGKILL)
    os.kill(int(city.files.pid_file.read_text(encoding="ascii")), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (city.juki.is_running() or city.files.is_running()) and time.monotonic() < deadline:
        time.sleep(0.05)

    city.start()

    odbc(city).close()
    client, session = sftp(city, "tax_sftp")
    assert session.listdir()
    client.close()


def test_a_strangers_process_under_an_old_pid_is_left_alone(city: City) -> None:
    city.files.stop()
    city.files.pid_file.write_text(str(os.getpid()), encoding="ascii")

    assert not city.files.is_running()
    city.files.stop()
    city.start()

    assert city.files.is_running()


def test_a_day_adds_versions_and_files_and_a_second_call_adds_nothing(city: City) -> None:
    count = "SELECT count(*) FROM juki.kojin_rireki"
    connection = odbc(city)
    before = connection.execute(count).fetchone()[0]

    assert city.advance(NEXT)
    after = connection.execute(count).fetchone()[0]
    assert city.advance(NEXT) == {}

    assert after > before
    assert connection.execute(count).fetchone()[0] == after
    assert (city.files.out("welfare") / "TAISHO_20261121.done").exists()
    assert city.day == NEXT
    assert open_city(city.var).day == NEXT
    connection.close()


def test_other_connections_in_the_file_are_kept(city: City) -> None:
    path = city.var / "connections.toml"
    path.write_text(
        path.read_text(encoding="utf-8") + '\n[elsewhere]\nhost = "192.0.2.1"\n', encoding="utf-8"
    )

    city.start()

    assert declared(city, "elsewhere") == {"host": "192.0.2.1"}
    assert declared(city, "juki_odbc")["port"] == str(city.juki.port)


def test_the_same_seed_gives_the_same_bytes(city: City, tmp_path: Path) -> None:
    again = build(tmp_path, residents=2000, seed=3, day=DAY)
    try:
        for office in ("tax", "welfare"):
            for path in sorted(city.files.out(office).glob("*20261120*")):
                assert (again.files.out(office) / path.name).read_bytes() == path.read_bytes()
    finally:
        again.stop()
        shutil.rmtree(again.home, ignore_errors=True)
