"""The `Last Verified` field of a page's header, as an edit."""

from kbtool.markdown.page import Field, Page
from kbtool.text import Edit, Span

NAME = "Last Verified"


def verified_edit(page: Page, day: str | None) -> Edit | None:
    """Return the edit that sets the field to `day`, or removes it; None when it is right already.

    A page without a header gets none: its other fields are missing too, and lint says so.
    """
    field = page.head.field(NAME)
    if field is None:
        return _added(page, day) if day else None
    if day is None:
        return _removed(page, field)
    return None if field.value == day else Edit(page.path, field.value_span, day)


def _added(page: Page, day: str) -> Edit | None:
    if not page.head.fields:
        return None
    last = page.head.fields[-1]
    line_start = page.text.rfind("\n", 0, last.span.start) + 1
    prefix = page.text[line_start : last.span.start]
    if last.style == "alert" or not prefix.strip(" \t>-*+"):
        at = Span(last.span.end, last.span.end)
        joined = " · " if last.style == "alert" else f"\n{prefix}"
        return Edit(page.path, at, f"{joined}**{NAME}**: {day}")
    return Edit(page.path, Span(last.span.end, last.span.end), f" · **{NAME}**: {day}")


def _removed(page: Page, field: Field) -> Edit:
    start = page.text.rfind("\n", 0, field.span.start)
    end = page.text.find("\n", field.span.end)
    end = len(page.text) if end < 0 else end
    alone = not page.text[start + 1 : field.span.start].strip(" \t>-*+")
    if alone and not page.text[field.span.end : end].strip():
        return Edit(page.path, Span(max(start, 0), end), "")
    before = page.text.rfind(" · ", start + 1, field.span.start)
    return Edit(page.path, Span(before if before >= 0 else field.span.start, field.span.end), "")
