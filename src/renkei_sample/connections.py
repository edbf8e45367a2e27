"""What the hub is told about the sample systems: how to reach them, never what is true in them."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from renkei_sample.legacy.accounts import is_root, write_private
from renkei_sample.legacy.juki import DATABASE, PULL_ROLE, JukiServer
from renkei_sample.legacy.sftp import FileServer

Declarations = Mapping[str, Mapping[str, str]]


def declare(path: Path, juki: JukiServer, files: FileServer) -> None:
    """Write the three connections into ``connections.toml`` (0600); connections of others stay."""
    held = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_private(path, _toml(held | dict(_declarations(juki, files))))


def _declarations(juki: JukiServer, files: FileServer) -> Declarations:
    return {
        "juki_odbc": {
            "driver": "PostgreSQL Unicode",
            "host": "127.0.0.1",
            "port": str(juki.port),
            "database": DATABASE,
            "user": PULL_ROLE,
            "password": f"file:{juki.pull_password}",
        },
        **{f"{office}_sftp": _sftp(files, office) for office in ("tax", "welfare")},
    }


def _sftp(files: FileServer, office: str) -> Mapping[str, str]:
    # without root there is no chroot: the office's folder is then named by its full path
    base = {} if is_root() else {"base": str(files.root(office))}
    return {
        "host": "127.0.0.1",
        "port": str(files.port),
        "user": files.user(office),
        "key_file": str(files.client_key(office)),
        "host_key": files.host_key,
        **base,
    }


def _toml(tables: Declarations) -> str:
    return "\n".join(
        f"[{name}]\n"
        + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
