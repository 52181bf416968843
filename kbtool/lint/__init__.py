"""Rules over the knowledge base → findings; suppressions; fixes to a fixed point. Pure."""
