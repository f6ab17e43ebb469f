"""Certificates that are right and wrong, made on the spot."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


class Authority:
    """A certificate authority of our own; `path` is its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "authority.pem"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Test Authority")
        basics = x509.BasicConstraints(ca=True, path_length=None)
        signed = _unsigned(self.name, self.name, self.key, days=1).add_extension(basics, True)
        self.path.write_bytes(signed.sign(self.key, hashes.SHA256()).public_bytes(PEM))

    def server_context(
        self, address: str = "127.0.0.1", *, days: int = 1, self_signed: bool = False
    ) -> ssl.SSLContext:
        """For a server with a certificate for this address, good until `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = _name(address) if self_signed else self.name
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        unsigned = _unsigned(_name(address), issuer, key, days=days).add_extension(names, False)
        certificate = unsigned.sign(key if self_signed else self.key, hashes.SHA256())
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(certificate.public_bytes(PEM) + _pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
