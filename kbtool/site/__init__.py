"""The site: pages → staged files, which any generator on Python-Markdown reads alike. Pure."""
