"""Measuring a table of one's own: every rung of a ladder on the same architectures."""
