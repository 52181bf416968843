"""A model of the Vault Secrets Operator: VaultAuth and VaultDynamicSecret.

It logs in to the real Vault with a real token of the service account, takes a lease, and writes
the Secret. It believes in a lease until the Secret is gone, the lease is due for renewal, or what
is asked for has changed; it fails while Vault is sealed. As the operator of release 0.10.0, whose
definitions it works on, it says how it went in events of the object.
"""

import base64
import http.client
import json
import time
from datetime import UTC, datetime
from typing import Any

from beneath import Refused as Hostile
from beneath import plain
from kubernetes import client
from lab import MALFORMED, Kind, Object, connect, run

GROUP = ("secrets.hashicorp.com", "v1beta1")
VAULT = ("127.0.0.1", 8200)
RENEW_AT = 0.67  # of the lease
AGAIN = 5  # seconds, before the same is said again


class Refused(OSError):
    """Vault did not give what was asked for."""


class NoClient(Refused):
    """Nobody could log in."""


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
            except NoClient as error:
                self._warn(each, "VaultClientConfigError", f"Failed to get Vault client: {error}")
            except (Refused, Hostile, *MALFORMED) as error:
                self._warn(each, "SecretSyncError", f"Failed to sync the secret: {error}")

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
        token = self._token(each, auth)
        path = "/".join(map(plain, each["spec"]["path"].split("/")))
        lease = vault("GET", f"{plain(each['spec']['mount'])}/{path}", token=token)
        self._write(each, lease["data"])
        first = not each.get("status")
        told = {"id": lease["lease_id"], "duration": lease["lease_duration"]}
        told |= {"renewable": lease["renewable"], "requestID": lease["request_id"]}
        now, generation = int(time.time()), each["metadata"]["generation"]
        self.secrets.report(
            each,
            {"secretLease": told, "lastRenewalTime": now, "lastGeneration": generation},
        )
        reason = "SecretSynced" if first else "SecretRotated"
        self._say(each, "Normal", reason, f"Secret synced, lease_id={lease['lease_id']}")

    def _token(self, each: Object, auth: Object | None) -> str:
        """Return a token of Vault.

        Raises:
            NoClient: nobody could log in.
        """
        if auth is None:
            named = each["spec"].get("vaultAuthRef")
            raise NoClient(f"no VaultAuth {named!r} in this namespace")
        try:
            return self._login(auth)
        except (Refused, Hostile, *MALFORMED) as error:
            raise NoClient(str(error)) from error

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
        """Write the Secret; one that is made belongs to the object, and goes with it."""
        name, namespace = each["spec"]["destination"]["name"], each["metadata"]["namespace"]
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body: Object = {"metadata": {"name": name}, "data": encoded}
        if self._exists(each):
            self.core.patch_namespaced_secret(name, namespace, body)
        elif each["spec"]["destination"].get("create"):
            owner = {key: each[key] for key in ("apiVersion", "kind")}
            owner |= {key: each["metadata"][key] for key in ("name", "uid")}
            body["metadata"]["ownerReferences"] = [owner]
            self.core.create_namespaced_secret(namespace, body)
        else:
            raise Refused(f"no Secret {name}, and destination.create is not set")

    def _warn(self, each: Object, reason: str, message: str) -> None:
        self._say(each, "Warning", reason, message)

    def _say(self, each: Object, kind: str, reason: str, message: str) -> None:
        """Record an event; what was said a moment ago is not said again."""
        namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
        event = f"{name}.{reason.lower()}"
        now = datetime.now(UTC)
        told = {"type": kind, "reason": reason, "message": message[:1000]}
        told |= {"lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        try:
            known = self.core.read_namespaced_event(event, namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise
            about = {key: each[key] for key in ("apiVersion", "kind")}
            about |= {key: each["metadata"][key] for key in ("name", "namespace", "uid")}
            told |= {"metadata": {"name": event}, "involvedObject": about, "count": 1}
            told |= {
                "firstTimestamp": told["lastTimestamp"],
                "source": {"component": about["kind"]},
            }
            self.core.create_namespaced_event(namespace, told)
            return
        recent = (now - known.last_timestamp).total_seconds() < AGAIN
        if known.message != told["message"] or not recent:
            self.core.patch_namespaced_event(event, namespace, told | {"count": known.count + 1})


if __name__ == "__main__":
    connect()
    run(Operator().reconcile)
