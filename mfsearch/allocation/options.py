"""Checks of policies' options."""

from __future__ import annotations

from mfsearch.errors import ConfigError


def at_least(policy: str, least: float, **options: float) -> None:
    """Check options by name.

    Raises:
        ConfigError: If one is less than `least`, or not a number.
    """
    for name, value in options.items():
        if not value >= least:
            raise ConfigError(f"policy {policy}: {name} must be {least:g} or more; got {value}.")


def a_share(policy: str, **options: float | None) -> None:
    """Check options by name.

    Raises:
        ConfigError: If one is not above 0 and up to 1; None passes.
    """
    for name, value in options.items():
        if value is not None and not 0 < value <= 1:
            raise ConfigError(f"policy {policy}: {name} must be above 0 and at most 1; got {value}.")
