"""The linter's rules as pages: staged only, from the rules themselves."""

from collections.abc import Iterator, Sequence
from html import escape

from kbtool.lint.rule import Example, Rule
from kbtool.markdown.tree import read_tree
from kbtool.report.rules import why
from kbtool.site.furniture import block
from kbtool.site.page import front_matter
from kbtool.site.write import Writing, write

FOLDER = "rules"


def rule_pages(rules: Sequence[Rule]) -> Iterator[tuple[str, str, str]]:
    """Yield (staged file, label, text): an index, and a page for each rule."""
    yield f"{FOLDER}/README.md", "Rules", _index(rules)
    for rule in rules:
        yield f"{FOLDER}/{rule.id}.md", f"{rule.id} {rule.name}", _page(rule)


def _index(rules: Sequence[Rule]) -> str:
    rows = "".join(
        f'<tr><td><a href="{rule.id}/">{rule.id}</a></td><td>{escape(rule.name)}</td>'
        f"<td>{escape(rule.summary)}</td><td>{rule.severity}</td>"
        f"<td>{'yes' if rule.fixable else ''}</td></tr>"
        for rule in rules
    )
    head = "<th>Rule</th><th>Name</th><th>What holds</th><th>Severity</th><th>--fix</th>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    intro = "What kbtool lint checks. Each page says why, with examples that are the rule's tests."
    return (
        "\n\n".join(
            [front_matter("Rules", hide=("toc",)), "# Rules", intro, block("kb-log", table)]
        )
        + "\n"
    )


def _page(rule: Rule) -> str:
    name = f"{rule.id} {rule.name}"
    crumb = block(
        "kb-crumbs",
        f'<a href="../">Rules</a><span class="kb-step" aria-hidden="true">›</span>'
        f'<span aria-current="page">{escape(name)}</span>',
    )
    facts = [rule.severity, f"presets: {', '.join(rule.presets)}"]
    facts += ["--fix mends it"] if rule.fixable else []
    chips = "".join(f'<span class="kb-chip">{escape(fact)}</span>' for fact in facts)
    said = f"# {name}\n\n{rule.summary}\n\n"
    parts = [
        front_matter(name),
        crumb,
        _markdown(said),
        block("kb-head", f'<div class="kb-facts">{chips}</div>'),
        _markdown(f"{why(rule)}\n"),
    ]
    parts += [_markdown(f"{rule.seen}\n")] if rule.seen else []
    for title, examples in (("Good", rule.good), ("Reported, between ⟦ and ⟧", rule.bad)):
        parts.append(f"## {title}")
        for number, example in enumerate(examples, 1):
            parts += [f"**Example {number}**"] if len(examples) > 1 else []
            parts.append(_example(example))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _example(example: Example) -> str:
    return "\n\n".join(_file(path, text) for path, text in example.items())


def _file(path: str, text: str) -> str:
    if not text.strip():
        return f"`{path}` (its text does not matter)"
    return f"`{path}`\n\n{_markdown(_fenced(text))}"


def _fenced(text: str) -> str:
    mark = "~" * (
        max((len(line) for line in text.split("\n") if set(line) == {"~"}), default=2) + 1
    )
    mark = mark if len(mark) >= 3 else "~~~"
    return f"{mark}markdown\n{text.rstrip()}\n{mark}\n"


def _markdown(text: str) -> str:
    nothing = Writing({}, lambda node: (node.target, False), lambda url: url)
    return write(read_tree(text).children, nothing).strip("\n")
