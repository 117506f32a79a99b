"""Folders for results, and the report as files in one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mfsearch.datasets.storage import write_atomically
from mfsearch.errors import ConfigError
from mfsearch.report.markdown import to_markdown

OUT: Final = "mfsearch-out"
"""Folder, in the current one, that holds a folder for each study unless the user names another."""

_LONGEST = 120  # characters of a folder's name, of the 255 bytes that most file systems allow


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
    _write(folder / "report.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return _write(folder / "report.md", to_markdown(summary))


def write_page(folder: Path, page: str) -> Path:
    """Write `report.html`; its path."""
    return _write(folder / "report.html", page)


def folder_of(names: Sequence[str]) -> Path:
    """Name of a folder, below the current one, for the report of one study or of several compared; safe as a file name."""
    joined = "-vs-".join(re.sub(r"[^\w.-]+", "-", name).strip(".-") or "study" for name in names)
    return Path(OUT) / joined[:_LONGEST]


def _write(path: Path, text: str) -> Path:
    """No reader, and no crash, ever sees half of it. Half a character (names of files have them) is written as a question mark."""
    try:
        write_atomically(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigError(
            f"the report must be writable; got {path}: {error.strerror}. Name another folder with --out."
        ) from error
    return path
