"""Whether what an external link names is there. The only door to urllib3; asked for, never else.

A host is resolved once, every address of it is held against what may be contacted, and the
connection goes to the address that was judged: a name cannot lead elsewhere afterwards. So it is
for every redirect. No proxy of the environment is used, no cookie, no credential.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Retry, Timeout

from kbtool import cache
from kbtool.graph.conventions import External, Production
from kbtool.hosts import below, canonical, named, spelt

FILE: Final = "external-1.json"
_FRESH: Final = {True: 7 * 86400, False: 3600}  # seconds an answer is kept: there, gone
_HOSTS: Final = 16  # asked at once; one request at a time each
_HOPS: Final = 6
_TRIES: Final = 3
_LONGEST_WAIT: Final = 10.0  # that a host may ask for
_GONE: Final = frozenset({404, 410})
_AGENT: Final = "kbtool (link checker; asks once a week)"


class _Unknown(Exception):
    """Nobody can tell: refused by policy, busy, or not answering."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Why each dead address is dead, and how many could not be judged, by reason."""

    dead: Mapping[str, str]
    unknown: Mapping[str, int]


class Asking:
    """One run over external addresses."""

    def __init__(self, allowed: External, production: Production, folder: Path | None) -> None:
        """Take what may be contacted, what never, and the cache's folder (None: none)."""
        self._allowed = allowed
        self._production = production
        self._file = folder / FILE if folder else None
        self._silent: set[str] = set()  # hosts that did not answer

    def answers(self, urls: Iterable[str]) -> Answers:
        """Ask for every address that is not known yet; hosts side by side, each in turn."""
        known = self._known()
        hosts: dict[str, list[str]] = {}
        wanted = sorted({url.partition("#")[0] for url in urls})
        for url in wanted:
            if url not in known:
                hosts.setdefault(_host(url), []).append(url)
        told: dict[str, str] = {}
        unknown: dict[str, int] = {}
        with ThreadPoolExecutor(_HOSTS) as pool:
            for answers in pool.map(self._in_turn, hosts.values()):
                for url, why, sure in answers:
                    if sure:
                        told[url] = why
                    else:
                        unknown[why] = unknown.get(why, 0) + 1
        self._keep(told)
        known |= told
        return Answers({url: known[url] for url in wanted if known.get(url)}, unknown)

    def _in_turn(self, urls: Sequence[str]) -> list[tuple[str, str, bool]]:
        return [(url, *self._judged(url)) for url in urls]

    def _judged(self, url: str) -> tuple[str, bool]:
        """Return (why it is dead, "" for there; or why nobody can tell, and whether that is so)."""
        try:
            return self._followed(url), True
        except _Unknown as why:
            return str(why), False
        except ValueError:
            return "is no address", False

    # ------------------------------------------------------------------ one address
    def _followed(self, url: str) -> str:
        seen = []
        for _ in range(_HOPS):
            if url in seen:
                return "redirects in a circle"
            seen.append(url)
            status, where = self._status(url)
            if where is None:
                return f"answers {status}" if status in _GONE else ""
            url = urljoin(url, where).partition("#")[0]
            if urlsplit(url).scheme not in ("http", "https"):
                raise _Unknown("leads to another protocol")
        return f"redirects more than {_HOPS} times"

    def _status(self, url: str) -> tuple[int, str | None]:
        """Return what a host answers, and where it redirects to; HEAD first, GET if refused."""
        status, where = self._tried("HEAD", url)
        if status >= 400:
            status, where = self._tried("GET", url)
        if status >= 400 and status not in _GONE:
            raise _Unknown(f"answered {status}")
        return status, where

    def _tried(self, method: str, url: str) -> tuple[int, str | None]:
        host = _host(url)
        if not host:
            raise ValueError(url)
        if host in self._silent:
            raise _Unknown("did not answer")
        wait = 0.2
        for left in reversed(range(_TRIES)):
            try:
                status, where, asked = self._once(method, url)
            except SSLError as error:
                raise _Unknown("has a certificate that does not hold") from error
            except (HTTPError, OSError, ValueError) as error:
                if not left:
                    self._silent.add(host)
                    raise _Unknown("did not answer") from error
            else:
                if status not in (429, 500, 502, 503, 504) or not left:
                    return status, where
                if asked > _LONGEST_WAIT:
                    raise _Unknown("asks for patience")
                wait = max(wait, asked)
            time.sleep(wait)
            wait *= 3
        raise AssertionError("unreachable")

    def _once(self, method: str, url: str) -> tuple[int, str | None, float]:
        parts = urlsplit(url)
        host = _host(url)
        address = self._address(host, parts.port or (443 if parts.scheme == "https" else 80))
        timeout = Timeout(connect=5, read=10)
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address,
                parts.port or 443,
                timeout=timeout,
                server_hostname=host,
                assert_hostname=host,
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=timeout)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        called = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
        headers = {"Host": f"{called}{port}", "User-Agent": _AGENT}
        with pool:
            answer = pool.urlopen(
                method,
                target,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            where = answer.headers.get("Location") if 300 <= answer.status < 400 else None
            asked = answer.headers.get("Retry-After")
            answer.close()
        return answer.status, where, _seconds(asked)

    # ------------------------------------------------------------------ what may be contacted
    def _address(self, host: str, port: int) -> str:
        """Return an address of the host, once all of them may be contacted.

        Raises:
            _Unknown: one may not, or the name has none.
        """
        if named(host, self._production) or below(host, self._allowed.skip):
            raise _Unknown("is never contacted (production, or skip)")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _Unknown("has a name that is not found") from error
        addresses = [str(each[4][0]) for each in found]
        for each in addresses:
            self._allow(each)
        return addresses[0]

    def _allow(self, address: str) -> None:
        ip = ip_address(canonical(address.partition("%")[0]))
        if named(str(ip), self._production):
            raise _Unknown("is never contacted (production, or skip)")
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise _Unknown("has an address that is nobody's to check")
        if not ip.is_global and not self._allowed.private:
            raise _Unknown("has a private address (external.private allows them)")

    # ------------------------------------------------------------------ what is kept
    def _known(self) -> dict[str, str]:
        now = time.time()
        return {
            url: why for url, (at, why) in self._read().items() if 0 <= now - at < _FRESH[not why]
        }

    def _read(self) -> dict[str, tuple[float, str]]:
        if self._file is None:
            return {}
        try:
            kept = json.loads(self._file.read_bytes())
            return {str(url): (float(at), str(why)) for url, (at, why) in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def _keep(self, told: Mapping[str, str]) -> None:
        if self._file is None or not told:
            return
        now = time.time()
        old = {url: each for url, each in self._read().items() if now - each[0] < _FRESH[True]}
        kept: dict[str, Any] = old | {url: (now, why) for url, why in told.items()}
        with contextlib.suppress(OSError):
            cache.put(str(self._file), json.dumps(kept).encode())


def _host(url: str) -> str:
    """Return the host of an address as it is asked for, "" where that is none."""
    try:
        parts = urlsplit(url)
        return spelt(parts.hostname or "") if parts.port is None or parts.port else ""
    except ValueError:
        return ""


def _seconds(asked: str | None) -> float:
    try:
        return max(0.0, Retry().parse_retry_after(asked)) if asked else 0.0
    except HTTPError:
        return 0.0
