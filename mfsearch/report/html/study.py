"""The page of one study: its sections, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from mfsearch.report.html.allocation import allocation
from mfsearch.report.html.answer import answer
from mfsearch.report.html.calibration import calibration
from mfsearch.report.html.cost import cost
from mfsearch.report.html.curves import curves
from mfsearch.report.html.material import Material
from mfsearch.report.html.page import page
from mfsearch.report.html.parts import Section
from mfsearch.report.html.progress import progress
from mfsearch.report.html.records import configuration, failures
from mfsearch.report.html.tradeoff import tradeoff
from mfsearch.report.html.worth import worth

_SECTIONS: Final[Sequence[Callable[[Material], Section]]] = (
    answer,
    progress,
    allocation,
    worth,
    calibration,
    tradeoff,
    cost,
    curves,
    failures,
    configuration,
)


def sections_of(material: Material) -> list[Section]:
    """Every section of a study's page."""
    return [section(material) for section in _SECTIONS]


def study_page(material: Material, sections: Sequence[Section] | None = None) -> str:
    """The page of one study.

    Args:
        material: What it shows.
        sections: Those of `sections_of`, where the caller has them already.
    """
    about = str(material.summary.get("about") or "")
    return page(material.summary["study"], about, sections_of(material) if sections is None else sections)
