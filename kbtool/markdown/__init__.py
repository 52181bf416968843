"""Markdown text → frozen pages. Pure."""
