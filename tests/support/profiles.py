"""The profiles of this project, as tests that hold for each of them need them."""

import pytest

from kbtool.runbook.expectation import parse_expectation
from kbtool.runbook.judge import judge, query_of
from kbtool.sandbox import assets
from kbtool.sandbox.loader import load_profiles
from kbtool.sandbox.needs import lacking, programs_of
from kbtool.text import Span
from support.sandbox import ROOT

FOLDER = ROOT / "sandbox" / "profiles"
PROFILES = {profile.name: profile for profile in load_profiles(FOLDER)}
ALONE = {found.name: found for found in [PROFILES["vm"].only("pi2")]}
STAGES = PROFILES | ALONE


def each():
    """A parameter for each profile; those that need programs of a control plane are slow."""
    return [_parameter(name, (name,)) for name in STAGES]


def each_fault():
    """A parameter for each fault of each profile."""
    return [
        _parameter(name, (name, fault)) for name, found in STAGES.items() for fault in found.faults
    ]


def _parameter(name, values):
    found = STAGES[name]
    slow = programs_of(found) or found.guests
    marks = [pytest.mark.slow, pytest.mark.timeout(1800)] if slow else []
    return pytest.param(*values, marks=marks, id="-".join(values))


def lacks(profile):
    """What the profile needs beside programs that a fixture builds, and this machine has not."""
    return [what for what, _, _ in lacking(profile) if what not in assets.PACKAGES]


def shows(sandbox, source):
    """Whether a check is green at this moment."""
    check = parse_expectation(source, Span(0, 0)).check
    return judge(check, sandbox.observe(query_of(check, {}), 5), {}).color == "green"
