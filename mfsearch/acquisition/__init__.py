"""Acquisition functions over (architecture, level)."""
