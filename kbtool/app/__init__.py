"""Use cases: they join the core to the world, return data and print nothing."""
