"""The knowledge base: all pages, the edges between them, and questions over them. Read-only."""
