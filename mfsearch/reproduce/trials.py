"""Many trials on several processes; each leaves a line of JSON, so that a stopped series goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mfsearch
from mfsearch.errors import ConfigError, DataError, InterruptedSearchError
from mfsearch.execution.processes import each_in_a_process


@dataclass(frozen=True)
class Trial:
    """One search of one contender.

    Attributes:
        home: Folder that holds `tables/`.
        setting: What is searched, and by which protocol.
        contender: Who searches.
        seed: Seed of everything random.
    """

    home: str
    setting: str
    contender: str
    seed: int


Result = dict[str, Any]


def run_trials(
    trials: Sequence[Trial], work: Callable[[Trial], Result], path: Path, jobs: int, say: Callable[[str], None]
) -> list[Result]:
    """Run what is missing; one result a trial, in their order: what `work` returns, with setting, contender and seed.

    Args:
        trials: What is to be run.
        work: A function of a module; its result must be JSON.
        path: File of the lines.
        jobs: Processes, one thread each. Results do not depend on it.
        say: Told every trial that ends.

    Raises:
        DataError: If the file holds something else.
        ConfigError: If another version of mfsearch wrote it.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is finished is kept.
    """
    known = _read(path)
    missing = [trial for trial in trials if _key(trial) not in known]
    if kept := len(trials) - len(missing):
        say(f"{kept} of {len(trials)} trials are finished already: going on with the rest.")
    try:
        with path.open("a", encoding="utf-8") as file, closing(each_in_a_process(work, missing, jobs)) as done:
            for number, (trial, result) in enumerate(done, start=1):
                line = {"mfsearch": mfsearch.__version__, **asdict(trial), **result}
                del line["home"]
                file.write(json.dumps(line, allow_nan=False) + "\n")
                file.flush()
                known[_key(trial)] = line
                say(f"[{number}/{len(missing)}] {trial.setting}, {trial.contender}, seed {trial.seed}")
    except KeyboardInterrupt:
        raise InterruptedSearchError(
            f"interrupted; {len(known)} trials are kept in {path}. Run the same command again to go on."
        ) from None
    return [known[_key(trial)] for trial in trials]


def _read(path: Path) -> dict[tuple[str, str, int], Result]:
    whole, end, cut = path.read_text(encoding="utf-8").rpartition("\n") if path.exists() else ("", "", "")
    found: dict[tuple[str, str, int], Result] = {}
    for number, text in enumerate(whole.splitlines(), start=1):
        try:
            line = json.loads(text)
            found[line["setting"], line["contender"], line["seed"]] = line
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise DataError(
                f"{path} must hold one finished trial a line; line {number} is none ({error}). Delete the line, or use another --out."
            ) from None
        if line.get("mfsearch") != mfsearch.__version__:
            raise ConfigError(
                f"{path} must hold trials of mfsearch {mfsearch.__version__}; line {number} is of {line.get('mfsearch')}. Use another --out."
            )
    if cut and not (end or cut.startswith("{")):
        raise DataError(f"{path} must hold one finished trial a line; it holds something else. Use another --out.")
    if cut:  # a stop in the middle of a line
        path.write_text(whole + end, encoding="utf-8")
    return found


def _key(trial: Trial) -> tuple[str, str, int]:
    return trial.setting, trial.contender, trial.seed
