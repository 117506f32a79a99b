"""Every error that mfsearch raises on purpose, and the exit code each one owns.

::

    MfsearchError                 1   anything below; catch this to catch them all
    |-- UsageError                2   what the user wrote cannot work: mend it and run again
    |   |-- ConfigError           2   a config file, a `--set`, a preset name
    |   |-- BudgetError           2   a budget that cannot be read or cannot pay for anything
    |   |-- SpaceError            2   an architecture that is not of the space
    |   |-- DataError             2   a table or data file that is missing, damaged or of another layout
    |   |-- StorageError          2   a database that cannot be opened, read or written
    |   |-- StudyError            2   a study that does not exist, or exists with another config
    |   |   `-- OvertakenError    2   another process has written to it since it was read
    |   `-- MissingExtraError     2   an optional library that is not installed
    |-- EvaluationError           1   one evaluation went wrong (the study goes on)
    |   `-- LimitReachedError     1   it was stopped at its time limit
    |-- SearchFailedError         1   nothing but failures came back
    `-- InterruptedSearchError  130   stopped by a signal; everything is saved

A message says what must hold, what was found, and what to do next.
"""

from __future__ import annotations


class MfsearchError(Exception):
    """Root of the tree. `exit_code` is what the command line returns."""

    exit_code: int = 1


class UsageError(MfsearchError):
    """What the user wrote cannot work."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file, a `--set` value or a preset name is wrong."""


class BudgetError(UsageError):
    """A budget cannot be read, or cannot pay for anything."""


class SpaceError(UsageError):
    """An architecture does not belong to the search space."""


class DataError(UsageError):
    """A table or data file is missing, damaged or of another layout."""


class StorageError(UsageError):
    """The database cannot be opened, read or written."""


class StudyError(UsageError):
    """A study does not exist, or exists with another config."""


class OvertakenError(StudyError):
    """Another process has written to the study since it was last read."""


class MissingExtraError(UsageError):
    """An optional library is needed and not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}, which is not installed. Run: pip install 'mfsearch[{extra}]'")


class EvaluationError(MfsearchError):
    """One evaluation went wrong; the study records it and goes on."""


class LimitReachedError(EvaluationError):
    """An evaluation was stopped at its time limit; the seconds until then are charged."""


class SearchFailedError(MfsearchError):
    """Nothing but failures came back from the evaluations."""


class InterruptedSearchError(MfsearchError):
    """A search was stopped by a signal; everything is saved, and it can be resumed."""

    exit_code = 130
