"""The verifier on a report that was handed over: whole, told of, and sealed."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from tests.unit.audit.trail import PUBLIC, Trail, honest, leaf_of

from renkei_verify import check
from renkei_verify.report import read_report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.json").write_text("{}", "utf-8")
    (tmp_path / "SHA256SUMS").write_text(f"{sha256(b'{}').hexdigest()}  report.json\n", "utf-8")
    return tmp_path


def told_of(folder: Path, trail: Trail, *, sealed: bool) -> Trail:
    """The trail with one more event, which tells of the report; unsealed, or in the place of the last one."""
    digest = sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    body = json.dumps({"action": "migration.checked", "detail": {"report": digest}}, separators=(",", ":"))
    last = trail.events[-1]
    event = {**last, "event_id": last["event_id"] + 1, "body": body}
    event |= {"seq": last["seq"] + 1, "leaf": leaf_of(event)} if sealed else {"seq": None, "leaf": None}
    trail.events.append(event)
    return trail


def verified(folder: Path, trail: Trail) -> check.Report:
    return check.verify(trail.source(), PUBLIC, witnesses=[], reports=[read_report(folder)])


def test_a_report_that_nobody_told_of_is_found(folder: Path) -> None:
    assert [each.code for each in verified(folder, honest()).findings] == ["report_unknown"]


def test_a_report_whose_event_waits_for_the_seal_is_not_proven_yet(folder: Path) -> None:
    report = verified(folder, told_of(folder, honest(), sealed=False))

    assert (report.result, report.findings, report.unchecked) == ("unchecked", (), ("report_unsealed",))


def test_an_event_beyond_the_last_signature_proves_nothing(folder: Path) -> None:
    report = verified(folder, told_of(folder, honest(), sealed=True))

    assert "unsigned" in {each.code for each in report.findings}
    assert report.unchecked == ("report_unsealed",)


def test_sums_that_name_no_file_are_no_report(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("", "utf-8")

    with pytest.raises(ValueError, match="names no file"):
        read_report(tmp_path)
