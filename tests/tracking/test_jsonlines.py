from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bowl import bowl

from mfsearch.errors import StudyError
from mfsearch.store.events import Event
from mfsearch.study import Study
from mfsearch.tracking.jsonlines import JsonLines


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def stored(study: Study) -> list[dict[str, Any]]:
    """What a log of the study must hold."""
    return [
        {"study": study.name, "seq": e.seq, "kind": e.kind.value, "at": e.at, "payload": dict(e.payload)}
        for e in study.store.events(study.name)
    ]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_every_event_is_a_line(tmp_path: Path):
    path = tmp_path / "new" / "log.jsonl"
    with JsonLines(path) as log:
        study = bowl(tmp_path, log)
        study.run()
        study.judge(study.state.observations[0].query.architecture, {"regret": 0.5})
    assert lines(path) == stored(study)
    assert [line["kind"] for line in lines(path)][-2:] == ["stopped", "judged"]


KILLED = """
import os, signal, sys
from pathlib import Path
from bowl import bowl
from mfsearch.tracking.jsonlines import JsonLines

folder = Path(sys.argv[1])

def strike(event, state):
    if len(state.observations) == 7:
        os.kill(os.getpid(), signal.SIGKILL)

bowl(folder, JsonLines(folder / "log.jsonl"), strike).run()
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study whose process was killed."""
    folder = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return folder


@pytest.mark.faults
@pytest.mark.parametrize("torn", [b"", b'{"study":"bowl","seq":', b"\xff\x00"], ids=["whole", "torn", "nonsense"])
def test_a_killed_study_goes_on_after_the_last_whole_line(killed: Path, tmp_path: Path, torn: bytes, fault: Callable[..., None]):
    folder = tmp_path / "copy"
    shutil.copytree(killed, folder)
    path = folder / "log.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    # As if the machine had gone down, too: two lines never reached the disk, and of the next one only a part did.
    path.write_bytes(b"".join(whole[:-2]) + torn)
    study = bowl(folder, JsonLines(path), resume=True)
    study.run()
    assert lines(path) == stored(study)
    assert len(lines(path)) > len(whole)
    if torn.startswith(b"{"):
        injected = "`kill -9`; of its last three lines half a line is left"
        fault("a log of events is torn", injected, 7, len(study.state.observations), study.ledger.spent, "")


def test_a_study_that_was_not_followed_from_the_beginning_is_caught_up_on(tmp_path: Path):
    bowl(tmp_path).run()
    path = tmp_path / "log.jsonl"
    study = bowl(tmp_path, JsonLines(path), resume=True)
    assert lines(path) == stored(study)
    study.extend("+5s")
    assert lines(path) == stored(study)
    # Longer lines than are read at once, and a file that is whole already.
    assert lines(path) == stored(bowl(tmp_path, JsonLines(path), resume=True))


def test_long_lines(tmp_path: Path):
    study = bowl(tmp_path)
    architecture = study.state.parse('{"x": 0.5}')
    for number in range(3):
        study.judge(architecture, {f"{number}" * 100_000: 1.0})
    path = tmp_path / "log.jsonl"
    JsonLines(path).begin("bowl", study.store.events("bowl")[:-1])
    study = bowl(tmp_path, JsonLines(path), resume=True)
    assert lines(path) == stored(study)


@pytest.mark.faults
def test_a_file_that_cannot_be_written_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Callable[..., None]):
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    (tmp_path / "file").touch()
    study = bowl(tmp_path, JsonLines(tmp_path / "full.jsonl"), JsonLines(tmp_path / "file" / "log.jsonl"))
    assert study.run() is not None
    first, second = warnings(caplog)
    assert first == (
        f"A log of events must be writable; got {tmp_path}/file/log.jsonl: File exists. The search goes on without it; name another "
        "file, and it is caught up on."
    )
    assert "No space left on device" in second
    fault("a tracker's disk is full", "a file on `/dev/full`", 0, len(study.state.observations), study.ledger.spent, second)


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "log.jsonl"
    path.write_text("my notes\nmore of them")
    study = bowl(tmp_path, JsonLines(path))
    assert path.read_text() == "my notes\nmore of them"
    path.write_text('{"study": "other", "seq": 0, "at": 1.0}\n')
    other = JsonLines(path)
    other.begin("bowl", [])
    path.write_text('{"study": "bowl", "seq": 0, "at": 1.0}\n')  # of the same name, in another database
    other.begin("bowl", study.store.events("bowl"))
    (tmp_path / "longer.jsonl").write_text('{"study": "bowl", "seq": 1, "at": 1.0}\n{"study": "bowl", "seq": 2, "at": 1.0}\n')
    longer = JsonLines(tmp_path / "longer.jsonl")
    longer.begin("bowl", study.store.events("bowl"))
    longer(Event(3, study.store.events("bowl")[0].kind, {}), study.state)
    assert [message.split(": ", 1)[1].split(". The")[0] for message in warnings(caplog)] == [
        "it holds something else than events of a study",
        "it holds another study, 'other'",
        "it holds another study, 'bowl'",
        "it holds 3 events, more than the study's 1",
    ]


def test_two_processes_do_not_write_to_one_file(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "log.jsonl"
    with JsonLines(path) as log:
        study = bowl(tmp_path, log)
        with JsonLines(path) as other:
            other.begin("bowl", study.store.events("bowl"))
    assert "another process writes to it" in warnings(caplog)[0]
    assert lines(path) == stored(study)


def test_a_study_that_is_refused_leaves_nothing(tmp_path: Path):
    bowl(tmp_path)
    with pytest.raises(StudyError, match="exists already"):
        bowl(tmp_path, JsonLines(tmp_path / "log.jsonl"))
    assert not (tmp_path / "log.jsonl").exists()
