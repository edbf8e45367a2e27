"""Operating-system side of the legacy systems: unprivileged users, and folders that they can reach."""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

#: One unprivileged user per legacy system, made on first use (only as root).
JUKI_USER, TAX_USER, WELFARE_USER = "kuzuhara_juki", "kuzuhara_tax", "kuzuhara_fukushi"
_SHARED = Path("/var/lib/renkei-sample")


def is_root() -> bool:
    """True where the legacy systems can have users of their own."""
    return os.geteuid() == 0


def ensure_user(name: str) -> pwd.struct_passwd:
    """The account, made without a password or a shell if it does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        useradd = [
            "useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            "--password",
            "*",
            name,
        ]
        subprocess.run(useradd, check=True, capture_output=True)
        return pwd.getpwnam(name)


def server_home(var: Path) -> Path:
    """Where the legacy servers live: under ``var`` if strangers may pass through, else in /var/lib.

    sshd locks an account into a folder only if root owns every folder above it and no other may write there.
    """
    wanted = var.resolve() / "sample"
    if not is_root() or _is_passable(wanted):
        return wanted
    return _SHARED / hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]


def _is_passable(folder: Path) -> bool:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return all(_root_only(place) for place in (existing, *existing.parents))


def _root_only(place: Path) -> bool:
    held = place.stat()
    return held.st_uid == 0 and not held.st_mode & 0o022 and bool(held.st_mode & 0o001)


def programs(folder: Path) -> Path:
    """The PostgreSQL programs, copied once to where the unprivileged user can reach them if it cannot now."""
    if not is_root() or all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents)):
        return folder
    copy = _SHARED / f"pgsql-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    if not copy.exists():
        temporary = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(folder.parent, temporary, symlinks=True)
        temporary.chmod(0o755)
        temporary.rename(copy)
    return copy / folder.name


def own_folder(folder: Path, *, user: str | None, mode: int) -> Path:
    """Make a folder with a mode, given to a user when running as root."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    if user and is_root():
        account = ensure_user(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def write_private(path: Path, text: str) -> Path:
    """A file that only its owner reads, complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(path)
    return path


def free_port() -> int:
    """A TCP port that nothing on this machine listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    """True if something accepts connections on a local port."""
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
