"""Which algorithms may be used with an SFTP server, and which ones it offers: read before a word of ours.

An algorithm that is not modern is used only where a connection declares it by its name.
"""

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from renkei.errors import FixDeclaration, TryAgain
from renkei.model import Connection

#: Kinds of algorithms as paramiko names them, and what of each is in use without being declared.
MODERN: Mapping[str, tuple[str, ...]] = {
    "kex": (
        "mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512",
        "diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256",
    ),
    "ciphers": ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    "digests": (
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
    ),
}  # fmt: skip
#: How a host key of a kind may sign; kinds that are not here sign by their own name.
_SIGNS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_KEXINIT, _LONGEST = 20, 1 << 16


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a server says it can do, in its own order, kind by kind."""

    version: str
    kinds: Mapping[str, tuple[str, ...]]

    def chosen(self, allowed: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """What both sides agree on: the first of ours that the server has too; empty where there is none."""
        both = {kind: [name for name in allowed[kind] if name in self.kinds[kind]] for kind in self.kinds}
        agreed = {kind: names[0] if names else "" for kind, names in both.items()}
        return {**agreed, "digests": "in the cipher"} if "gcm" in agreed["ciphers"] else agreed

    def lacking(self, allowed: Mapping[str, Sequence[str]]) -> list[str]:
        """What would have to be declared: of each kind that has nothing in common the server's first."""
        agreed = self.chosen(allowed)
        return [self.kinds[kind][0] for kind in self.kinds if not agreed[kind] and self.kinds[kind]]

    def text(self) -> str:
        """For a person."""
        return "; ".join(f"{kind}: {' '.join(names)}" for kind, names in self.kinds.items())


def allowed_for(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Modern algorithms, and those that the connection declares by name, kind by kind."""
    pinned = connection.settings["host_key"].split()[0]
    declared = connection.settings.get("algorithms", "").replace(",", " ").split()
    allowed = {**MODERN, "key_types": _SIGNS.get(pinned, (pinned,))}
    for name in declared:
        kind = kind_of(name)
        if kind is None:
            problem = f"{connection.name}: algorithms: {name!r} is no algorithm that is known here"
            raise FixDeclaration("E_DECLARATION", problems=problem)
        allowed[kind] = tuple(dict.fromkeys((*allowed[kind], name)))
    return allowed


def kind_of(name: str) -> str | None:
    """The kind an algorithm's name belongs to, by how such names are made."""
    if name.startswith(("diffie-hellman-", "ecdh-", "curve", "mlkem", "sntrup", "rsa1024", "rsa2048")):
        return "kex"
    if name.startswith(("ssh-", "rsa-sha2-", "ecdsa-", "x509v3-")):
        return "key_types"
    if name.startswith(("hmac-", "umac-")):
        return "digests"
    is_cipher = name.startswith(("aes", "3des", "chacha20", "blowfish", "cast128", "arcfour", "seed"))
    return "ciphers" if is_cipher else None


def read_offer(connection: Connection, *, patience: float = 5.0) -> Offer:
    """Ask for the server's lists and hang up; TryAgain E_LINK_DOWN when it does not say them."""
    settings = connection.settings
    address = (settings["host"], int(settings.get("port", "22")))
    try:
        with socket.create_connection(address, timeout=patience) as link:
            link.sendall(b"SSH-2.0-Renkei\r\n")
            with link.makefile("rb") as answer:
                version = next(line for line in answer if line.startswith(b"SSH-")).decode("ascii").strip()
                length, padding = struct.unpack(">IB", answer.read(5))
                packet = answer.read(min(length - 1, _LONGEST))[: length - 1 - padding]
        return Offer(version=version, kinds=_kinds(packet))
    except (OSError, ValueError, IndexError, StopIteration, struct.error):
        raise TryAgain("E_LINK_DOWN", connection=connection.name) from None


def _kinds(packet: bytes) -> dict[str, tuple[str, ...]]:
    """The name lists of a KEXINIT packet (RFC 4253, 7.1) that matter; the server's sending side counts."""
    if packet[0] != _KEXINIT:
        raise ValueError("no KEXINIT")
    lists, place = [], 17
    for _ in range(6):
        size = int.from_bytes(packet[place : place + 4], "big")
        lists.append(tuple(packet[place + 4 : place + 4 + size].decode("ascii").split(",")))
        place += 4 + size
    kex = tuple(name for name in lists[0] if not name.startswith(("kex-strict-", "ext-info-")))
    return {"kex": kex, "key_types": lists[1], "ciphers": lists[3], "digests": lists[5]}
