"""Keys of real shape are found at their exact place; what documentation is full of is not.

All samples are put together here from random characters, so that no scanner finds them in this file.
"""

import random
import string
import sys
from base64 import b64encode
from hashlib import sha1, sha256, sha384
from itertools import pairwise

import pytest

from kbtool.adapters import secret
from kbtool.adapters.secret import Secrets, secrets_in

UPPER, WORD = string.ascii_uppercase, string.ascii_letters + string.digits
HEX, BASE64 = "0123456789abcdef", WORD + "+/"
SOURCE = random.Random(42)


def some(count, alphabet=WORD):
    return "".join(SOURCE.choice(alphabet) for _ in range(count))


def mixed(count):
    """Random, with a digit, a capital and a small letter in it."""
    return some(count - 3) + "7Qx"


def key(kind, width, lines):
    body = "\n".join(some(width, BASE64) for _ in range(lines))
    return f"-----BEGIN {kind}PRIVATE " + f"KEY-----\n{body}\n-----END {kind}PRIVATE " + "KEY-----"


def jwt():
    head, claims = b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"4711","name":"erp","iat":1780000000}'
    parts = [b64encode(part).decode().rstrip("=") for part in (head, claims)]
    return ".".join([*parts, some(43)])


# (text before, the secret, text after)
FOUND = {
    "private key": ("```pem\n", key("RSA ", 64, 12), "\n```\n"),
    "openssh key": ("", key("OPENSSH ", 70, 5), "\n"),
    "aws id": ("aws_access_key_id = ", "AKIA" + some(16, UPPER + "234567"), "\n"),
    "aws secret": ("aws_secret_access_key = ", mixed(40), "\n"),
    "github": ("token: ", "ghp_" + some(36), "\n"),
    "gitea": ("GITEA_TOKEN=", some(40, HEX), "\n"),
    "header": ('curl -H "Authorization: token ', some(40, HEX), '" https://git.lab/api\n'),
    "slack": ("`", f"xoxb-{some(12, string.digits)}-{some(13, string.digits)}-{some(24)}", "`"),
    "vault": ("VAULT_TOKEN=", "hvs." + mixed(92), "\n"),
    "short vault": ('export VAULT_TOKEN="', "hvs." + mixed(24), '"\n'),
    "openbao": ("bao login ", "s." + mixed(24), "\n"),
    "unseal key": ("Unseal Key 1: ", b64encode(SOURCE.randbytes(32)).decode(), "\n"),
    "jwt": ("Authorization: Bearer ", jwt(), "\n"),
    "address": ("psql postgresql://erp:", mixed(20), "@db.arcodange.lab:5432/erp\n"),
    "password": ("password: ", mixed(18), "\n"),
    "environment": ("POSTGRES_PASSWORD=", mixed(20), "\n"),
    "quoted": ('db_password = "', mixed(16), '"\n'),
    "argument": ("argocd login --password ", mixed(16), "\n"),
    "hex password": ("password=", some(32, HEX), "\n"),
    "french": ("mot de passe : ", mixed(16), "\n"),
    "telegram": ("TELEGRAM_TOKEN=", some(10, "123456789") + ":AA" + some(33), "\n"),
    "table": ("| admin | password: `", mixed(16), "` |\n"),
}
NOT_FOUND = {
    "placeholder": "password: <password>\nVAULT_TOKEN=hvs.…\ntoken: {{ vault_token }}\n",
    "variable": "password: $KB_SECRETS/PASSWORD\npsql postgresql://erp:$PGPASSWORD@db/erp\n",
    "substitution": 'export VAULT_TOKEN="$(cat $KB_SECRETS/TOKEN)"\n',
    "stars": "password: ********\npassword: Ab************9z\n",
    "word": "password: changeme\nhttps://user:password@localhost/\nhttp://test:test@lab/\n",
    "example": "AKIAIOSFODNN7" + "EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY\n",
    "digest": f"sha256:{sha256(b'x').hexdigest()} vault@sha256:{sha256(b'y').hexdigest()}\n",
    "commit": f"commit {sha1(b'x').hexdigest()}\n",
    "integrity": f'integrity="sha384-{b64encode(sha384(b"x").digest()).decode()}"\n',
    "uuid": "token_accessor: 8609694a-cdbc-db9b-d345-e782dbb562ed\n",
    "public key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(43)} me@host\n",
    "certificate": f"-----BEGIN CERTIFICATE-----\n{some(64)}\n-----END CERTIFICATE-----\n",
    "key in words": "a file that begins with `-----BEGIN RSA PRIVATE " + "KEY-----`\n",
    "elided key": "-----BEGIN PRIVATE " + "KEY-----\n…\n-----END PRIVATE KEY-----\n",
    "path": "password: kvv2/data/erp#password, secret: kvv2/data/Erp01/config\n",
    "name": "token: System.Text.Encoding.UTF8\nsecretName: ErpDatabaseCredentials2026\n",
    "hash": "hashed_password: $2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW\n",
    "prose": "The password: it is typed by a person. Unseal Key (will be hidden):\n",
    "ignored by mark": "nothing here # kingfisher:ignore\n",
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name):
    before, value, after = FOUND[name]
    text = f"# Déjà vu 🔑\n\n{before}{value}{after}\nMore.\n"
    ((start, end, kind),) = secrets_in(text)
    assert text[start:end].strip() == value
    assert kind
    assert value[:8] not in kind


@pytest.mark.parametrize("name", NOT_FOUND)
def test_not_found(name):
    assert secrets_in(f"# Déjà vu\n\n{NOT_FOUND[name]}") == ()


def test_the_scanner_has_no_suppression_of_its_own():
    before, value, _ = FOUND["github"]
    assert len(secrets_in(f"{before}{value} # kingfisher:ignore\n")) == 1


def test_several_and_one_within_another():
    texts = ["".join(parts) for parts in FOUND.values()]
    found = secrets_in("\n".join(texts))
    assert len(found) == len(FOUND)
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_what_is_kept_holds_no_secret(tmp_path):
    before, value, after = FOUND["short vault"]
    judge = Secrets(tmp_path, pytest.fail)
    assert judge.found(before + value + after) == secrets_in(before + value + after)
    judge.save()
    (kept,) = tmp_path.glob("secrets-*.json")
    assert value not in kept.read_text()
    assert Secrets(tmp_path, pytest.fail).found(before + value + after)[0].kind == "vault token"


def test_without_the_library_nothing_is_found_and_why_is_told(monkeypatch):
    told = []
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)
    monkeypatch.setattr(secret, "_scanner", secret._scanner.__wrapped__)
    assert Secrets(None, told.append).found("password: x") == ()
    assert told == ["KB230 did not look: kingfisher-secret-scanner is not installed"]
