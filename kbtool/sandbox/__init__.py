"""Sandboxes kbtool creates and can prove: cells, servers, relays, the registry."""
