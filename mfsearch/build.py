"""From names to objects: the only place that turns what a config says into what a study runs on."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from mfsearch.allocation.base import AbstractPolicy
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.execution.base import AbstractExecutor
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Objective, Task
from mfsearch.spaces.base import AbstractSearchSpace


def home() -> Path:
    """Folder of teachers, data and the default database: `MFSEARCH_HOME`, or where this system keeps a user's data."""
    return Path(os.environ.get("MFSEARCH_HOME") or platformdirs.user_data_dir("mfsearch")).expanduser().absolute()


def default_storage() -> str:
    """Database URL: `MFSEARCH_STORAGE`, or a file in `home`."""
    return os.environ.get("MFSEARCH_STORAGE") or f"sqlite:///{home() / 'mfsearch.db'}"
