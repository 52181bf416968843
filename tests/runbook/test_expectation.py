from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.runbook.expectation import GrammarError, duration, parse_expectation
from kbtool.runbook.model import (
    Comparison,
    ExitCheck,
    HttpCheck,
    K8sCheck,
    RunCheck,
    SqlCheck,
    StdoutCheck,
)
from kbtool.text import Span

PLACE = Span(0, 0)


@pytest.mark.parametrize(
    ("source", "check", "within"),
    [
        ("exit 3", ExitCheck(3), 0),
        ("`exit 0`", ExitCheck(0), 0),
        ("`stdout =~ /^a|b$/`", StdoutCheck("^a|b$", None), 0),
        ("`stdout json {.a[0].b} >= 2`", StdoutCheck(None, Comparison(".a[0].b", ">=", "2")), 0),
        ("`k8s deploy/erp -n erp {.status.readyReplicas} == 1` within 5m", K8sCheck("deploy/erp", "erp", Comparison(".status.readyReplicas", "==", "1")), 300),
        ('`k8s nodes/pi1 {.status.conditions[?(@.type=="Ready")].status} == True`', K8sCheck("nodes/pi1", None, Comparison('.status.conditions[?(@.type=="Ready")].status', "==", "True")), 0),
        ("`k8s pvc/erp -n erp absent` within 30s", K8sCheck("pvc/erp", "erp", Comparison("", "absent", None)), 30),
        ("`http vault/v1/sys/health?x=1 {.sealed} == false`", HttpCheck("vault", "/v1/sys/health?x=1", Comparison(".sealed", "==", "false")), 0),
        ("`http vault/v1/sys/health status op` ", None, 0),
        ("`http vault/v1/sys/health status < 500`", HttpCheck("vault", "/v1/sys/health", Comparison("status", "<", "500")), 0),
        ("""`sql postgres "SELECT 'a = b'" == a = b` within 1h""", SqlCheck("postgres", "SELECT 'a = b'", Comparison("", "==", "a = b")), 3600),
        ("`run test -f x` exit 0", RunCheck("test -f x", 0, None), 0),
        ("`run bao token lookup` exit 2 with secret TOKEN within 10s", RunCheck("bao token lookup", 2, "TOKEN"), 10),
        ("`exit 0` within 3s", None, 0),
        ("`stdout =~ /a/` within 3s", None, 0),
        ("`exit`", None, 0),
        ("`exit 0` and more", None, 0),
        ("`stdout =~ a`", None, 0),
        ("`stdout =~ /(?<=a)b/`", None, 0),
        ("`stdout ~ /a/`", None, 0),
        ("`http vault {.a} == 1`", None, 0),
        ("`http http://10.0.0.1/x {.a} == 1`", None, 0),
        ("`http vault/x {a} == 1`", None, 0),
        ("`http vault/x {.a}`", None, 0),
        ("`http vault/x {.a} = 1`", None, 0),
        ("`sql postgres SELECT 1 == 1`", None, 0),
        ("`exit 0` with secret X", None, 0),
        ("`run true`", None, 0),
        ("`http vault/x {.a} == 1` within a while", None, 0),
        ("`ping pi1`", None, 0),
        ("", None, 0),
    ],
)  # fmt: skip
def test_grammar(source, check, within):
    if check is None:
        with pytest.raises(GrammarError):
            parse_expectation(source, PLACE)
    else:
        found = parse_expectation(source, PLACE)
        assert (found.check, found.within) == (check, within)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), (" `1m` ", 60)]
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@given(st.text(alphabet=" `'\"{}[]()/=<>!~.$exitsdouhpk8rwn0", max_size=60))
def test_any_text_is_read_or_refused(text):
    for kind in ("", "stdout json ", "http vault/", "k8s ", "sql postgres ", "run "):
        with suppress(GrammarError):
            assert parse_expectation(kind + text, PLACE).check
