"""Keys of a sandbox: its authority vouches for its server, by its names, and for nobody else."""

import contextlib
import ssl
import tempfile
from pathlib import Path

import pytest

from kbtool.sandbox.components.pki import authority, signing_key


def test_an_authority_signs_one_server_and_no_other():
    mine = authority("kb-1", ("kubernetes", "localhost"), ("127.0.0.1",))
    other = authority("kb-1", ("kubernetes", "localhost"), ("127.0.0.1",))
    assert _trusted(mine, mine.ca, "localhost")
    assert _trusted(mine, mine.ca, "127.0.0.1")
    for ca, name in ((other.ca, "localhost"), (mine.ca, "elsewhere"), (mine.ca, "127.0.0.2")):
        with pytest.raises(ssl.SSLCertVerificationError):
            _trusted(mine, ca, name)
    assert len({mine.key, other.key, mine.ca, other.ca, signing_key(), signing_key()}) == 6
    assert signing_key().startswith(b"-----BEGIN PRIVATE KEY-----")


def _trusted(server, ca, name):
    """Shake hands in memory."""
    with tempfile.TemporaryDirectory() as folder:
        for file, data in (("crt", server.certificate), ("key", server.key)):
            Path(folder, file).write_bytes(data)
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        theirs.load_cert_chain(f"{folder}/crt", f"{folder}/key")
    ours = ssl.create_default_context(cadata=ca.decode())
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(back, there, server_hostname=name)
    answering = theirs.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (client, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.version() == "TLSv1.3"
