from __future__ import annotations

import re

import pytest

from mfsearch import errors
from mfsearch.errors import MfsearchError, MissingExtraError, UsageError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MfsearchError)]


def test_the_drawn_tree_is_the_tree():
    drawn = {match[1]: int(match[2]) for match in re.finditer(r"(\w+Error)\s+(\d+)\s", errors.__doc__ or "")}
    assert drawn == {cls.__name__: cls.exit_code for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_one_root_and_what_the_user_can_mend_exits_with_2(cls: type[MfsearchError]):
    assert issubclass(cls, MfsearchError)
    assert (cls.exit_code == 2) == issubclass(cls, UsageError)


def test_a_missing_extra_says_how_to_install_it():
    assert str(MissingExtraError("ConfigSpace", "configspace", "A hyper-parameter space")) == (
        "A hyper-parameter space needs ConfigSpace, which is not installed. Run: pip install 'mfsearch[configspace]'"
    )
