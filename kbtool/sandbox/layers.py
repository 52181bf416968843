"""The boundary, measured: each layer by an attempt that succeeds outside and must fail inside.

A sandbox that calls itself confined proves nothing; only a measurement with a positive control
does. It is made before each run, and no page is verified unless every layer held.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kbtool.runbook.ports import Layer

# What a step's environment may hold; everything else would be the operator's.
ALLOWED_ENV: Final = frozenset(
    {"PATH", "HOME", "LANG", "TERM", "KB_SECRETS", "PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"}
    | {"BAO_ADDR", "VAULT_ADDR", "PGHOST", "PGPORT", "PGDATABASE", "KUBECONFIG"}
)

_PROBE: Final = """
import ctypes, json, os, socket, sys
def tries(action):
    try:
        action()
    except OSError:
        return False
    return True
def connects(family, address):
    def action():
        with socket.socket(family) as s:
            s.settimeout(2)
            s.connect(address)
    return tries(action)
def writes(path):
    return tries(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)))
status = {k: v.strip() for k, _, v in (l.partition(":") for l in open("/proc/self/status"))}
seen = {
    "tcp": connects(socket.AF_INET, ("127.0.0.1", TCP)),
    "abstract": connects(socket.AF_UNIX, "\\0" + ABSTRACT),
    "path": connects(socket.AF_UNIX, PATH),
    "file": os.path.exists(FILE),
    "stdin": len(os.read(0, 1)),
    "descriptors": [n for n in map(int, os.listdir("/proc/self/fd")) if tries(lambda: os.fstat(n))],
    "environment": sorted(os.environ),
    "capabilities": status["CapEff"],
    "no_new_privs": status["NoNewPrivs"],
    "pids": sorted(int(n) for n in os.listdir("/proc") if n.isdigit()),
    "usr": writes("/usr/kbtool-probe"),
    "sysctl": tries(lambda: open("/proc/sys/kernel/core_pattern", "r+").close()),
    "interfaces": sorted(l.split(":")[0].strip() for l in open("/proc/net/dev").readlines()[2:]),
}
seen["userns"] = ctypes.CDLL(None).unshare(0x10000000) == 0
print(json.dumps(seen))
"""


def inside_view(tcp: int, abstract: str, file: str, path: str) -> str:
    """Return the block that tries, inside, what the control did outside."""
    code = f"TCP, ABSTRACT, FILE, PATH = {tcp!r}, {abstract!r}, {file!r}, {path!r}{_PROBE}"
    return f"exec python3 -I -c {shlex.quote(code)}"


def measured(answer: Mapping[str, Any], control: Mapping[str, bool]) -> Iterator[Layer]:
    """Yield each layer with whether it held.

    Args:
        answer: what the supervisor gathered.
        control: name of an attempt → whether it succeeded outside; without that, nothing is proven.
    """
    try:
        seen = json.loads(answer["seen"]["stdout"])
    except (ValueError, KeyError):
        yield Layer("probe", held=False, detail=str(answer["seen"].get("stderr", ""))[-200:])
        return
    for name, what in _ATTEMPTS.items():
        if not control.get(name):
            yield Layer(what, held=False, detail="the control outside failed: nothing is proven")
        else:
            yield Layer(what, held=not seen[name], detail="" if not seen[name] else "reached")
    for what, check in _CHECKS.items():
        detail = check(seen, answer)
        yield Layer(what, held=not detail, detail=detail)
    for name, interfaces in answer["servers"].items():
        held = interfaces == ["lo"]
        yield Layer(f"no route from {name}", held=held, detail="" if held else str(interfaces))
    for name, reached in answer["guests"].items():
        held = not reached and control.get("tcp", False)
        yield Layer(f"no network in {name}", held=held, detail=str(reached or ""))
    for name, proof in answer["proofs"].items():
        yield Layer(f"identity of {name}", held=True, detail=proof)


_ATTEMPTS: Final[Mapping[str, str]] = {
    "tcp": "no network",
    "abstract": "no abstract sockets of the host",
    "path": "no sockets of the host",
    "file": "no files of the operator",
}


def _differs(text: str, *, bad: bool) -> str:
    return text if bad else ""


def _own_uid(_seen: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    return _differs("the supervisor's real uid is 0", bad=answer["own"]["uid"] == 0)


def _environment(seen: Mapping[str, Any], _answer: Mapping[str, Any]) -> str:
    return ", ".join(sorted(set(seen["environment"]) - ALLOWED_ENV))


def _supervisor_net(_seen: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    return ", ".join(name for name in answer["own"]["interfaces"] if name != "lo")


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]]] = {
    "real unprivileged uid": _own_uid,
    "no capabilities": lambda s, _: _differs(
        s["capabilities"], bad=int(s["capabilities"], 16) != 0
    ),
    "no new privileges": lambda s, _: _differs("not set", bad=s["no_new_privs"] != "1"),
    "no nested user namespace": lambda s, _: _differs("made one", bad=s["userns"]),
    "nothing on stdin": lambda s, _: _differs("something", bad=s["stdin"] != 0),
    "no inherited descriptors": lambda s, _: _differs(
        str(s["descriptors"]), bad=not set(s["descriptors"]) <= {0, 1, 2}
    ),
    "no operator environment": _environment,
    "own processes only": lambda s, _: _differs(str(s["pids"][:9]), bad=len(s["pids"]) > 8),
    "read-only system": lambda s, _: _differs("/usr is writable", bad=s["usr"]),
    "no host settings": lambda s, _: _differs("/proc/sys is writable", bad=s["sysctl"]),
    "loopback only": lambda s, _: _differs(str(s["interfaces"]), bad=s["interfaces"] != ["lo"]),
    "no route from checks": _supervisor_net,
}
