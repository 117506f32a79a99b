"""The events of a study as a text file, one JSON object a line."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from mfsearch.store.events import Event, dump
from mfsearch.store.journal import AbstractFollower
from mfsearch.store.state import StudyState

_LOG = logging.getLogger("mfsearch")
_BLOCK: Final = 65_536  # bytes that are read at once, from the end of the file to the front


class JsonLines(AbstractFollower):
    """A log of events: `study`, `seq`, `kind`, `at` (Unix time in seconds) and `payload`, as `mfsearch.store.events` lists them.

    A study that is resumed goes on after the last whole line, and what was stored meanwhile is written first; the remains of a
    line, which a crash may leave, are taken away. A file that cannot be written, or holds another study, is warned of once and left
    as it is; the search goes on.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self._file: BinaryIO | None = None
        self._study = ""
        self._next = 0

    @classmethod
    def at(cls, where: str, folder: Path) -> JsonLines:
        """The log at a path; `events.jsonl` in the study's folder where none is named."""
        return cls(where or folder / "events.jsonl")

    def begin(self, study: str, events: Sequence[Event]) -> None:
        """Open the file, and write what it lacks of the history."""
        self.close()
        self._study = study
        try:
            self._open(events)
            self._write([event for event in events if event.seq >= self._next])
        except (OSError, ValueError) as error:
            self._leave_out(error)

    def __call__(self, event: Event, state: StudyState) -> None:
        """Write one line."""
        if self._file is None or event.seq < self._next:
            return
        try:
            self._write([event])
        except OSError as error:
            self._leave_out(error)

    def close(self) -> None:
        """Close the file; nothing more is written to it."""
        if self._file is not None:
            with suppress(OSError):  # of a disk that is full, which was said
                self._file.close()
            self._file = None

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self, events: Sequence[Event]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = self.path.open("ab+", buffering=0)
        weakref.finalize(self, file.close)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError("another process writes to it") from None
        size = os.fstat(file.fileno()).st_size
        whole = _line_ends(file, size)
        if whole == 0:
            first, self._next = None, 0
        else:
            first, self._next = _read(file, 0), _seq(_read(file, _line_ends(file, whole - 1))) + 1
        # The end of a file that is not ours is not ours to mend.
        if first is not None:
            began = [first["at"]] if first["seq"] == 0 else []
            if first["study"] != self._study or (began and began != [event.at for event in events[:1]]):
                raise ValueError(f"it holds another study, {first['study']!r}")
            if self._next > len(events):
                raise ValueError(f"it holds {self._next} events, more than the study's {len(events)}")
        if whole < size:
            file.truncate(whole)

    def _write(self, events: Sequence[Event]) -> None:
        if self._file is None or not events:
            return
        lines = [
            dump({"study": self._study, "seq": e.seq, "kind": e.kind.value, "at": e.at, "payload": e.payload}) + "\n"
            for e in events
        ]
        written, data = 0, "".join(lines).encode()
        while written < len(data):  # unbuffered files may take a part
            written += self._file.write(data[written:])
        self._next = events[-1].seq + 1

    def _leave_out(self, error: Exception) -> None:
        self.close()
        _LOG.warning(
            "A log of events must be writable; got %s: %s. The search goes on without it; name another file, and it is caught up on.",
            self.path,
            getattr(error, "strerror", None) or error,
        )


def _line_ends(file: BinaryIO, end: int) -> int:
    """Number of bytes up to `end` that are whole lines."""
    while end > 0:
        begin = max(end - _BLOCK, 0)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _read(file: BinaryIO, place: int) -> dict[str, object]:
    """The line that begins there.

    Raises:
        ValueError: If it is none of ours.
    """
    file.seek(place)
    parts: list[bytes] = []
    while not parts or (parts[-1] and b"\n" not in parts[-1]):
        parts.append(file.read(_BLOCK))
    try:
        line = json.loads(b"".join(parts).partition(b"\n")[0])
    except ValueError:
        line = None
    if not isinstance(line, dict) or not {"study", "seq", "at"} <= line.keys():
        raise ValueError("it holds something else than events of a study")
    return line


def _seq(line: dict[str, object]) -> int:
    return int(str(line["seq"]))
