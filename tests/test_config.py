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
        languages={"guides/": "de"},
        evidence_age=30,
        profiles="p",
        production=production,
    )
    assert (found.base, found.preset, found.evidence_age) == ("docs", "plain", 30)
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
