"""One module per outside judge (shell, diagram, …): a port of the core on one library each."""
