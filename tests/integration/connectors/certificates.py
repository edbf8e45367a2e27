"""Certificates for servers of the tests."""

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """An authority of our own and a certificate of it for 127.0.0.1: the authority's file, the server's."""

    def made(subject: str, issuer: str, key: Any, signer: Any, *, is_ca: bool) -> x509.Certificate:
        names = [
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (subject, issuer)
        ]
        start = datetime.fromtimestamp(time.time() - 86_400, UTC)
        build = (
            x509.CertificateBuilder()
            .subject_name(names[0])
            .issuer_name(names[1])
            .public_key(key.public_key())
        )
        build = build.serial_number(x509.random_serial_number()).not_valid_before(start)
        build = build.not_valid_after(start + timedelta(days=30))
        build = build.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        build = build.add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=is_ca, crl_sign=is_ca, **usage), critical=True
        )
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return build.add_extension(address, critical=False).sign(signer, hashes.SHA256())

    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = made(f"{name} CA", f"{name} CA", authority_key, authority_key, is_ca=True)
    server = made("127.0.0.1", f"{name} CA", server_key, authority_key, is_ca=False)
    pem = serialization.Encoding.PEM
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}-ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / f"{name}.pem").write_bytes(server.public_bytes(pem) + private)
    return folder / f"{name}-ca.pem", folder / f"{name}.pem"
