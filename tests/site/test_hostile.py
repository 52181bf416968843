"""What a page or a project must not be able to bring to the site."""

import os
import re
from html.parser import HTMLParser

import markdown
import pytest
from support.outline import tree

from kbtool.app.site import Stager, checked_config
from kbtool.errors import ConfigError
from kbtool.site.csp import sealed, theme_scripts
from kbtool.site.extensions import EXTENSIONS
from kbtool.site.policy import faults
from kbtool.workspace import find_root

EVIL = """\
[root](README.md) > **<img src=x onerror=alert(1)>**

# Evil <script>alert(1)</script> <img src=x onerror=alert(2)>

> **Status**: <b onclick=alert(3)>Active</b> [x](javascript:alert(4))
> **Last Updated**: 2026-11-24

<script>alert(5)</script>

<div onmouseover="alert(6)" style="position:fixed">over</div>

<iframe src="https://evil.invalid"></iframe><object data=x></object><form action=//evil.invalid><input></form>

[link](javascript:alert(7)) [link](JaVaScRiPt:alert(8)) [d](data:text/html,x) <a href="javascript:alert(9)">a</a>

[attr](README.md){: onclick="alert(10)" } *em*{: onmouseover="alert(11)" } word {: onclick=alert(12) }

## Heading {: onclick="alert(13)" }

```{ .python onclick="alert(14)" }
x
```

``` html title="</div><script>alert(15)</script>"
x
```

![pixel](https://evil.invalid/p.png) <img src="//evil.invalid/p.png"> ![svg](evil.svg) [html](evil.html) ![ok](ok.svg)

[secret](leak.md) [shadow](leak.txt) ![leak](leak.png) [key](../outside.txt)

<input id="__search" name="__drawer"> <a id="__config">x</a>

[ref]

[ref]: javascript:alert(16)

```mermaid
flowchart LR
  A["<img src=x onerror=alert(17)>"]
  click A "javascript:alert(18)"
```

~~~
</code></pre></div><script>alert(19)</script>
~~~

\\<script>alert(20)\\</script> `</code><script>alert(21)</script>` &lt;script&gt;

[^n]

[^n]: <script>alert(22)</script> note

<details><summary onclick=alert(23)>s</summary>

| <script>alert(24)</script> | b |
|---|---|
| <svg onload=alert(25)> | `x|y` |

</details>
"""


class Attributes(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        self.found |= {name for name, _ in attrs}


@pytest.fixture
def project(tmp_path):
    base = tmp_path / "project" / "vibe"
    base.mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("TOP-SECRET")
    (tmp_path / "outside.md").write_text("# TOP-SECRET\n")
    (base / "README.md").write_text("# Root\n\n- [evil](evil.md)\n")
    (base / "evil.md").write_text(EVIL)
    (base / "evil.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><script>x</script></svg>"
    )
    (base / "ok.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>")
    (base / "evil.html").write_text("<script>alert(1)</script>")
    for name, target in (
        ("leak.txt", "outside.txt"),
        ("leak.png", "outside.txt"),
        ("leak.md", "outside.md"),
    ):
        os.symlink(tmp_path / target, base / name)
    os.symlink(tmp_path, base / "folder")
    (tmp_path / "project" / "kbtool.toml").write_text('base = "vibe"\n')
    return tmp_path / "project"


@pytest.fixture
def staged(project):
    return Stager(find_root([str(project)])).run()


RUNS = re.compile(
    r"<script|<iframe|<object|<form|<input|<svg[^>]*onload|javascript:", re.IGNORECASE
)


def test_nothing_of_a_page_can_run(staged):
    text = (staged.folder / "evil.md").read_text()
    html = markdown.markdown(
        text.partition("\n---\n")[2], extensions=list(EXTENSIONS), extension_configs=EXTENSIONS
    )
    shown = re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert not RUNS.search(shown), RUNS.search(shown)
    names = Attributes()
    names.feed(html)
    assert {"href", "class"} <= names.found
    assert not [name for name in names.found if name.startswith("on") or name == "style"]
    for name in ("evil.invalid", "__search", "__config", "__drawer"):
        assert f'"{name}' not in html
        assert f"//{name}/p.png" not in re.sub(r'href="[^"]*"', "", html)
    assert tree(html)  # and it is well formed where it matters


def test_the_words_are_still_there(staged):
    text = (staged.folder / "evil.md").read_text()
    for words in ("Evil", "Heading", "over", "alert(17)"):
        assert words in text


def test_title_cannot_leave_its_element(staged):
    text = (staged.folder / "evil.md").read_text()
    assert "<" not in text.split("\n")[1], "themes print the title as it is"


def test_only_regular_files_beneath_the_root_are_published(staged):
    found = {
        p.relative_to(staged.folder).as_posix() for p in staged.folder.rglob("*") if p.is_file()
    }
    assert "ok.svg" in found
    assert not {"leak.txt", "leak.png", "leak.md", "evil.svg", "evil.html"} & found
    for path in staged.folder.rglob("*"):
        assert not path.is_symlink()
        assert not path.is_file() or b"TOP-SECRET" not in path.read_bytes()


def test_the_policy_allows_the_themes_scripts_and_no_other():
    known = theme_scripts(['<script>a({{ base }},1)</script> <script src="x"></script>'])
    page = '<head><meta charset="utf-8"></head><script>a(../..,1)</script><script>a(evil(),1)</script><script>b</script>'
    policy = re.search(r'content="([^"]*)"', sealed(page, known))[1]
    assert policy.count("'sha256-") == 1
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"hooks": ["x.py"]}, "hooks"),
        ({"theme": {"name": "material", "font": False, "custom_dir": "over"}}, "custom_dir"),
        ({"theme": {"name": "mkdocs", "font": False}}, "material"),
        ({"theme": {"name": "material"}}, "font"),
        ({"theme": "material"}, "table"),
        ({"plugins": ["search", "exec"]}, "exec"),
        ({"plugins": [{"macros": {"module_name": "x"}}]}, "macros"),
        ({"markdown_extensions": ["pymdownx.snippets"]}, "snippets"),
        (
            {
                "markdown_extensions": [
                    {"pymdownx.superfences": {"custom_fences": [{"format": "x"}]}}
                ]
            },
            "custom_fences",
        ),
        ({"extra_javascript": ["https://evil.invalid/x.js"]}, "evil.invalid"),
        ({"extra_css": ["//evil.invalid/x.css"]}, "evil.invalid"),
        ({"INHERIT": "../x.yml"}, "INHERIT"),
        ({"site_dir": "../../home"}, "site_dir"),
        ({"site_dir": "/"}, "site_dir"),
        ({"copyright": "<script>x</script>"}, "copyright"),
        (
            {"theme": {"name": "material", "font": False, "features": ["navigation.instant"]}},
            "instant",
        ),
        ({"extra": {"analytics": {"provider": "google"}}}, "analytics"),
    ],
)
def test_a_config_that_brings_code_is_refused(config, said):
    assert any(said in fault for fault in faults(config))


def test_tags_that_load_code_are_not_even_read(project):
    for text in ("site_name: !!python/name:os.system x\n", "hooks: [x.py]\nsite_name: x\n"):
        (project / "mkdocs.yml").write_text(text)
        with pytest.raises((ConfigError, Exception)) as refused:
            checked_config(find_root([str(project)]))
        assert "mkdocs.yml" in str(refused.value)


def test_the_projects_own_config_is_allowed():
    from support.sandbox import ROOT

    assert checked_config(find_root([str(ROOT)]))["site_name"] == "kbtool"
