"""Keys of a sandbox: a certificate authority, a server's certificate, a signing key.

The only door to `cryptography`. Nothing here outlives the sandbox.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_LIFE: Final = timedelta(days=365)
_EARLY: Final = timedelta(minutes=5)  # clocks of guests may lag


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that signed one server; all PEM."""

    ca: bytes
    certificate: bytes
    key: bytes


def authority(name: str, hosts: tuple[str, ...], addresses: tuple[str, ...]) -> Authority:
    """Return a new authority and the certificate of a server that answers to these names."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate(name, name, ca_key, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    names = [x509.DNSName(host) for host in hosts]
    numbers = [x509.IPAddress(ip_address(address)) for address in addresses]
    server = _certificate(hosts[0], name, key, ca_key).add_extension(
        x509.SubjectAlternativeName([*names, *numbers]), critical=False
    )
    return Authority(
        ca.sign(ca_key, SHA256()).public_bytes(Encoding.PEM),
        server.sign(ca_key, SHA256()).public_bytes(Encoding.PEM),
        _pem(key),
    )


def signing_key() -> bytes:
    """Return a new RSA key for service account tokens, PEM."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + _LIFE)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
