"""Figures, taken in one run on the machine at hand; never asserted by a test."""
