"""Findings, plans and journals as text, JSON and other formats. Pure."""
