import json
import tomllib

import jsonschema
import pytest

from kbtool.config import OPTIONS, Config, config_schema, config_table, parse_config, plain
from kbtool.errors import ConfigError
from kbtool.graph.conventions import Conventions, External
from kbtool.graph.site import Publisher, SiteKind


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
        languages={"guides/": "de"},
        evidence_age=30,
        external={"private": True, "skip": ["x.example"]},
        sites=[{"folder": "docs/", "kind": "hugo"}],
        profiles="p",
        production=production,
    )
    assert (found.base, found.preset, found.evidence_age) == ("docs", "plain", 30)
    assert found.external == External(private=True, skip=("x.example",))
    assert found.sites == (Publisher("docs", SiteKind.HUGO),)
    assert found.production.all() == ("192.0.2.7", "lab")
    assert all(option.help for option in OPTIONS.values())
    assert found.conventions("docs").header == "list"
    assert found.conventions("docs").languages == {"guides": "de"}


def test_the_defaults_are_the_cores():
    assert parse().conventions("vibe") == Conventions()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"bse": "x"}, "unknown key 'bse' (did you mean 'base'?)"),
        ({"base": 1}, "base: must be a string"),
        ({"base": "../x"}, "base: must be a folder below the root"),
        ({"base": "a/../../x"}, "base: must be a folder below the root"),
        ({"base": "a\0b"}, "base: must be a folder below the root"),
        ({"profiles": "../p"}, "profiles: must be a folder below the root"),
        ({"header": "alert"}, "header: must be one of quote, list"),
        ({"production": {"names": "x"}}, "production: must be a list of strings"),
        ({"preset": "all"}, "preset: must be one of lab, plain"),
        ({"select": "KB101"}, "select: must be a list of strings"),
        ({"evidence-age": 0}, "evidence-age: must be a number of days"),
        ({"evidence-age": True}, "evidence-age: must be a number of days"),
        ({"relations": {"Parent": "Child"}}, "inverse 'Child' has no line of its own"),
        ({"languages": {"a": "French"}}, "languages: 'French' is no ISO 639-1 code"),
        ({"languages": {"../a": "fr"}}, "languages: must be a folder below the root"),
        ({"languages": "fr"}, "languages: must be a table of strings"),
        ({"external": {"private": 1}}, "external: private: must be true or false"),
        ({"external": {"skp": []}}, "unknown key 'skp' (did you mean 'skip'?)"),
        ({"sites": "hugo"}, "sites: must be a list of tables"),
        (
            {"sites": [{"folder": "../d", "kind": "hugo"}]},
            "sites: 1: folder: must be a folder below",
        ),
        (
            {"sites": [{"folder": "d", "kind": "jekyll"}]},
            "sites: 1: kind: must be one of forge, mkdocs",
        ),
        ({"sites": [{"kind": "hugo"}]}, "sites: 1: has no folder"),
        ({"sites": [{"folder": "d", "kid": "hugo"}]}, "unknown key 'kid' (did you mean 'kind'?)"),
        ({"production": {"adresses": []}}, "did you mean 'addresses'?"),
        ({"production": []}, "production: must be a table"),
        ({"select": ["KB999"]}, "select: unknown rule 'KB999' (did you mean 'KB"),
        ({"ignore": ["dead-lnk"]}, "ignore: unknown rule 'dead-lnk' (did you mean 'dead-link'?)"),
        ({"severity": {"KB101": "fatal"}}, "severity: KB101: must be one of error, warning"),
        ({"severity": {"KB101": ["error"]}}, "severity: KB101: must be one of error, warning"),
        ({"severity": {"KB1": "error"}}, "severity: unknown rule 'KB1'"),
        ({"rules": {"KB413": {"page": 1}}}, "unknown option 'page' (did you mean 'pages'?)"),
        ({"rules": {"KB413": {"pages": "1"}}}, "KB413: pages: must be a number, at least 0"),
        ({"rules": {"KB413": {"pages": True}}}, "KB413: pages: must be a number, at least 0"),
        ({"rules": {"KB413": {"pages": -1}}}, "KB413: pages: must be a number, at least 0"),
        ({"rules": {"KB413": 5}}, "rules: KB413: must be a table"),
        ({"rules": {"KB101": {"x": 1}}}, "KB101: unknown option 'x' (it has none)"),
        ({"overrides": {}}, "overrides: must be a list of tables"),
        ({"overrides": [{}]}, "overrides: 1: has no folder"),
        ({"overrides": [{"folder": ".."}]}, "1: folder: must be a folder below the root"),
        (
            {"overrides": [{"folder": "a"}, {"folder": "b", "ignor": []}]},
            "overrides: 2: unknown key 'ignor' (did you mean 'ignore'?)",
        ),
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


def test_all_faults_within_one_key_too():
    tables = [
        {"severity": {"KB1": "error", "KB101": "x"}},
        {"folder": 1, "rules": {"KB413": {"a": 1, "pages": -1}}},
    ]
    with pytest.raises(ConfigError) as refused:
        parse_config({"overrides": tables, "ignore": ["x", "y"]}, "kbtool.toml")
    lines = refused.value.message.splitlines()
    assert [line.split(": ")[1:3] for line in lines] == [
        ["overrides", "1"],
        ["overrides", "1"],
        ["overrides", "1"],
        ["overrides", "2"],
        ["overrides", "2"],
        ["overrides", "2"],
        ["ignore", "unknown rule 'x'"],
        ["ignore", "unknown rule 'y'"],
    ]


WRITTEN = """\
ignore = ["KB304", "dead-anchor"]

[severity]
missing-field = "warning"

[rules.KB413]
pages = 5

[[overrides]]
folder = "shareouts/"
ignore = ["language"]
severity.KB101 = "warning"

[[overrides]]
folder = "PRD/big"
rules.prd-qa.pages = 9
"""


def test_severity_options_and_overrides_reach_the_core():
    found = parse_config(tomllib.loads(WRITTEN), "kbtool.toml")
    assert found.severity == {"KB203": "warning", "KB503": "warning"}  # a name of two rules
    everywhere, shareouts, big = found.conventions("vibe").overrides
    assert (everywhere.folder, everywhere.options) == (None, {"KB413": {"pages": 5}})
    assert (shareouts.folder, shareouts.ignore) == ("shareouts", {"KB220"})
    assert shareouts.severity == {"KB101": "warning"}
    assert (big.folder, big.options) == ("PRD/big", {"KB413": {"pages": 9}})
    assert "folder 'PRD/big'" in big.source


# ---------------------------------------------------------------------- JSON Schema
def test_the_schema_is_one_and_says_what_each_key_means():
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    json.dumps(schema)
    assert list(schema["properties"]) == list(OPTIONS)
    for key, option in OPTIONS.items():
        said = schema["properties"][key]
        assert said["description"] == option.help
        assert {"type", "enum"} & said.keys(), key


def test_the_schema_takes_what_is_written_and_what_is_the_default():
    schema = config_schema()
    jsonschema.validate(tomllib.loads(WRITTEN), schema)
    values = {key: plain(Config().value(key)) for key in OPTIONS}
    jsonschema.validate({key: value for key, value in values.items() if value is not None}, schema)


@pytest.mark.parametrize(
    "table",
    [
        {"bse": "x"},
        {"select": ["KB999"]},
        {"severity": {"KB101": "fatal"}},
        {"rules": {"KB413": {"page": 1}}},
        {"rules": {"KB413": {"pages": -1}}},
        {"overrides": [{}]},
        {"overrides": [{"folder": "a", "select": []}]},
        {"evidence-age": 0},
        {"languages": {"a": "French"}},
        {"sites": [{"folder": "d", "kind": "jekyll"}]},
        {"sites": [{"folder": "d"}]},
        {"production": {"adresses": []}},
        {"preset": "all"},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(table):
    with pytest.raises(ConfigError):
        parse_config(table, "kbtool.toml")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table, config_schema())


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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("docs", "docs"),
        ("docs/", "docs"),
        ("./docs", "docs"),
        ("/docs", "docs"),
        ("docs//lab/.", "docs/lab"),
        (".", ""),
        ("", ""),
    ],
)
def test_a_folder_in_any_spelling(written, read):
    assert parse(base=written).base == read
    assert parse(profiles=written).profiles == read


@pytest.mark.parametrize("key", OPTIONS)
@pytest.mark.parametrize("value", [None, 1.5, -1, [1], [["KB101"]], {"x": 1}, b"x"])
def test_no_option_takes_a_value_of_another_type(key, value):
    with pytest.raises(ConfigError) as refused:
        parse_config({key: value}, "kbtool.toml")
    assert refused.value.message.startswith(f"kbtool.toml: {key}: ")


@pytest.mark.parametrize("key", OPTIONS)
def test_every_key_is_found_by_a_slip_of_the_finger(key):
    for slip in (key[:-1], key.replace("-", "_") + "s", key.title()):
        with pytest.raises(ConfigError) as refused:
            parse_config({slip: "x"}, "pyproject.toml")
        assert (
            refused.value.message == f"pyproject.toml: unknown key {slip!r} (did you mean {key!r}?)"
        )


def test_a_key_that_is_near_to_none_gets_no_guess():
    with pytest.raises(ConfigError) as refused:
        parse_config({"theme": "x"}, "kbtool.toml")
    assert refused.value.message == "kbtool.toml: unknown key 'theme'"
    assert refused.value.hint == "the keys are: " + ", ".join(OPTIONS)


@pytest.mark.parametrize(
    ("project", "found"),
    [
        ("", None),
        ("tool = 1\n", None),
        ("[[tool]]\nkbtool = 1\n", None),
        ("[tool.ruff]\nline-length = 100\n", None),
        ("[tool.kbtool]\n", {}),
        ('[tool.kbtool]\nbase = "a"\n[tool.kbtool.production]\nnames = ["x"]\n', {"base": "a", "production": {"names": ["x"]}}),
    ],
)  # fmt: skip
def test_a_project_file_with_and_without_our_table(tmp_path, project, found):
    (tmp_path / "pyproject.toml").write_text(project)
    assert config_table(tmp_path) == (None if found is None else (found, "pyproject.toml"))


def test_our_table_is_a_table(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool]\nkbtool = "vibe"\n')
    with pytest.raises(ConfigError, match=r"^pyproject\.toml: tool\.kbtool: must be a table$"):
        config_table(tmp_path)


def test_our_own_file_is_enough_beside_a_broken_project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml: not TOML: "):
        config_table(tmp_path)
    (tmp_path / "kbtool.toml").write_text("")
    assert config_table(tmp_path) == ({}, "kbtool.toml")


def test_a_file_that_is_a_folder(tmp_path):
    (tmp_path / "kbtool.toml").mkdir()
    with pytest.raises(ConfigError, match=r"^kbtool\.toml: cannot be read: Is a directory$"):
        config_table(tmp_path)
