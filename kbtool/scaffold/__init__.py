"""New pages: kind, title and knowledge base → files to write. Pure; writing is the caller's."""
