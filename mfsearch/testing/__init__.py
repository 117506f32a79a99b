"""Conformance suites for plug-in authors, run over our own registries too."""
