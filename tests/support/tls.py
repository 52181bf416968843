"""A throw-away authority, and certificates it or nobody signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name):
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Signs what it is asked for; `path` holds its own certificate."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("throw-away authority")
        own = self._builder(self._name, self._key.public_key(), 0)
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        own = own.add_extension(constraint, critical=True).sign(self._key, hashes.SHA256())
        self.path = folder / "authority.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, days_ago, issuer=None):
        now = datetime.now(UTC) - days_ago * DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )

    def certificate(self, *names, days_ago=0, signed=True):
        """Return the path of a certificate for these names, with its key; else signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(names[0])
        made = self._builder(
            subject, key.public_key(), days_ago, self._name if signed else subject
        ).add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        certificate = made.sign(self._key if signed else key, hashes.SHA256())
        path = self._folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path
