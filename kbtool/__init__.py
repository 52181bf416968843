"""The docs-as-code toolkit of a Markdown knowledge base: lint, publish, run, author."""

__version__ = "0.1.0"
