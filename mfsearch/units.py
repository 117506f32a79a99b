"""Durations as people write them: `4gpu-hours`, `90min`, `1.5 gpu-days`, `2 cpu-hours`."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import Literal

from mfsearch.errors import BudgetError

_SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_UNITS = sorted(f"{device}{unit}" for device in ("", "gpu-", "cpu-") for unit in _SECONDS)
_PATTERN = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(.*?)\s*", re.IGNORECASE)
_EXAMPLES = "Write for example 4gpu-hours, 90min, '1.5 gpu-days' or 2cpu-hours."


@dataclass(frozen=True, slots=True)
class Duration:
    """Device seconds, and the kind of device that the user named, if any."""

    seconds: float
    device: Literal["gpu", "cpu"] | None = None


def parse_duration(text: str) -> Duration:
    """Read a positive duration with its unit.

    Args:
        text: A number and a unit: seconds, minutes, hours or days, optionally of a `gpu-` or `cpu-`. 1 gpu-hour is 3,600
            seconds of one executor slot.

    Raises:
        BudgetError: If there is no number, no known unit, or the duration is not positive and finite.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise BudgetError(f"a duration must be a number and a unit; got {text!r}. {_EXAMPLES}")
    number, unit = float(match.group(1)), match.group(2).lower().replace("_", "-").replace(" ", "-")
    if not unit:
        raise BudgetError(f"a duration must name its unit; got {text!r}. {_EXAMPLES}")
    device, _, plain = unit.rpartition("-")
    if plain not in _SECONDS or device not in ("", "gpu", "cpu"):
        close = difflib.get_close_matches(unit, _UNITS, n=1)
        hint = f"Did you mean {match.group(1)}{close[0]}? " if close else ""
        raise BudgetError(
            f"the unit of a duration must be seconds, minutes, hours or days; got {unit!r} in {text!r}. {hint}{_EXAMPLES}"
        )
    seconds = number * _SECONDS[plain]
    if not math.isfinite(seconds) or seconds <= 0:
        raise BudgetError(f"a duration must be positive and finite; got {text!r}. {_EXAMPLES}")
    return Duration(seconds, "gpu" if device == "gpu" else "cpu" if device == "cpu" else None)


def format_seconds(seconds: float) -> str:
    """Seconds for a reader: `4.2 s`, `3 min 20 s`, `4 h 05 min`, `2 d 3 h`."""
    if seconds < 0:
        return f"-{format_seconds(-seconds)}"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 10 or seconds % 1 >= 0.05 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
