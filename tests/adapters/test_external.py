"""External links, against a real server on loopback; no other address is contacted."""

import json
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.tls import Authority

from kbtool.adapters import external
from kbtool.adapters.external import FILE, Asking
from kbtool.app.lint import lint_project
from kbtool.graph.conventions import External, Production

LOCAL = External(private=True)
NO_PRODUCTION = Production()


class Host(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        host = self.server
        with host.lock:
            host.asked.append((self.command, self.path))
            host.now += 1
            host.most = max(host.most, host.now)
        time.sleep(0.01)
        with host.lock:  # before the answer: who has it may ask again before we come back
            host.now -= 1
        self.react(host, self.path.strip("/").partition("?")[0])

    do_HEAD = do_GET = answer  # noqa: N815 -- the names http.server looks for

    def react(self, host, what):
        times = Counter(host.asked)[self.command, self.path]
        if what == "gone":
            self.say(404)
        elif what == "no-head":
            self.say(405 if self.command == "HEAD" else 200)
        elif what == "head-lies":
            self.say(404 if self.command == "HEAD" else 200)
        elif what == "flaky":
            self.say(503 if times == 1 else 200)
        elif what == "busy":
            self.say(429 if times == 1 else 200, {"Retry-After": "1"})
        elif what == "patience":
            self.say(429, {"Retry-After": "3600"})
        elif what == "forbidden":
            self.say(403)
        elif what == "broken":
            self.say(500)
        elif what == "cut":
            self.connection.close()
        elif what == "slow":
            time.sleep(1.5)
            self.say(200)
        elif what == "moved":
            self.say(301, {"Location": "/fine"})
        elif what == "moved-to-gone":
            self.say(302, {"Location": "/gone"})
        elif what == "circle":
            self.say(302, {"Location": "/circle2"})
        elif what == "circle2":
            self.say(302, {"Location": "/circle"})
        elif what == "endless":
            self.say(302, {"Location": f"/endless?{time.monotonic_ns()}"})
        elif what == "nonsense":
            self.say(302, {"Location": "http://[x/"})
        elif what == "to":
            self.say(302, {"Location": self.path.partition("?")[2]})
        elif what == "inwards":
            self.say(302, {"Location": "http://169.254.169.254/latest/meta-data"})
        elif what == "other":
            self.say(302, {"Location": "ftp://127.0.0.1/x"})
        else:
            self.say(200)

    def say(self, status, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(
        external, "Timeout", lambda **_: external.urllib3.Timeout(connect=1, read=0.5)
    )
    with serving(Host()) as server:
        yield server


@contextmanager
def serving(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(host, *paths, allowed=LOCAL, production=NO_PRODUCTION, folder=None):
    found = Asking(allowed, production, folder).answers(map(host.url, paths))
    return {url.removeprefix(host.url("")): why for url, why in found.dead.items()}, found.unknown


@pytest.mark.parametrize("path", ["/fine", "/no-head", "/head-lies", "/flaky", "/busy", "/moved"])
def test_what_answers_in_the_end_is_there(host, path):
    assert ask(host, path) == ({}, {})


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/gone", "answers 404"),
        ("/moved-to-gone", "answers 404"),
        ("/circle", "redirects in a circle"),
        ("/endless", "redirects more than 6 times"),
    ],
)
def test_what_the_host_itself_says_is_gone_is_dead(host, path, why):
    assert ask(host, path) == ({path: why}, {})


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/forbidden", "answered 403"),
        ("/broken", "answered 500"),
        ("/cut", "did not answer"),
        ("/slow", "did not answer"),
        ("/patience", "asks for patience"),
        ("/other", "leads to another protocol"),
        ("/nonsense", "is no address"),
        ("/inwards", "has an address that is nobody's to check"),
    ],
)
def test_what_nobody_can_tell_is_no_finding(host, path, why):
    assert ask(host, path) == ({}, {why: 1})


@pytest.mark.parametrize(
    "url",
    ["http://[x/", "http://a\u2100b.example/", "http://x.example:99999/", "http://x.example:y/"],
)
def test_what_is_no_address_is_no_finding(url):
    found = Asking(LOCAL, NO_PRODUCTION, None).answers([url])
    assert found == external.Answers({}, {"is no address": 1})


def test_a_path_with_accents_is_asked_for(host):
    assert ask(host, "/été") == ({}, {})
    assert host.asked == [("HEAD", "/%C3%A9t%C3%A9")]


def test_retry_after_is_waited_for(host):
    begin = time.monotonic()
    ask(host, "/busy")
    assert time.monotonic() - begin >= 1


def test_a_host_that_does_not_answer_is_not_asked_again(host):
    assert ask(host, "/cut", "/cut?2", "/cut?3") == ({}, {"did not answer": 3})
    assert {path for _, path in host.asked} == {"/cut"}


def test_a_host_is_asked_one_thing_at_a_time(host):
    ask(host, *(f"/fine?{number}" for number in range(20)))
    assert len(host.asked) == 20
    assert host.most == 1


def test_hosts_are_asked_side_by_side(host):
    """Two names of one: so the count above would see a second question."""
    other = host.url("").replace("127.0.0.1", "127.1")
    urls = [f"{name}/fine?{number}" for name in (host.url(""), other) for number in range(20)]
    Asking(LOCAL, NO_PRODUCTION, None).answers(urls)
    assert len(host.asked) == 40
    assert host.most == 2


def test_an_anchor_is_not_part_of_the_question(host):
    found = Asking(LOCAL, Production(), None).answers([host.url("/gone#a"), host.url("/gone#b")])
    assert list(found.dead) == [host.url("/gone")]
    assert [method for method, _ in host.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("allowed", "production", "why"),
    [
        (External(), Production(), "has a private address (external.private allows them)"),
        (
            External(private=True, skip=("127.0.0.1",)),
            Production(),
            "is never contacted (production, or skip)",
        ),
        (LOCAL, Production(addresses=("127.0.0.1",)), "is never contacted (production, or skip)"),
        (LOCAL, Production(addresses=("0x7F000001",)), "is never contacted (production, or skip)"),
    ],
)
def test_a_host_that_may_not_be_contacted_is_not(host, allowed, production, why):
    assert ask(host, "/gone", allowed=allowed, production=production) == ({}, {why: 1})
    assert host.asked == []


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("erp.lab.example", ["127.0.0.1"]),  # below a name of production
        ("alias.example", ["192.0.2.7"]),  # another name for an address of production
        ("alias.example", ["::ffff:192.0.2.7"]),
        ("alias.example", ["127.0.0.1", "192.0.2.7"]),  # one of its addresses is
        ("erp.lab\u3002example", ["127.0.0.1"]),  # its name, in other letters
        ("b\u00fccher.example", ["127.0.0.1"]),
    ],
)
def test_production_is_not_contacted_by_any_name(host, monkeypatch, name, addresses):
    def found(_host, port, **_):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    production = Production(
        names=("lab.example", "xn--bcher-kva.example"), addresses=("192.0.2.7",)
    )
    answers = Asking(LOCAL, production, None).answers([f"http://{name}:{host.server_port}/gone"])
    assert answers.unknown == {"is never contacted (production, or skip)": 1}
    assert host.asked == []


def test_an_address_of_production_is_known_however_it_was_configured(monkeypatch):
    answer = [(0, 0, 0, "", ("fd00::7", 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    production = Production(addresses=("FD00:0::07",))
    answers = Asking(LOCAL, production, None).answers(["http://alias.example/"])
    assert answers.unknown == {"is never contacted (production, or skip)": 1}


def test_the_address_that_was_judged_is_the_one_contacted(host, monkeypatch):
    """A name that answers differently the second time leads nowhere else."""
    times, contacted = [], []
    lookup = socket.getaddrinfo

    def found(name, port, *rest, **options):
        if name != "x.example":
            contacted.append(name)
            return lookup(name, port, *rest, **options)
        times.append(port)
        address = "127.0.0.1" if len(times) == 1 else "192.0.2.7"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    url = f"http://x.example:{host.server_port}/fine"
    assert Asking(LOCAL, Production(), None).answers([url]) == external.Answers({}, {})
    assert set(contacted) == {"127.0.0.1"}
    assert len(times) == 1


def test_answers_are_kept_for_a_while(host, tmp_path, monkeypatch):
    for _ in range(2):
        assert ask(host, "/fine", "/gone", folder=tmp_path) == ({"/gone": "answers 404"}, {})
    assert len(host.asked) == 3  # HEAD fine; HEAD and GET gone
    later = time.time() + 2 * 3600
    monkeypatch.setattr(external.time, "time", lambda: later)
    ask(host, "/fine", "/gone", folder=tmp_path)
    assert [path for _, path in host.asked[3:]] == ["/gone", "/gone"]


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', '{"x": [1, 2, 3]}', "\0"])
def test_a_damaged_cache_is_no_cache(host, tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert ask(host, "/gone", folder=tmp_path) == ({"/gone": "answers 404"}, {})
    assert host.url("/gone") in json.loads((tmp_path / FILE).read_text())


def test_lint_asks_only_when_told_to_and_warns(host, tmp_path):
    (tmp_path / "kbtool.toml").write_text('preset = "plain"\n[external]\nprivate = true\n')
    text = f"# A\n\n[x]({host.url('/gone')}#y) [z]({host.url('/fine')})\n"
    (tmp_path / "a.md").write_text(text)
    plain = lint_project([str(tmp_path)], cached=False)
    assert (plain.findings, host.asked) == ((), [])
    lint_project([str(tmp_path)], select=["KB110"], cached=False)
    assert host.asked == []
    done = lint_project([str(tmp_path)], external=True, cached=False)
    assert [(f.rule, f.severity) for f in done.findings] == [("KB110", "warning")]
    assert done.findings[0].message.endswith("/gone answers 404")
    (tmp_path / "kbtool.toml").write_text('preset = "plain"\n')
    refused = lint_project([str(tmp_path)], external=True, cached=False)
    assert refused.findings == ()
    assert any(
        note.startswith("2 external links not judged: has a private") for note in refused.notices
    )


@pytest.mark.parametrize(
    ("configured", "ignore"),
    [("", ["KB110"]), ("", ["external-link"]), ('ignore = ["KB110"]\n', [])],
)
def test_lint_asks_nobody_where_the_rule_is_ignored(host, tmp_path, configured, ignore):
    settings = f'preset = "plain"\n{configured}[external]\nprivate = true\n'
    (tmp_path / "kbtool.toml").write_text(settings)
    (tmp_path / "a.md").write_text(f"# A\n\n[x]({host.url('/gone')})\n")
    done = lint_project([str(tmp_path)], external=True, ignore=ignore, cached=False)
    assert (done.findings, host.asked) == ((), [])
    assert "no host was asked for external links: KB110 is ignored" in done.notices


def test_lint_asks_nothing_for_a_folder_that_ignores_the_rule(host, tmp_path):
    settings = """
        preset = "plain"
        external.private = true
        [[overrides]]
        folder = "old"
        ignore = ["KB110"]
    """
    (tmp_path / "kbtool.toml").write_text(settings)
    (tmp_path / "old").mkdir()
    for path in ("a.md", "old/b.md"):
        (tmp_path / path).write_text(f"# A\n\n[x]({host.url('/gone')}?{path})\n")
    done = lint_project([str(tmp_path)], external=True, select=["KB101"], cached=False)
    assert [finding.path for finding in done.findings] == ["a.md"]
    assert {path for _, path in host.asked} == {"/gone?a.md"}


# ---------------------------------------------------------------------- https
class SecureHost(Host):
    """Speaks TLS; `called` are the names it was called by."""

    def __init__(self, certificate):
        super().__init__()
        self.called = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: self.called.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_):
        """Say nothing: a caller who hangs up is what these tests are about."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """This machine trusts the authority; every name is this machine."""
    lookup = socket.getaddrinfo

    def found(name, port, *rest, **options):
        local = name if name[0].isdigit() else "127.0.0.1"
        return lookup(local, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    return authority


def asked_securely(certificate, name, *paths):
    """Return what is dead, what nobody can tell, the questions, and the names that were called."""
    with serving(SecureHost(certificate)) as server:
        start = f"https://{name}:{server.server_port}"
        found = Asking(LOCAL, NO_PRODUCTION, None).answers(start + path for path in paths)
        dead = {url.removeprefix(start): why for url, why in found.dead.items()}
        return dead, found.unknown, server.asked, set(server.called)


def test_a_certificate_of_that_name_is_answered(trusted):
    certificate = trusted.certificate("site.example")
    dead, unknown, asked, called = asked_securely(certificate, "site.example", "/fine", "/gone")
    assert (dead, unknown) == ({"/gone": "answers 404"}, {})
    assert asked == [("HEAD", "/fine"), ("HEAD", "/gone"), ("GET", "/gone")]
    assert called == {"site.example"}  # the address was judged, and the name is called


def test_a_certificate_of_an_address_is_answered(trusted):
    dead, unknown, *_ = asked_securely(trusted.certificate("127.0.0.1"), "127.0.0.1", "/gone")
    assert (dead, unknown) == ({"/gone": "answers 404"}, {})


def test_a_name_with_accents_is_called_as_it_is_certified(trusted):
    certificate = trusted.certificate("xn--bcher-kva.example")
    dead, unknown, _, called = asked_securely(certificate, "bücher.example", "/gone")
    assert (dead, unknown) == ({"/gone": "answers 404"}, {})
    assert called == {"xn--bcher-kva.example"}


@pytest.mark.parametrize(
    ("names", "how"),
    [
        (("other.example",), {}),
        (("127.0.0.1",), {}),  # the address, and not the name that was asked for
        (("site.example",), {"signed": False}),
        (("site.example",), {"days_ago": 30}),
    ],
)
def test_a_certificate_that_does_not_hold_is_no_answer(trusted, names, how):
    certificate = trusted.certificate(*names, **how)
    dead, unknown, asked, _ = asked_securely(certificate, "site.example", "/gone", "/fine")
    assert (dead, unknown) == ({}, {"has a certificate that does not hold": 2})
    assert asked == []  # nothing was said to whoever that is


def test_an_authority_nobody_trusts_is_no_answer(trusted, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).path))
    dead, unknown, asked, _ = asked_securely(
        trusted.certificate("site.example"), "site.example", "/gone"
    )
    assert (dead, unknown, asked) == ({}, {"has a certificate that does not hold": 1}, [])


def test_a_redirect_to_a_certificate_that_does_not_hold_is_no_answer(trusted, host):
    with serving(SecureHost(trusted.certificate("other.example"))) as server:
        where = f"https://site.example:{server.server_port}/gone"
        found = Asking(LOCAL, NO_PRODUCTION, None).answers([host.url(f"/to?{where}")])
    assert found == external.Answers({}, {"has a certificate that does not hold": 1})


def test_a_server_that_speaks_no_tls_is_no_answer(trusted, host):
    url = f"https://site.example:{host.server_port}/gone"
    found = Asking(LOCAL, NO_PRODUCTION, None).answers([url])
    assert not found.dead
    assert sum(found.unknown.values()) == 1
