"""The report as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfsearch.report.markdown import to_markdown


def write_report(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write `report.md` and, beside it, `report.json`; the former's path."""
    (folder / "report.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path = folder / "report.md"
    path.write_text(to_markdown(summary), encoding="utf-8")
    return path
