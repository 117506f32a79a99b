"""What is for the record: failures, configuration, environment."""

from __future__ import annotations

import json

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Section, facts, nothing, paragraph, table
from mfsearch.report.html.text import counted, safe, shortened
from mfsearch.units import format_seconds

MOST_FAILURES = 200
"""Rows of the table of failures."""

_MESSAGE = 300  # characters of a message


def failures(material: Material) -> Section:
    """Every evaluation that did not end well, the last first."""
    bad = [e for e in material.evaluations if e["status"] != "ok"]
    title = "Failures"
    if not bad:
        text = (
            "No evaluation has failed, was cut or lost."
            if material.evaluations
            else "Nothing was evaluated, so nothing has failed."
        )
        return Section("failures", title, [nothing(text)])
    rows = [
        [
            str(e["evaluation"]),
            shortened(e["rung"], 40),
            e["status"],
            format_seconds(e["seconds"]),
            shortened(e["message"], _MESSAGE),
            shortened(e["architecture"]),
        ]
        for e in bad[: -MOST_FAILURES - 1 : -1]
    ]
    words = f"{counted(len(bad), 'evaluation')} of {len(material.evaluations):,} did not end well."
    if len(bad) > MOST_FAILURES:
        words += f" The last {MOST_FAILURES} are listed; report.json has them all."
    listed = table(["evaluation", "rung", "status", "took", "message", "architecture"], rows, right=[0, 3])
    return Section("failures", title, [paragraph(words), listed])


def configuration(material: Material) -> Section:
    """Settings, environment, and the config in full."""
    summary = material.summary
    config = json.dumps(summary["configuration"], indent=2, ensure_ascii=False)
    parts = [
        "<h3>Settings</h3>",
        facts((key.replace("_", " "), str(value)) for key, value in summary["settings"].items()),
        "<h3>Environment</h3>",
        facts((key, str(value)) for key, value in summary["environment"].items()),
    ]
    if summary["configuration"]:
        parts.append(f"<details><summary>Configuration</summary><pre><code>{safe(config)}</code></pre></details>")
    else:
        parts.append(nothing("No configuration was stored: a program made this study."))
    return Section("configuration", "Configuration and environment", parts)
