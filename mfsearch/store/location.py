"""Where things lie unless the user says otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Folder of teachers, data and the default database: `MFSEARCH_HOME`, or where this system keeps a user's data."""
    return Path(os.environ.get("MFSEARCH_HOME") or platformdirs.user_data_dir("mfsearch")).expanduser().absolute()


def default_storage() -> str:
    """Database URL: `MFSEARCH_STORAGE`, or a file in `home`."""
    return os.environ.get("MFSEARCH_STORAGE") or f"sqlite:///{home() / 'mfsearch.db'}"
