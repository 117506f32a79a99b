"""Experiments of papers, again: from their authors' own measurements, and live."""
