"""Runbooks: page → runbook → plan → facts → evidence. Pure; the world comes in through ports."""
