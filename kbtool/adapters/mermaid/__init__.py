"""The real mermaid, in a JavaScript engine of its own, in a child process with bounds."""
