"""What of Python-Markdown the staged pages need: all of it ships with every generator in use."""

from collections.abc import Mapping
from typing import Any, Final

EXTENSIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "admonition": {},  # alerts
    "attr_list": {},  # ids of headings
    "sane_lists": {},  # an ordered list may begin at any number
    "tables": {},
    "toc": {"permalink": True},
    "pymdownx.highlight": {},
    "pymdownx.superfences": {"preserve_tabs": True},
}
