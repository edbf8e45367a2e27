"""The counterparts as fixtures, and every connector's subject."""

from importlib import import_module
from pathlib import Path

from tests.integration.connectors.peers import full_disk, juki, juki_cluster, odbc, sftp, sshd, sshd_process

__all__ = ["full_disk", "juki", "juki_cluster", "odbc", "sftp", "sshd", "sshd_process"]

for _place in sorted((Path(__file__).parent / "subjects").glob("[a-z]*.py")):
    _module = import_module(f"tests.conformance.subjects.{_place.stem}")
    # a subject brings the fixtures of its own counterparts with it
    globals().update({name: value for name, value in vars(_module).items() if not name.startswith("_")})
