"""Folders for results, and the report as files in one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfsearch.errors import ConfigError
from mfsearch.report.markdown import to_markdown


def make_folder(folder: Path) -> Path:
    """Make a folder for results, as an absolute path.

    Raises:
        ConfigError: If it cannot be made or written in.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".mfsearch-can-write"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"the folder for results must be writable; got {folder}: {error.strerror}. Name another with --out."
        ) from error
    return folder


def write_report(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write `report.md` and, beside it, `report.json`; the former's path."""
    (folder / "report.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path = folder / "report.md"
    path.write_text(to_markdown(summary), encoding="utf-8")
    return path
