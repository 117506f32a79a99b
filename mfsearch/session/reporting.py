"""The report of one study, or of several compared, as files. Importing this imports plotly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mfsearch.report.files import folder_of, make_folder, write_page, write_report
from mfsearch.report.html.comparison import comparison_page, comparison_sections
from mfsearch.report.html.images import write_images
from mfsearch.report.html.material import Material, gather
from mfsearch.report.html.study import sections_of, study_page
from mfsearch.report.summary import summarise
from mfsearch.session.stored import Snapshot, environment, look


@dataclass(frozen=True, slots=True)
class Written:
    """Where a report is.

    Attributes:
        studies: What it is about.
        page: The page.
        markdown: The report in Markdown; None for several studies.
        data: The same as JSON; None for several studies.
        images: Its charts as images, where they were wanted.
    """

    studies: tuple[str, ...]
    page: Path
    markdown: Path | None
    data: Path | None
    images: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, paths as text; `study` and `report` name a single study and its page."""
        found = {key: _text(value) for key, value in asdict(self).items()}
        return {"study": self.studies[0] if len(self.studies) == 1 else None, "report": str(self.page), **found}


def write_reports(
    names: Sequence[str],
    *,
    storage: str | None = None,
    allow_code: bool = False,
    out: Path | None = None,
    images: Path | None = None,
) -> Written:
    """Write a page: of one study with Markdown and JSON beside it, or one that compares several.

    Args:
        names: The studies; one that is named twice counts once.
        storage: Database URL; the default database unless given.
        allow_code: Whether code that the studies' configs name may run.
        out: Folder to write to. Default: the folder that a study's run has left its files in, where it is still there; else, and for
            several studies, one in `mfsearch-out` of the current folder.
        images: Folder for the charts as images; None writes none.

    Raises:
        StudyError: If there is no such study, or a program made it without a config.
        ConfigError: If a folder cannot be written, or images are wanted and there is no browser to draw them.
        MissingExtraError: If images are wanted and kaleido is not installed.
    """
    names = list(dict.fromkeys(names))
    snapshots = [look(name, storage, allow_code) for name in names]
    materials = [material_of(snapshot) for snapshot in snapshots]
    single = len(materials) == 1
    folder = make_folder(out or (_home(snapshots[0]) if single else folder_of(names)))
    sections = sections_of(materials[0]) if single else comparison_sections(materials)
    html = study_page(materials[0], sections) if single else comparison_page(materials, sections)
    markdown = write_report(folder, materials[0].summary) if single else None
    page = write_page(folder, html)
    drawn = [] if images is None else write_images([c for section in sections for c in section.charts], make_folder(images))
    return Written(tuple(names), page, markdown, None if markdown is None else folder / "report.json", tuple(drawn))


def material_of(snapshot: Snapshot) -> Material:
    """What a page of the study is made from."""
    description = snapshot.problem.description
    summary = summarise(snapshot.name, snapshot.state, snapshot.recommendation, environment(), description)
    return gather(summary, snapshot.state, snapshot.diagnosis)


def _home(snapshot: Snapshot) -> Path:
    left = Path(str(snapshot.state.settings["workdir"])).parent
    return left if left.is_dir() else folder_of([snapshot.name])


def _text(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_text(item) for item in value] if isinstance(value, tuple) else value
