"""Docker and k3d, driven as commands: the life of a cluster, its nodes, what runs on them.

Written against k3d 5.8.3 and Docker 20.10, as they answered when they were tried; the recordings
are in tests/data/k3d. They see an empty environment and a home of the sandbox: k3d would otherwise
read and write the operator's kubeconfig.
"""

import base64
import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kbtool.errors import BoundaryError, RequirementError, SandboxError
from kbtool.markdown.frontmatter import read_front_matter
from kbtool.sandbox.profile import K3d

API: Final = "k3d.io/v1alpha5"
TOKENS: Final = "/etc/kbtool/tokens.csv"
MEMORY: Final = "2g"  # of each node
PROCESSES: Final = "4096"
SHARED: Final = "/k3d/images"  # the volume that k3d gives to all nodes of a cluster
SERVICES: Final = "198.18.0.0/24"  # RFC 2544: benchmark range, no LAN's
LABEL: Final = "kbtool.sandbox"
CONTENT: Final = "kbtool.content"
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_TROUBLE: Final = re.compile(r"^(?:ERRO|FATA)\[\d+\]\s*(.+?)\s*$", re.MULTILINE)
# Nothing is pulled while a sandbox runs, and these would be.
_BUNDLED: Final = "coredns,servicelb,traefik,local-storage,metrics-server"
_LIMITS: Final = "ulimit -c 0; ulimit -n 1024; ulimit -f 524288"  # 256 MiB in blocks of 512 bytes


def cluster_name(sandbox: str) -> str:
    """Return what a sandbox's cluster is called; k3d puts `k3d-` before it."""
    return f"kb-{sandbox}"


def containers(part: K3d, name: str) -> Mapping[str, str]:
    """Return node → container, as k3d names them."""
    counts = {"server": 0, "agent": 0}
    found: dict[str, str] = {}
    for node, role in part.nodes.items():
        found[node] = f"k3d-{name}-{role}-{counts[role]}"
        counts[role] += 1
    return found


def configuration(part: K3d, sandbox: str, tokens: str) -> str:
    """Return k3d's configuration of the sandbox's cluster; JSON, which is YAML.

    `tokens` is the file beside it that the API server takes its users from. What is not in here
    matters as much: no volume, no port but the API's (loopback; without hostPort k3d takes a free
    one), no registry, no host's name. Memory is limited later: k3d would mount files of the host
    for it.
    """
    filters = {
        node: [name.partition(f"-{sandbox}-")[2].replace("-", ":")]
        for node, name in containers(part, cluster_name(sandbox)).items()
    }
    server = next(node for node, role in part.nodes.items() if role == "server")
    arguments = [(f"--node-name={node}", wanted) for node, wanted in filters.items()]
    arguments += [
        (f"--kube-apiserver-arg=token-auth-file={TOKENS}", filters[server]),
        (f"--disable={_BUNDLED}", filters[server]),
        (f"--service-cidr={SERVICES}", filters[server]),
    ]
    label = {"label": f"{LABEL}={sandbox}", "nodeFilters": ["all"]}
    config = {
        "apiVersion": API,
        "kind": "Simple",
        "metadata": {"name": cluster_name(sandbox)},
        "servers": 1,
        "agents": len(part.nodes) - 1,
        "image": part.node_image,
        "kubeAPI": {"host": "127.0.0.1", "hostIP": "127.0.0.1"},
        "files": [{"source": tokens, "destination": TOKENS, "nodeFilters": filters[server]}],
        "options": {
            "k3d": {"wait": True, "timeout": "180s", "disableLoadbalancer": True},
            "k3s": {"extraArgs": [{"arg": arg, "nodeFilters": where} for arg, where in arguments]},
            "kubeconfig": {"updateDefaultKubeconfig": False, "switchCurrentContext": False},
            "runtime": {"labels": [label]},
        },
    }
    return json.dumps(config, indent=2)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that was made: where its API listens, whose authority it has, its containers."""

    port: int
    ca: bytes
    nodes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Network:
    """A cluster's network: where it meets this machine, and the addresses of its nodes."""

    gateway: str
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Engine:
    """The two programs, with a home of their own."""

    docker: str
    k3d: str
    home: Path

    @classmethod
    def found(cls, home: Path) -> "Engine":
        """Return the programs of the PATH.

        Raises:
            RequirementError: one is missing.
        """
        paths = {name: shutil.which(name) for name in ("docker", "k3d")}
        for name, path in paths.items():
            if path is None:
                raise RequirementError(f"no {name} on the PATH", FIXES[name])
        return cls(str(paths["docker"]), str(paths["k3d"]), home)

    def environment(self) -> dict[str, str]:
        """Return what they see; of the operator's environment only where the engine listens."""
        own = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "kubeconfig")}
        own |= {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}
        host = os.environ.get("DOCKER_HOST")
        return own | ({"DOCKER_HOST": host} if host else {})

    def ask(
        self, program: str, *arguments: str, timeout: float = 60, stdin: bytes | None = None
    ) -> str:
        """Return what a command prints.

        Raises:
            SandboxError: it failed, with its own words.
        """
        try:
            done = subprocess.run(
                [program, *arguments],
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                check=False,
                timeout=timeout,
                env=self.environment(),
                cwd=self.home,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"{Path(program).name} {arguments[0]}: {error}") from error
        if done.returncode != 0:
            what = f"{Path(program).name} {' '.join(arguments[:2])}"
            raise SandboxError(f"{what}: {trouble(done.stderr + done.stdout)}")
        return done.stdout.decode("utf-8", "replace")

    # ------------------------------------------------------------------ a cluster's life
    def create(self, part: K3d, sandbox: str, tokens: bytes) -> Cluster:
        """Make the sandbox's cluster, and look at what came.

        Raises:
            SandboxError: it could not be made; nothing of it is left.
            BoundaryError: a node has something of the host.
        """
        config = self.home / "cluster.json"
        for path, data in (
            (self.home / "tokens.csv", tokens),
            (config, configuration(part, sandbox, "tokens.csv").encode()),
        ):
            path.touch(0o600)
            path.write_bytes(data)
        name = cluster_name(sandbox)
        try:
            self.ask(self.k3d, "cluster", "create", "--config", str(config), timeout=300)
            nodes = containers(part, name)
            port = self._proven(nodes)
            limits = ("--memory", MEMORY, "--memory-swap", MEMORY, "--pids-limit", PROCESSES)
            self.ask(self.docker, "update", *limits, *nodes.values())
            self._bring(part, name)
            return Cluster(port, self._authority(name), nodes)
        except BaseException:
            self.remove(sandbox)
            raise

    def _bring(self, part: K3d, name: str) -> None:
        """Give the nodes their images; by k3d's `direct` way no helper lives for it."""
        if part.brought:
            load = ("image", "import", "--mode", "direct", "--cluster", name, *part.brought)
            self.ask(self.k3d, *load, timeout=600)

    def _proven(self, nodes: Mapping[str, str]) -> int:
        """Return the API's port, having looked at each node for something of the host."""
        ports: list[Mapping[str, str]] = []
        for seen in json.loads(self.ask(self.docker, "inspect", *nodes.values())):
            if binds := [mount["Source"] for mount in seen["Mounts"] if mount["Type"] != "volume"]:
                raise BoundaryError(f"{seen['Name']} has folders of this machine: {binds}")
            for bound in (seen["HostConfig"]["PortBindings"] or {}).values():
                ports += bound
        if len(ports) != 1 or ports[0]["HostIp"] != "127.0.0.1":
            raise BoundaryError(f"the cluster listens elsewhere than on loopback: {ports}")
        return int(ports[0]["HostPort"])

    def _authority(self, name: str) -> bytes:
        """Return the authority, as the server's own container tells it."""
        config: Any = read_front_matter("\n" + self.ask(self.k3d, "kubeconfig", "get", name))
        return base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])

    def remove(self, sandbox: str) -> None:
        """Remove everything of a sandbox's cluster, also what a failed creation left.

        By Docker alone: `k3d cluster delete` rewrites kubeconfigs, and its own rollback was seen to
        leave the network when no node existed yet.
        """
        name = f"k3d-{cluster_name(sandbox)}"
        label = f"label=k3d.cluster={cluster_name(sandbox)}"
        found = self.ask(self.docker, "ps", "--all", "--quiet", "--filter", label).split()
        if found:
            self.ask(self.docker, "rm", "--force", "--volumes", *found, timeout=120)
        for kind, left in (("network", name), ("volume", f"{name}-images")):
            wanted = f"name=^{left}$"
            if self.ask(self.docker, kind, "ls", "--quiet", "--filter", wanted).strip():
                self.ask(self.docker, kind, "rm", left)

    def left(self, sandbox: str) -> list[str]:
        """Return the containers that are still there of a sandbox."""
        label = f"label=k3d.cluster={cluster_name(sandbox)}"
        names = ("ps", "--all", "--format", "{{.Names}}", "--filter", label)
        return self.ask(self.docker, *names).split()

    # ------------------------------------------------------------------ nodes
    def kill(self, *nodes: str) -> None:
        """End nodes as a power cut does; Docker refuses to kill what has ended."""
        if up := self.running(*nodes):
            self.ask(self.docker, "kill", *up)

    def start(self, *nodes: str) -> None:
        """Start nodes that were ended; one that runs goes on running."""
        self.ask(self.docker, "start", *nodes)

    def running(self, *nodes: str) -> list[str]:
        """Return which of the nodes run."""
        form = ("inspect", "--format", "{{.Name}} {{.State.Running}}", *nodes)
        lines = self.ask(self.docker, *form).splitlines()
        return [line.split()[0].lstrip("/") for line in lines if line.endswith(" true")]

    def network(self, sandbox: str, nodes: Sequence[str]) -> Network:
        """Return a cluster's network as it is now: a node that was started again may have moved."""
        name = f"k3d-{cluster_name(sandbox)}"
        found = json.loads(self.ask(self.docker, "inspect", *nodes))
        seen = [each["NetworkSettings"]["Networks"][name] for each in found]
        gateway = next((each["Gateway"] for each in seen if each["Gateway"]), "")
        return Network(gateway, frozenset(each["IPAddress"] for each in seen) - {""})

    def lay_out(self, container: str, host: str, folders: Sequence[str]) -> None:
        """Put a host's folders where all nodes, and so a part in a pod, can see those of all hosts.

        What lies below /dev does not outlive a node.
        """
        lines = []
        for folder in folders:
            own = f"{SHARED}/hosts/{host}{folder}"
            lines += [f"rm -rf {own}"] if folder.startswith("/dev/") else []
            lines += [f"mkdir -p {own} {os.path.dirname(folder)}", f"ln -sfn {own} {folder}"]
        self.ask(self.docker, "exec", container, "sh", "-euc", "; ".join(lines))

    # ------------------------------------------------------------------ images
    def build(
        self, context: bytes, content: str, *names: str, arguments: Mapping[str, str]
    ) -> None:
        """Make an image from a tar archive with a Dockerfile; what it is made of becomes a label.

        Raises:
            SandboxError: it could not be made.
        """
        options = [f"--tag={name}" for name in names]
        options += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        label = f"--label={CONTENT}={content}"
        self.ask(self.docker, "build", "--quiet", label, *options, "-", stdin=context, timeout=1800)

    def content(self, image: str) -> str:
        """Return what a built image says it was made of, "" where it does not.

        Raises:
            SandboxError: it is not here.
        """
        form = f'{{{{index .Config.Labels "{CONTENT}"}}}}'
        return self.ask(self.docker, "image", "inspect", "--format", form, image).strip()

    def identity(self, image: str) -> str:
        """Return the engine's own name of an image's content.

        Raises:
            SandboxError: it is not here.
        """
        return self.ask(self.docker, "image", "inspect", "--format", "{{.Id}}", image).strip()

    def digest(self, image: str) -> str:
        """Return the digest an image that is here was pulled by, "" of one that was loaded.

        Raises:
            SandboxError: it is not here.
        """
        form = ("image", "inspect", "--format", "{{range .RepoDigests}}{{.}} {{end}}", image)
        pulled = self.ask(self.docker, *form).split()
        return pulled[0].partition("@")[2] if pulled else ""

    def pull(self, image: str, digest: str, platform: str = "") -> None:
        """Get an image, by its digest where one is known, and give it its tag.

        `platform` is another one than the engine's own.

        Raises:
            SandboxError: it could not be had.
        """
        which = ("--platform", platform) if platform else ()
        if not digest:
            self.ask(self.docker, "pull", "--quiet", *which, image, timeout=1800)
            return
        exact = f"{image.rpartition(':')[0]}@{digest}"
        self.ask(self.docker, "pull", "--quiet", *which, exact, timeout=1800)
        self.ask(self.docker, "tag", exact, image)


FIXES: Final[Mapping[str, str]] = {
    "docker": "apt-get install docker.io, or another engine with its command",
    "k3d": "install k3d 5.8 (https://k3d.io, or built by Go from github.com/k3d-io/k3d/v5)",
}


def trouble(output: bytes) -> str:
    """Return what a command complains of, on one line: k3d's longest error, else the last line.

    Of k3d's errors one has the reason in it, and the others only that there was one.
    """
    text = _ANSI.sub("", output.decode("utf-8", "replace"))
    found = max(_TROUBLE.findall(text), key=len, default="")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return found or (lines[-1] if lines else "it said nothing")


# ---------------------------------------------------------------------- a step on a node
def step_folder(number: int) -> str:
    """Return the folder of a step on a node; its block, its environment, its work folder."""
    return f"/kbtool-step-{number}"


def step_archive(number: int, request: Mapping[str, Any]) -> bytes:
    """Return a tar archive of a step's folder: secrets and values stand in files only."""
    folder = step_folder(number).lstrip("/")
    exports = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in request["env"].items())
    files = {"block": request["script"].encode(), "environment": exports.encode()}
    files |= {f"secrets/{name}": text.encode() for name, text in request["secrets"].items()}
    files |= {f"work/{path}": bytes.fromhex(data) for path, data in request["files"].items()}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in _folders(files, folder):
            _add(archive, path, None)
        for path, data in files.items():
            _add(archive, f"{folder}/{path}", data)
    return target.getvalue()


def _folders(files: Mapping[str, bytes], folder: str) -> Iterator[str]:
    """Yield every folder of the archive, parents first."""
    parents = {str(parent) for path in files for parent in Path(path).parents} | {"work", "secrets"}
    for parent in sorted(parents - {"."}):
        yield f"{folder}/{parent}"


def _add(archive: tarfile.TarFile, path: str, data: bytes | None) -> None:
    entry = tarfile.TarInfo(path)
    entry.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
    entry.mode = 0o700 if data is None else 0o400
    entry.size = len(data or b"")
    archive.addfile(entry, io.BytesIO(data or b""))


def step_command(container: str, number: int, shell: str, flags: Sequence[str]) -> list[str]:
    """Return the arguments of `docker exec` that run a step, with limits, in its folder."""
    folder = step_folder(number)
    script = (
        f"echo $$ > {folder}/pid; {_LIMITS}; umask 022; . {folder}/environment; "
        f"export KB_SECRETS={folder}/secrets; exec {shlex.join([shell, *flags])} {folder}/block"
    )
    return ["exec", "--workdir", f"{folder}/work", container, "sh", "-c", script]


def kill_command(container: str, number: int) -> list[str]:
    """Return the arguments of `docker exec` that end a step and all that descends from it.

    Parents are looked up again until nothing is left: a session of its own does not hide a child.
    """
    script = (
        f"p=$(cat {step_folder(number)}/pid) || exit 0; all=$p; "
        'while [ -n "$all" ]; do next=; for q in $all; do for s in /proc/[0-9]*/stat; do '
        "read -r line < $s 2>/dev/null || continue; set -- ${line##*) }; "
        '[ "$2" = "$q" ] && { n=${s#/proc/}; next="$next ${n%/stat}"; }; done; '
        'kill -STOP $q 2>/dev/null; done; dead="$dead $all"; all=$next; done; '
        "kill -KILL $dead 2>/dev/null; exit 0"
    )
    return ["exec", container, "sh", "-c", script]


@contextlib.contextmanager
def laid_out(
    engine: Engine, container: str, number: int, request: Mapping[str, Any]
) -> Iterator[None]:
    """Put a step's folder on a node for as long as it is needed."""
    engine.ask(engine.docker, "cp", "-", f"{container}:/", stdin=step_archive(number, request))
    try:
        yield
    finally:
        engine.ask(engine.docker, "exec", container, "rm", "-rf", step_folder(number))
