"""mfsearch: Bayesian multi-fidelity optimisation for architecture search."""

__version__ = "0.1.0"
