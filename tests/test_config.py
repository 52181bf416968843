import pytest

from kbtool.config import OPTIONS, config_table, parse_config
from kbtool.errors import ConfigError
from kbtool.graph.conventions import Conventions


def parse(**table):
    return parse_config(
        {key.replace("_", "-"): value for key, value in table.items()}, "kbtool.toml"
    )


def test_every_option_has_a_meaning_and_is_read():
    production = {"addresses": ["192.0.2.7"], "contexts": ["lab"]}
    found = parse(
        base="docs",
        preset="plain",
        select=["KB101"],
        ignore=["dead-anchor"],
        header="list",
        relations={"Related": "Related"},
        evidence_age=30,
        profiles="p",
        production=production,
    )
    assert (found.base, found.preset, found.evidence_age) == ("docs", "plain", 30)
    assert found.production.all() == ("192.0.2.7", "lab")
    assert all(option.help for option in OPTIONS.values())
    assert found.conventions("docs").header == "list"


def test_the_defaults_are_the_cores():
    assert parse().conventions("vibe") == Conventions()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"bse": "x"}, "unknown key 'bse' (did you mean 'base'?)"),
        ({"base": 1}, "base: must be a string"),
        ({"base": "../x"}, "base: must be a folder below the root"),
        ({"base": "a/../../x"}, "base: must be a folder below the root"),
        ({"preset": "all"}, "preset: must be one of lab, plain"),
        ({"select": "KB101"}, "select: must be a list of strings"),
        ({"evidence-age": 0}, "evidence-age: must be a number of days"),
        ({"evidence-age": True}, "evidence-age: must be a number of days"),
        ({"relations": {"Parent": "Child"}}, "inverse 'Child' has no line of its own"),
        ({"production": {"adresses": []}}, "did you mean 'addresses'?"),
        ({"production": []}, "production: must be a table"),
    ],
)
def test_faults(table, said):
    with pytest.raises(ConfigError) as refused:
        parse_config(table, "kbtool.toml")
    assert said in refused.value.message
    assert refused.value.exit_code == 2


def test_all_faults_at_once():
    with pytest.raises(ConfigError) as refused:
        parse_config({"bse": 1, "select": 2}, "kbtool.toml")
    assert refused.value.message.count("\n") == 1


def test_where_it_stands(tmp_path):
    assert config_table(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert config_table(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text('[tool.kbtool]\nbase = "a"\n')
    assert config_table(tmp_path) == ({"base": "a"}, "pyproject.toml")
    (tmp_path / "kbtool.toml").write_text('base = "b"\n')
    assert config_table(tmp_path) == ({"base": "b"}, "kbtool.toml")


@pytest.mark.parametrize("raw", [b"base = [\n", b"\xff\xfe"])
def test_what_is_not_toml(tmp_path, raw):
    (tmp_path / "kbtool.toml").write_bytes(raw)
    with pytest.raises(ConfigError, match="not TOML"):
        config_table(tmp_path)
