"""A model of the Vault Secrets Operator: VaultAuth and VaultDynamicSecret.

It logs in to the real Vault with a real token of the service account, takes a lease, and writes
the Secret. It believes in a lease until the Secret is gone, the lease is due for renewal, or what
is asked for has changed; it fails while Vault is sealed, and says so in the object's conditions.
"""

import base64
import http.client
import json
import time
from typing import Any

from beneath import Refused as Hostile
from beneath import plain
from kubernetes import client
from lab import MALFORMED, Kind, Object, connect, run

GROUP = ("secrets.hashicorp.com", "v1beta1")
VAULT = ("127.0.0.1", 8200)
RENEW_AT = 0.67  # of the lease


class Refused(OSError):
    """Vault did not give what was asked for."""


def vault(method: str, path: str, body: Any = None, token: str = "") -> Any:
    """Call Vault.

    Raises:
        Refused: with Vault's own reason.
    """
    connection = http.client.HTTPConnection(*VAULT, timeout=5)
    try:
        headers = {"X-Vault-Token": token} if token else {}
        text = json.dumps(body) if body is not None else None
        connection.request(method, f"/v1/{path}", text, headers)
        answer = connection.getresponse()
        data = json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(f"Vault does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise Refused(f"{path}: {'; '.join(data.get('errors') or ['refused'])}")
    return data


class Operator:
    """Keeps every VaultDynamicSecret's Secret."""

    def __init__(self) -> None:
        self.auths = Kind(*GROUP, "vaultauths")
        self.secrets = Kind(*GROUP, "vaultdynamicsecrets")
        self.core = client.CoreV1Api()

    def reconcile(self) -> None:
        """Issue what is due."""
        auths = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each
            for each in self.auths.all()
        }
        for each in self.secrets.all():
            namespace = each["metadata"]["namespace"]
            try:
                if self._due(each):
                    auth = auths.get((namespace, each["spec"].get("vaultAuthRef", "")))
                    self._issue(each, auth)
            except (Refused, Hostile, *MALFORMED) as error:
                self._say(each, "False", "VaultClientError", str(error))

    def _due(self, each: Object) -> bool:
        lease = each.get("status", {}).get("secretLease") or {}
        issued = float(each.get("status", {}).get("lastRenewalTime") or 0)
        generation = each.get("status", {}).get("lastGeneration")
        late = time.time() > issued + RENEW_AT * float(lease.get("duration") or 0)
        changed = generation != each["metadata"]["generation"]
        return late or changed or not self._exists(each)

    def _exists(self, each: Object) -> bool:
        place = each["spec"]["destination"]["name"], each["metadata"]["namespace"]
        try:
            self.core.read_namespaced_secret(*place)
        except client.ApiException as error:
            if error.status == 404:
                return False
            raise
        return True

    def _issue(self, each: Object, auth: Object | None) -> None:
        if auth is None:
            raise Refused(f"no VaultAuth {each['spec'].get('vaultAuthRef')!r} in this namespace")
        token = self._login(auth)
        path = f"{plain(each['spec']['mount'])}/creds/{plain(each['spec']['role'])}"
        lease = vault("GET", path, token=token)
        self._write(each, lease["data"])
        self.secrets.report(
            each,
            {
                "secretLease": {"id": lease["lease_id"], "duration": lease["lease_duration"]},
                "lastRenewalTime": int(time.time()),
                "lastGeneration": each["metadata"]["generation"],
            },
        )
        self._say(each, "True", "SecretSynced", "the Secret holds a credential of this lease")

    def _login(self, auth: Object) -> str:
        """Log in over the Kubernetes auth backend, with a token made for this purpose only.

        Raises:
            Refused: the cluster gives none, or Vault, which has it reviewed, does not take it.
        """
        account = auth["spec"]["kubernetes"]["serviceAccount"]
        wanted = {"spec": {"audiences": [], "expirationSeconds": 600}}
        try:
            token = self.core.create_namespaced_service_account_token(
                account, auth["metadata"]["namespace"], wanted
            )
        except client.ApiException as error:
            raise Refused(f"no token for service account {account}: {error.reason}") from error
        body = {"role": auth["spec"]["kubernetes"]["role"], "jwt": token.status.token}
        mount = plain(auth["spec"]["mount"])
        return vault("POST", f"auth/{mount}/login", body)["auth"]["client_token"]

    def _write(self, each: Object, data: dict[str, str]) -> None:
        name, namespace = each["spec"]["destination"]["name"], each["metadata"]["namespace"]
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {"metadata": {"name": name}, "data": encoded}
        if self._exists(each):
            self.core.patch_namespaced_secret(name, namespace, body)
        elif each["spec"]["destination"].get("create"):
            self.core.create_namespaced_secret(namespace, body)
        else:
            raise Refused(f"no Secret {name}, and destination.create is not set")

    def _say(self, each: Object, ready: str, reason: str, message: str) -> None:
        condition = {"type": "Ready", "status": ready, "reason": reason, "message": message}
        self.secrets.report(each, {"conditions": [condition]})


if __name__ == "__main__":
    connect()
    run(Operator().reconcile)
