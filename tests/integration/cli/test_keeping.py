"""Commands that keep the installation: doctor, report, audit."""

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.report.seeded import AS_OF, seed

from renkei import doctor
from renkei.cli import main
from renkei.clock import SystemClock
from renkei.doctor import Check, examine, fix
from renkei.project import load

MIGRATIONS = Path(doctor.__file__).parent / "registry" / "migrations" / "versions"


@pytest.fixture(autouse=True)
def project(tmp_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "en")
    return tmp_project


class ClockThatIsOff:
    """The machine's clock, moved."""

    def __init__(self, by: timedelta = timedelta()) -> None:
        self._by = by

    def now(self) -> datetime:
        return SystemClock().now() + self._by


def by_id(root: Path, *, off: timedelta = timedelta()) -> dict[str, Check]:
    return {check.id: check for check in reversed(examine(load(root), clock=ClockThatIsOff(off)))}


def test_a_sound_registry_passes(project: Path) -> None:
    found = by_id(project)

    assert found["database"].state == "ok"
    present, _, newest = found["database"].found.removeprefix("revision ").partition(" / ")
    assert present == newest == max(place.name[:4] for place in MIGRATIONS.glob("*.sql"))
    assert found["clock"].state == "ok"
    assert found["permissions"].state == "ok"
    assert found["declarations"].state == "ok"
    assert found["airflow"].state == "ok"


def test_every_check_that_is_not_well_says_how_to_mend_it(project: Path) -> None:
    for check in examine(load(project), clock=SystemClock()):
        assert all(check.title)
        assert (check.state == "ok") is not any(check.fix)


def test_a_connection_that_nobody_declared_is_a_failure(project: Path) -> None:
    assert by_id(project)["connection"].found == "not declared"


def test_a_link_that_does_not_answer_and_a_key_that_is_not_pinned_are_told(project: Path) -> None:
    (project / "var" / "connections.toml").write_text(
        '[tax_sftp]\nhost = "127.0.0.1"\nport = "1"\nuser = "u"\nkey_file = "/nowhere"\n'
        '[juki_odbc]\ndriver = "No Such Driver"\nhost = "127.0.0.1"\nport = "x"\n'
    )

    found = by_id(project)

    assert found["host_key"].state == "fail"
    assert (found["odbc_driver"].state, found["odbc_driver"].found) == ("fail", "No Such Driver")
    assert found["connection"].state == "fail"


def test_what_others_may_read_is_found_and_closed_and_nothing_else_is_touched(project: Path) -> None:
    secret, landing = project / "var" / "connections.toml", project / "var" / "landing"
    secret.write_text("")
    secret.chmod(0o644)
    landing.mkdir(mode=0o755)
    public = project / "var" / "keys" / "audit.pub"
    public.parent.mkdir(mode=0o700)
    public.write_text("x")
    public.chmod(0o444)
    (project / "var").chmod(0o777)
    assert by_id(project)["permissions"].state == "fail"

    done = fix(load(project))

    assert by_id(project)["permissions"].state == "ok"
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (secret, landing, public, project / "var")]
    assert modes == [0o600, 0o700, 0o444, 0o755]
    assert len(done) == 3
    assert fix(load(project)) == ()


def test_an_interrupted_report_is_cleared_away(project: Path) -> None:
    leftover = project / "var" / "reports" / ".2026-11-20.new"
    leftover.mkdir(parents=True)
    (project / "var" / "reports").chmod(0o700)

    fix(load(project))

    assert not leftover.exists()


def test_a_clock_that_is_off_or_went_back_is_told(project: Path, registry: sa.Engine) -> None:
    assert by_id(project, off=timedelta(seconds=10))["clock"].state == "warn"
    assert by_id(project, off=timedelta(hours=2))["clock"].state == "fail"

    with registry.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit_event (occurred_at, salt, body) VALUES (now() + interval '1 day', "
            "decode(repeat('00', 32), 'hex'), '{}')"
        )
    assert by_id(project)["clock"].found.endswith("went back")


def test_a_trail_that_nobody_seals_becomes_a_failure(project: Path, registry: sa.Engine) -> None:
    with registry.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO audit_event (occurred_at, salt, body) VALUES (now() - interval '5 days', "
            "decode(repeat('00', 32), 'hex'), '{}');"
            "INSERT INTO audit_checkpoint "
            "VALUES (0, decode(repeat('00', 32), 'hex'), 'n', now() - interval '4 days')"
        )

    assert by_id(project)["audit"].state == "fail"
    assert by_id(project, off=-timedelta(days=3))["audit"].state == "ok"


def test_a_registry_without_a_schema_or_without_an_answer_is_told(
    project: Path, registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    assert by_id(project)["database"].state == "fail"

    monkeypatch.setenv("RENKEI_DATABASE_URL", "postgresql+psycopg://a:b@127.0.0.1:1/none")
    assert by_id(project)["database"].found == "OperationalError"


def test_a_declaration_that_is_wrong_does_not_keep_the_other_checks_from_running(project: Path) -> None:
    (project / "reconciliation" / "R99_broken.toml").write_text("id = ")

    found = by_id(project)

    assert found["declarations"].state == "fail"
    assert "R99_broken.toml" in found["declarations"].fix[1]
    assert found["database"].state == "ok"


def test_little_space_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "GIGABYTE", 10**18)

    assert by_id(project)["disk"].state == "fail"


@pytest.mark.parametrize(
    ("present", "wanted", "fits"),
    [("3.3.2", "3.3.2", True), ("3.3.3", "3.3.2", False), ("0.136.9", "<0.137", True),
     ("0.137", "<0.137", False), ("5.10", "<5.7", False), ("missing", "<5.7", False),
     ("missing", "3.3.2", False)],
)  # fmt: skip
def test_versions_are_compared_by_number(present: str, wanted: str, fits: bool) -> None:
    assert doctor._fits(present, wanted) is fits


def test_doctor_as_json_has_its_documented_shape(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["schema", "well", "checks", "fixed"]
    assert all(list(check) == ["id", "title", "state", "found", "fix"] for check in told["checks"])
    assert (code == 0) is told["well"]


def test_doctor_for_people_names_the_line_that_mends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 2

    said = capsys.readouterr()
    assert "registry database" in said.out
    assert "renkei sample-city start" in said.err


def test_report_publishes_and_leaves_its_event(
    project: Path, registry: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(registry)

    assert main(["report", "--as-of", str(AS_OF), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert list(told) == [
        "schema", "run_id", "as_of", "period", "known_at", "files", "sha256", "counts", "departments",
    ]  # fmt: skip
    folder = project / "var" / "reports" / str(AS_OF)
    assert sorted(told["files"]) == sorted(str(place) for place in folder.iterdir())
    assert "".join(place.read_text("utf-8-sig") for place in folder.glob("mismatches-*.csv")).count("\n") == 7
    with registry.connect() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM audit_event").scalars().all()
    assert any('"report.published"' in body for body in bodies)


def test_the_trail_is_sealed_verified_and_exported_and_a_change_is_found(
    project: Path, registry: sa.Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--as-of", str(AS_OF)]) == 0
    assert main(["audit", "seal", "--json"]) == 0
    assert main(["report", "--as-of", str(AS_OF)]) == 0
    assert main(["audit", "seal"]) == 0
    capfd.readouterr()

    assert main(["audit", "verify", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["schema"], told["result"]) == ("renkei.audit/1", "proven")

    place = project / "trail.jsonl"
    assert main(["audit", "export", str(place), "--purpose", "監査"]) == 0
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert main(["audit", "export", str(place), "--purpose", "監査"]) == 4

    with registry.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        connection.exec_driver_sql(
            "UPDATE audit_event SET body = replace(body, 'report', 'retort') WHERE event_id = 1"
        )
    capfd.readouterr()
    assert main(["audit", "verify", "--json"]) == 2
    assert json.loads(capfd.readouterr().out)["result"] == "broken"
