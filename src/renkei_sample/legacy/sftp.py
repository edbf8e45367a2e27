"""The file server of 税 and 福祉: a real OpenSSH sshd on the loopback address, one account an office."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from renkei_sample.legacy.accounts import (
    TAX_USER,
    WELFARE_USER,
    ensure_user,
    free_port,
    is_listening,
    is_root,
    own_folder,
)

OFFICES: Mapping[str, str] = {"tax": TAX_USER, "welfare": WELFARE_USER}


class FileServer:
    """sshd with its own host key, port and configuration. ``start`` and ``stop`` may be repeated."""

    def __init__(self, home: Path, secrets_folder: Path) -> None:
        self.home, self.secrets = home, secrets_folder
        self.config, self.pid_file = home / "etc" / "sshd_config", home / "etc" / "sshd.pid"

    def create(self) -> None:
        """Host key, one client key an office, accounts and their folders."""
        own_folder(self.home, user=None, mode=0o755)
        own_folder(self.home / "etc", user=None, mode=0o755)
        own_folder(self.secrets, user=None, mode=0o700)
        _new_key(self.home / "etc" / "host_ed25519", "kuzuhara file server")
        for office, user in OFFICES.items():
            _new_key(self.client_key(office), f"renkei at {office}")
            own_folder(self.root(office), user=None, mode=0o755)
            own_folder(self.root(office) / "out", user=user, mode=0o755)
            own_folder(self.home / "staging" / office, user=None, mode=0o700)
        self._authorize()

    def start(self) -> None:
        """Start sshd; a free port is taken if the last one is in use by another."""
        if self.is_running():
            return
        port = self.port
        if not port or is_listening(port):
            port = free_port()
        self.config.write_text(self._configuration(port), encoding="utf-8")
        (self.home / "etc" / "port").write_text(str(port), encoding="ascii")
        if is_root():
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin") or "/usr/sbin/sshd"
        log = self.home / "etc" / "sshd.log"
        subprocess.run(
            [program, "-f", str(self.config), "-E", str(log)],
            check=True,
            stdin=subprocess.DEVNULL,
            close_fds=True,
        )
        _wait(lambda: is_listening(port) and self.is_running(), "sshd did not open its port")

    def stop(self) -> None:
        """End sshd and the sessions that it started; nothing happens if it does not run."""
        pid = self._pid()
        if pid is None:
            return
        for child in _children(pid):
            _end(child)
        _end(pid)
        _wait(lambda: self._pid() is None, "sshd did not end")
        self.pid_file.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """True while this configuration's sshd lives."""
        return self._pid() is not None

    @property
    def port(self) -> int:
        """The port of the running or last run server; 0 before the first start."""
        path = self.home / "etc" / "port"
        return int(path.read_text(encoding="ascii")) if path.exists() else 0

    @property
    def host_key(self) -> str:
        """The public host key to pin: type and base64."""
        return " ".join((self.home / "etc" / "host_ed25519.pub").read_text(encoding="ascii").split()[:2])

    def client_key(self, office: str) -> Path:
        """The private key that the hub logs in with."""
        return self.secrets / f"{office}_sftp.key"

    def user(self, office: str) -> str:
        """The account name of an office."""
        if is_root():
            return OFFICES[office]
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name

    def root(self, office: str) -> Path:
        """The folder that an office's account sees as its root."""
        return self.home / "accounts" / office

    def out(self, office: str) -> Path:
        """The folder of an office's deliveries."""
        return self.root(office) / "out"

    def staging(self, office: str) -> Path:
        """Where deliveries are written before they appear."""
        return self.home / "staging" / office

    def _authorize(self) -> None:
        lines: dict[str, list[str]] = {}
        for office, user in OFFICES.items():
            public = self.client_key(office).with_suffix(".key.pub").read_text(encoding="ascii").strip()
            forced = "" if is_root() else f'command="internal-sftp -d {self.root(office)}",restrict '
            lines.setdefault(user if is_root() else "all", []).append(forced + public)
        for name, keys in lines.items():
            path = self.home / "etc" / f"authorized_{name}"
            path.write_text("".join(key + "\n" for key in keys), encoding="ascii")
            path.chmod(0o644 if is_root() else 0o600)

    def _configuration(self, port: int) -> str:
        lines = [
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.home / 'etc' / 'host_ed25519'}",
            f"PidFile {self.pid_file}",
            f"AuthorizedKeysFile {self.home / 'etc' / ('authorized_%u' if is_root() else 'authorized_all')}",
            "AuthenticationMethods publickey",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "AllowTcpForwarding no",
            "AllowAgentForwarding no",
            "X11Forwarding no",
            "PermitTTY no",
            "PrintMotd no",
            "UseDNS no",
            "StrictModes yes" if is_root() else "StrictModes no",
            "MaxStartups 50",
            "LogLevel INFO",
            "Subsystem sftp internal-sftp",
        ]
        for office, user in OFFICES.items() if is_root() else ():
            ensure_user(user)
            lines += [
                f"Match User {user}",
                f"    ChrootDirectory {self.root(office)}",
                "    ForceCommand internal-sftp -d /",
            ]
        return "\n".join(lines) + "\n"

    def _pid(self) -> int | None:
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return pid if os.fsencode(self.config) in command else None


def _new_key(path: Path, comment: str) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".pub").unlink(missing_ok=True)
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="ascii").split()] if path.exists() else []


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def _wait(condition: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(failure)
        time.sleep(0.02)
