"""Servers a sandbox can be made of: start, stop, seed, identity, version. Nothing of a lab."""
