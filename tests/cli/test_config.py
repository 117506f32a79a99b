from __future__ import annotations

import json
from pathlib import Path

import yaml

from mfsearch.config import presets


def test_presets_are_listed_with_what_they_are(call):
    done = call("config", "show")
    assert done.exit_code == 0, done.output
    assert "digits (default)" in done.stdout
    found = json.loads(call("config", "show", "--json").stdout)
    assert found["default"] == "digits"
    assert set(found["presets"]) == set(presets())
    assert all(found["presets"].values())


def test_a_preset_is_shown_as_it_is_and_can_be_begun_from(call, tmp_path: Path):
    shown = call("config", "show", "branin").stdout
    assert shown == presets()["branin"].read_text()
    (tmp_path / "mine.yaml").write_text(shown)
    assert call("config", "check", "mine.yaml").exit_code == 0
    assert json.loads(call("config", "show", "branin", "--json").stdout)["problem"] == {"use": yaml.safe_load(shown)["problem"]}


def test_the_schema_is_json(call):
    assert json.loads(call("config", "schema").stdout)["properties"]["budget"]


def test_check_tells_what_it_read(call):
    found = json.loads(call("config", "check", "branin", "--set", "seed=9", "--json").stdout)
    assert found["config"]["seed"] == 9
    assert call("config", "check", "branin", "--set", "seed=9").stdout == f"branin is valid (hash {found['hash']}).\n"
