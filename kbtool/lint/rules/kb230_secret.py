"""A credential in a page is known to everybody who ever clones the repository, for ever.

Looked for are the shapes of real keys: private key blocks, tokens of clouds, forges, Vault and
chat services, JSON Web Tokens, passwords in addresses, and what stands behind `password:` and
looks made by a machine. Placeholders, paths, variables, digests, commit and other ids are none.
Neither the report nor its source line shows what was found.
"""

from collections.abc import Iterator

from kbtool.graph.base import KnowledgeBase
from kbtool.lint.rule import Finding, Options, Rule, Seen
from kbtool.markdown.page import Page
from kbtool.text import Span


def check(page: Page, kb: KnowledgeBase, _options: Options) -> Iterator[Finding]:
    """Find credential material."""
    for secret in kb.facts.secrets(page.text):
        message = f"credential material ({secret.kind})"
        hint = "name its path in the secret store instead, and replace it there: git keeps this one"
        yield Finding(page.path, Span(secret.start, secret.end), message, hint, secret=True)


# Put together here, so that no scanner finds them in this file.
_TOKEN = "hvs." + "CAESIJ8kq2vT" + "0yWbR4mXz9LdPfHu"
_PASSWORD = "JIs5t2kTT7" + "SOlYxGohmY"
_BEGIN, _END = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
_KEY = "\n".join((_BEGIN, *("MIIEpAIBAAKCAQEA7bq9Xv" + "Yc2kTz81mWfLhJd4RsPu0gNe" * 2,) * 4, _END))

RULE = Rule(
    id="KB230",
    name="secret",
    summary="No credential material stands in a page.",
    check=check,
    good=(
        {
            "vibe/a.md": '# A\n\n```sh\nexport VAULT_TOKEN=hvs.…\nexport PGPASSWORD=<password>\nbao operator unseal "$UNSEAL_KEY"\npsql postgresql://erp:$PGPASSWORD@db/erp\n```\n'
        },
        {
            "vibe/a.md": "# A\n\nImage `vault@sha256:3f8a1c0de29b47756c1d0f9be28a4c35d17e6fb0a9c84d2e5b7f13609ae4c8d1`, commit 9f3c1e7ab2d04856c7e1f0a93b5d2846ce17fa30, path `kvv2/data/erp#password`.\n"
        },
        {"vibe/a.md": "# A\n\n    password: changeme\n    token: {{ vault_token }}\n"},
    ),
    bad=(
        {"vibe/a.md": f"# Déjà\n\n```sh\nexport VAULT_TOKEN=⟦{_TOKEN}⟧\n```\n"},
        {"vibe/a.md": f"# A\n\nThe password: ⟦{_PASSWORD}⟧ for now.\n"},
        {"vibe/a.md": f"# A\n\n- ok\n\n```pem\n⟦{_KEY}⟧\n```\n"},
    ),
    seen=Seen(0, 0, 0),
)
