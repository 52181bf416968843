"""A real Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager, a cell each.

No kubelet and no scheduler: pods are simulated. Flags: the programs' own `--help` at the pinned
version. What each must not do is cut twice: the cell has no route, and the egress selector sends
every call of the API server to nodes, pods and webhooks to a socket nobody serves.
"""

import asyncio
import http.client
import json
import os
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.cell import PROGRAMS
from kbtool.sandbox.components.connection import ProvenConnection
from kbtool.sandbox.components.server import Server, relayed, remove
from kbtool.sandbox.profile import Kubernetes
from kbtool.sandbox.site import Bind, Site

ADMIN: Final = "kbtool-admin"
MANAGER: Final = "system:kube-controller-manager"
_MARKER: Final = "/api/v1/namespaces/kube-system/configmaps/kbtool-identity"
# The servers' own business. Without the last one the API server's compactor, which counts on it,
# ends the whole server at its next round.
_OWN: Final = (b"/registry/leases/", b"/registry/masterleases/", b"compact_rev_key")
_SERVICES: Final = "198.18.0.0/24"  # RFC 2544: benchmark range, no LAN's
_ADDRESS: Final = "10.254.254.1"  # advertised, and nobody's: the cell has no route anyway
# Both names lead to a socket that nobody serves.
_EGRESS: Final = """
apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: /kb/data/nowhere.sock}}
- name: controlplane
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: /kb/data/nowhere.sock}}
"""
_DEFINES: Final = "kind: CustomResourceDefinition"  # such manifests are applied first
_KUBECONFIG: Final = """
apiVersion: v1
kind: Config
current-context: sandbox
contexts: [{{name: sandbox, context: {{cluster: sandbox, user: {user}}}}}]
clusters: [{{name: sandbox, cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: {ca}}}}}]
users: [{{name: {user}, user: {{token: {token}}}}}]
"""  # noqa: E501


class EtcdServer(Server):
    """The store; only the API server's cell has its door."""

    port: ClassVar[int] = 2379
    socket_name: ClassVar[str] = "etcd.sock"
    open_to_steps: ClassVar[bool] = False

    def __init__(self, site: Site, versions: Mapping[str, str]) -> None:
        super().__init__("etcd", site)
        self.versions = versions

    def command(self) -> Sequence[str]:
        """Run the store; its data is thrown away, so nothing is flushed."""
        peer = "http://127.0.0.1:2380"
        return (
            f"{PROGRAMS}/etcd",
            "--name=kb",
            "--data-dir=/kb/data/etcd",
            "--unsafe-no-fsync",
            "--listen-client-urls=unix:///kb/s/etcd.sock",
            "--advertise-client-urls=http://127.0.0.1:2379",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=kb={peer}",
            "--max-txn-ops=100000",  # going back to the seed is one transaction
            "--max-request-bytes=67108864",
            "--log-level=warn",
        )

    def binds(self) -> Sequence[Bind]:
        """See its own data and its own socket folder."""
        return (("--bind", str(self.data), "/kb/data"), ("--bind", str(self.sockets), "/kb/s"))

    def before_start(self) -> None:
        """Remove the socket of a killed predecessor."""
        remove(self.socket)

    async def ready(self) -> bool:
        """Return whether it is healthy."""
        try:
            answer = await asyncio.to_thread(self.ask, "health", None)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return bool(answer.get("health") == "true")

    def ask(self, path: str, body: Any) -> Any:
        """Ask its JSON gateway; `body` None is a GET. Source: etcd's gRPC gateway, /v3/kv."""
        connection = ProvenConnection(self)
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, f"/{path}", None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    # ------------------------------------------------------------------ seed
    async def keep_seed(self) -> None:
        """Remember every key, running."""
        await self._settled()
        keys = await asyncio.to_thread(self._keys)
        self._seed.write_text(json.dumps(keys), encoding="ascii")

    @property
    def _seed(self) -> Path:
        return self.site.home / "etcd-seed.json"

    async def _settled(self) -> None:
        """Wait until the controllers have nothing more to write: no change for a moment."""
        last, since = "", time.monotonic()
        limit = since + 10
        while time.monotonic() < min(limit, since + 0.5):
            seen = json.dumps(await asyncio.to_thread(self._keys))
            if seen != last:
                last, since = seen, time.monotonic()
            await asyncio.sleep(0.1)

    def _keys(self) -> dict[str, str]:
        """Return every key and value, base64, but for leases."""
        answer = self.ask("v3/kv/range", {"key": "AA==", "range_end": "AA=="})
        pairs = {pair["key"]: pair.get("value", "") for pair in answer.get("kvs", ())}
        return {k: value for k, value in pairs.items() if not b64decode(k).startswith(_OWN)}

    def can_restore(self) -> bool:
        """While it runs, always."""
        return self.running

    async def restore(self) -> None:
        """Put what changed, delete what is new, in one transaction: no controller sees a part."""
        await asyncio.to_thread(self._restore)

    def _restore(self) -> None:
        seed = json.loads(self._seed.read_bytes())
        now = self._keys()
        puts = [{"key": k, "value": v} for k, v in seed.items() if now.get(k) != v]
        gone = [{"key": key} for key in now if key not in seed]
        operations = [{"requestPut": put} for put in puts]
        operations += [{"requestDeleteRange": key} for key in gone]
        if operations:
            answer = self.ask("v3/kv/txn", {"success": operations})
            if not answer.get("succeeded"):
                raise SandboxError(f"etcd did not go back to the seed: {answer}")

    # ------------------------------------------------------------------ identity
    async def identity(self) -> Mapping[str, str]:
        """Return its cluster id."""
        return {"cluster": await asyncio.to_thread(self._cluster)}

    def _cluster(self) -> str:
        return str(self.ask("v3/maintenance/status", {})["header"]["cluster_id"])

    async def identify(self) -> str:
        """Compare the cluster id, on a connection to the proven process."""
        expected = self.site.state()["identity"][self.name]["cluster"]
        if await asyncio.to_thread(self._cluster) != expected:
            raise BoundaryError("etcd is not the store this sandbox made")
        return "process and cluster id"

    def version(self) -> str:
        """Return the program's version."""
        return self.versions["etcd"]

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps do not reach it."""
        return {}


class KubernetesApi(Server):
    """An API server as its clients know it: an authority, and a token for each of its users."""

    port: ClassVar[int] = 6443
    socket_name: ClassVar[str] = "k8s.sock"

    def __init__(self, part: Kubernetes, site: Site) -> None:
        super().__init__(part.name, site)
        self.part = part
        self.kube = site.folder("etc", "kube")

    # ------------------------------------------------------------------ keys
    def make_tokens(self) -> str:
        """Make a token for each user; return the text of `--token-auth-file`."""
        groups = {ADMIN: "system:masters", MANAGER: ""}
        rows = []
        for user in (*groups, *self.part.users):
            token = self.site.new_secret(f"{self.name}.{user}")
            rows.append(f'{token},{user},{user},"{groups.get(user, "")}"\n')
        return "".join(rows)

    def write_kubeconfigs(self, ca: bytes) -> None:
        """Write each user's kubeconfig, and the authority that all of them trust."""
        self._keep("ca.crt", ca)
        for user in (ADMIN, MANAGER, *self.part.users):
            token = self.site.secret(f"{self.name}.{user}")
            text = _KUBECONFIG.format(user=json.dumps(user), token=token, ca=b64encode(ca).decode())
            self.kubeconfig(user).write_text(text.lstrip(), encoding="utf-8")

    def _keep(self, name: str, data: bytes) -> None:
        (self.data / name).write_bytes(data)

    def kubeconfig(self, user: str) -> Path:
        """Return the file of a user's kubeconfig: one context, the address every cell sees."""
        return self.kube / f"{user.replace(':', '-')}.yaml"

    def ask(self, method: str, path: str, body: Any = None, content: str = "json") -> Any:
        """Call the API as its administrator, on a connection to the proven process.

        Raises:
            SandboxError: it refused.
        """
        token = self.site.secret(f"{self.name}.{ADMIN}")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": f"application/{content}"}
        connection = _Tls(self, (self.data / "ca.crt").read_text(encoding="ascii"))
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise SandboxError(f"{self.name}: {method} {path}: {response.status}: {data[:300]!r}")
        return json.loads(data) if data[:1] in (b"{", b"[") else data.decode()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API as its administrator."""
        return await asyncio.to_thread(self.ask, method, path, body or None)

    async def ready(self) -> bool:
        """Return whether /readyz says so."""
        try:
            return bool(await self.call("GET", "/readyz") == "ok")
        except (OSError, http.client.HTTPException, SandboxError, BoundaryError):
            return False

    async def settle(self, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Apply the profile's manifests; return what a Vault needs to review tokens."""
        everything = self.manifests().items()
        definitions = {file: text for file, text in everything if _DEFINES in text}
        others = {file: text for file, text in everything if _DEFINES not in text}
        for manifests in filter(None, (definitions, others)):
            await self._apply(manifests)
        ca = (self.data / "ca.crt").read_text(encoding="ascii")
        tokens = {
            f"{user}_token".replace("-", "_"): self.site.secret(f"{self.name}.{user}")
            for user in self.part.users
        }
        return {"ca": ca, "address": f"https://127.0.0.1:{self.port}", **tokens}

    def manifests(self) -> Mapping[str, str]:
        """Return what its administrator applies when it is new, file → text."""
        return self.part.manifests

    async def _apply(self, manifests: Mapping[str, str]) -> None:
        """Apply files as the administrator; new definitions are established when this returns.

        Raises:
            SandboxError: it was refused; kubectl's own words, which name the file, are in it.
        """
        folder = self.site.folder("work", "apply")
        files: list[str] = []
        for number, (file, text) in enumerate(manifests.items()):
            name = f"{number:02}-{Path(file).name}"
            (folder / name).write_text(text, encoding="utf-8")
            files += ("-f", f"/kb/work/{name}")
        await self._kubectl(folder, ["apply", "--server-side", *files], "applying manifests")
        await self.wait_for(self._established, "serving its new resources")

    async def _established(self) -> bool:
        """Return whether every definition is served."""
        found = await self.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        states = [
            {
                each["type"]: each["status"]
                for each in (item.get("status") or {}).get("conditions") or ()
            }
            for item in found["items"]
        ]
        return all(state.get("Established") == "True" for state in states)

    async def _kubectl(self, folder: Path, arguments: Sequence[str], what: str) -> None:
        command = [*relayed(self.addresses()), f"{PROGRAMS}/kubectl", "--kubeconfig=/kb/config"]
        command += arguments
        binds: list[Bind] = [
            ("--ro-bind", str(folder), "/kb/work"),
            ("--ro-bind", str(self.kubeconfig(ADMIN)), "/kb/config"),
            self.door_bind(),
        ]
        await self.site.run(command, binds, "apply.log", what)

    # ------------------------------------------------------------------ identity
    async def identity(self) -> dict[str, str]:
        """Make and return what only this cluster can know: a marker, and kube-system's UID."""
        value = self.site.new_secret(f"{self.name}.identity")
        body = {"metadata": {"name": "kbtool-identity"}, "data": {"value": value}}
        await self.call("POST", os.path.dirname(_MARKER), body)
        return await self._seen()

    async def _seen(self) -> dict[str, str]:
        marker = await self.call("GET", _MARKER)
        system = await self.call("GET", "/api/v1/namespaces/kube-system")
        return {"marker": marker["data"]["value"], "system": system["metadata"]["uid"]}

    async def identify(self) -> str:
        """Compare the marker and kube-system's UID, over TLS with this sandbox's own authority."""
        try:
            seen = await self._seen()
        except ssl.SSLError as error:
            raise BoundaryError(f"{self.name} has not this sandbox's certificate") from error
        if seen != self.site.state()["identity"][self.name]:
            raise BoundaryError(f"{self.name} is not the cluster this sandbox made")
        return "certificate authority, kube-system's UID and a secret marker"

    # ------------------------------------------------------------------ clients
    def step_environment(self) -> dict[str, str]:
        """Return where kubectl finds the kubeconfig of the steps' user."""
        return {"KUBECONFIG": "/kb/kubeconfig"}

    def step_binds(self, *, admin: bool) -> Sequence[Bind]:
        """Show a step its kubeconfig, the administrator's only to the profile's own blocks."""
        user = ADMIN if admin else self.part.user
        return (("--ro-bind", str(self.kubeconfig(user)), "/kb/kubeconfig"),)

    def check_binds(self) -> Sequence[Bind]:
        """Show the prober the observer's kubeconfig."""
        return (("--ro-bind", str(self.kubeconfig(self.part.observer)), "/run/observer"),)

    def question(self) -> Mapping[str, Any]:
        """Return the prober's client and its kubeconfig."""
        return {"kubectl": f"{PROGRAMS}/kubectl", "kubeconfig": "/run/observer"}


class ApiServer(KubernetesApi):
    """kube-apiserver with RBAC; static tokens, one for each user of the profile."""

    def __init__(
        self, part: Kubernetes, site: Site, versions: Mapping[str, str], etcd: EtcdServer
    ) -> None:
        super().__init__(part, site)
        self.versions = versions
        self.etcd = etcd
        self.needs = (etcd,)

    def command(self) -> Sequence[str]:
        """Run it behind its relay: it listens on TCP only."""
        flags = {
            "etcd-servers": f"unix:///kb/d/etcd/{self.etcd.socket_name}",
            "bind-address": "127.0.0.1",
            "secure-port": str(self.port),
            "advertise-address": _ADDRESS,
            "endpoint-reconciler-type": "none",
            "tls-cert-file": "/kb/data/server.crt",
            "tls-private-key-file": "/kb/data/server.key",
            "cert-dir": "/kb/data/certs",
            "authorization-mode": "RBAC",
            "anonymous-auth": "false",
            "token-auth-file": "/kb/data/tokens.csv",
            "service-cluster-ip-range": _SERVICES,
            "service-account-issuer": "https://127.0.0.1:6443",
            "service-account-key-file": "/kb/data/accounts.key",
            "service-account-signing-key-file": "/kb/data/accounts.key",
            "egress-selector-config-file": "/kb/data/egress.yaml",
            "enable-priority-and-fairness": "false",
            "profiling": "false",
            "v": "1",
        }
        options = [f"--{name}={value}" for name, value in flags.items()]
        relay = relayed("--serve", f"/kb/s/{self.socket_name}={self.port}")
        return (*relay, f"{PROGRAMS}/kube-apiserver", *options)

    def binds(self) -> Sequence[Bind]:
        """See its own data, its own socket folder, and the door of etcd."""
        own = (("--bind", str(self.data), "/kb/data"), ("--bind", str(self.sockets), "/kb/s"))
        return (*own, self.etcd.door_bind())

    def before_start(self) -> None:
        """Remove the socket of a killed predecessor."""
        remove(self.socket)

    def can_restore(self) -> bool:
        """While its store runs it follows the store; its own files never change."""
        return self.running and self.etcd.running

    def can_go_ahead(self) -> bool:
        """It takes seconds to start, and follows its store meanwhile."""
        return not self.running and self.etcd.running

    async def create(self) -> None:
        """Make its keys, and a token for each user."""
        from kbtool.sandbox.components.pki import authority, signing_key

        keys = authority(f"kb-{self.site.id}", ("kubernetes", "localhost"), ("127.0.0.1",))
        self._keep("server.crt", keys.certificate)
        self._keep("server.key", keys.key)
        self._keep("accounts.key", await asyncio.to_thread(signing_key))
        self._keep("egress.yaml", _EGRESS.encode())
        self._keep("tokens.csv", self.make_tokens().encode())
        self.write_kubeconfigs(keys.ca)

    async def identify(self) -> str:
        """Prove it as every API server is; the process behind the connection is proven too.

        Without its store the authority must do, so that what was begun can still be taken back.
        """
        if self.etcd.running:
            return f"process, {await super().identify()}"
        try:
            await asyncio.to_thread(self._greet)
        except ssl.SSLError as error:
            raise BoundaryError(f"{self.name} has not this sandbox's certificate") from error
        return "process and certificate authority (its store does not run)"

    def _greet(self) -> None:
        connection = _Tls(self, (self.data / "ca.crt").read_text(encoding="ascii"))
        connection.connect()
        connection.close()

    def version(self) -> str:
        """Return the program's version."""
        return self.versions["kube-apiserver"]


class ControllerManager(Server):
    """kube-controller-manager: deployments, accounts, garbage; a client of the API server only."""

    port: ClassVar[int] = 10257
    socket_name: ClassVar[str] = "kcm.sock"
    open_to_steps: ClassVar[bool] = False
    waits: ClassVar[bool] = True  # it ends when the API server does not answer within 10 s

    def __init__(self, site: Site, versions: Mapping[str, str], api: ApiServer) -> None:
        super().__init__("controller-manager", site)
        self.versions = versions
        self.api = api
        self.needs = (api,)

    def command(self) -> Sequence[str]:
        """Run it against the API server's door."""
        flags = {
            "kubeconfig": "/kb/config",
            "service-account-private-key-file": "/kb/accounts.key",
            "root-ca-file": "/kb/ca.crt",
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "secure-port": "0",
            "controllers": "*,-nodeipam,-route,-service-lb-controller,-cloud-node-lifecycle",
            "node-monitor-grace-period": "40s",
            "kube-api-qps": "500",  # 20 would have it start for three seconds
            "kube-api-burst": "500",
            "profiling": "false",
        }
        options = [f"--{name}={value}" for name, value in flags.items()]
        return (*relayed(self.api.addresses()), f"{PROGRAMS}/kube-controller-manager", *options)

    def binds(self) -> Sequence[Bind]:
        """See its kubeconfig, the accounts' key, and the door of the API server."""
        return (
            ("--ro-bind", str(self.api.kubeconfig(MANAGER)), "/kb/config"),
            ("--ro-bind", str(self.api.data / "accounts.key"), "/kb/accounts.key"),
            ("--ro-bind", str(self.api.data / "ca.crt"), "/kb/ca.crt"),
            self.api.door_bind(),
        )

    def before_start(self) -> None:
        """Nothing is left by a predecessor."""

    def can_restore(self) -> bool:
        """It follows the API server."""
        return self.running and self.api.can_restore()

    async def ready(self) -> bool:
        """Return whether it runs: it finds the API server by itself."""
        return self.running

    async def identify(self) -> str:
        """It has no door: only its process can be known."""
        if not self.running:
            raise BoundaryError("the controller manager does not run")
        return "process"

    def version(self) -> str:
        """Return the program's version."""
        return self.versions["kube-controller-manager"]

    def step_environment(self) -> dict[str, str]:
        """Return nothing: steps do not reach it."""
        return {}


class _Tls(ProvenConnection):
    """A proven connection with TLS, trusting one authority."""

    def __init__(self, server: Server, ca: str) -> None:
        super().__init__(server)
        self.context = ssl.create_default_context(cadata=ca)

    def connect(self) -> None:
        super().connect()
        self.sock = self.context.wrap_socket(self.sock, server_hostname="localhost")
