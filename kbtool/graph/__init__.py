"""Pages and the links between them: one resolver, one read-only knowledge base. Pure."""
