from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from mfsearch.config import Component, StudyConfig, config_hash, config_schema, load_config, presets
from mfsearch.errors import ConfigError

OWN = "space: {use: nasbench201, channels: 8}\nladder:\n  - params\n  - {use: kd, name: full, epochs: 50, lr: 1e-1}\n"
ALL_KEYS = (
    "budget, constraints, data, execution, ladder, max_retries, name, objective, policy, problem, recommend, seed, space, task"
)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a config into the current folder, which is a fresh one; its name is c.yaml."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> str:
        Path("c.yaml").write_text(text, encoding="utf-8")
        return "c.yaml"

    return write


def refusal(source: str | Path | None, overrides: tuple[str, ...] = (), **options: bool) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(source, overrides, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


PRESETS = [
    *("borehole", "branin", "cifar10", "currin", "digits", "digits-ladder", "hartmann6", "kd-table"),
    *("nasbench201-cifar10", "nasbench201-cifar100", "nasbench201-imagenet16-120"),
]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_their_problem_and_say_what_they_are_for(name: str):
    config = load_config(name)
    # One that is searched in a space of its own spells out all of it.
    assert (config.problem == Component(use=name) or (config.space and config.task and config.ladder)) and config.budget
    assert presets()[name].read_text().startswith("# ")


def test_the_default_is_digits():
    assert load_config() == load_config(None) == load_config("digits")


def test_a_config_of_ones_own(write):
    config = load_config(write(OWN))
    assert config.space == Component(use="nasbench201", options={"channels": 8})
    assert [rung.use for rung in config.ladder] == ["params", "kd"]
    assert config.ladder[1].options == {"name": "full", "epochs": 50, "lr": 0.1}
    assert [key for key, _ in config.components()] == ["space", "policy", "ladder.0", "ladder.1"]
    assert load_config(Path("c.yaml")) == config


def test_options_may_stand_apart(write):
    assert load_config(write("problem: {use: digits, options: {seed: 1}}")) == load_config(
        "digits", ["problem.seed=1", "budget="]
    )


def test_written_out_it_reads_back(write):
    config = load_config(write(OWN), ["policy.pool=400", "constraints=[params <= 1.5M, flops <= 50M]", "recommend=predicted"])
    assert StudyConfig.model_validate_json(config.model_dump_json()) == config
    assert load_config(write(yaml.safe_dump(config.model_dump(mode="json")))) == config


def test_it_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load_config().seed = 1


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["seed=3"], "seed", 3),
        (["seed=3", "seed=4"], "seed", 4),
        (["execution.workers=4"], "execution.workers", 4),
        (["execution.gpus_per_rung.full=0.5"], "execution.gpus_per_rung", {"full": 0.5}),
        (["problem.noise=1e-3"], "problem.options.noise", 1e-3),
        (["policy=random"], "policy.use", "random"),
        (["policy.pool=[1, 2]"], "policy.use", "cost_aware"),
        (["policy.pool=[1, 2]"], "policy.options.pool", [1, 2]),
        (["policy=random", "policy.n=1"], "policy.options.n", 1),
        (["constraints=[params <= 1.5M]", "constraints.0=flops <= 50M"], "constraints", ("flops <= 50M",)),
        (["objective.direction=minimise"], "objective.direction", "minimise"),
        (["name='7'"], "name", "7"),
        (["problem.filter=a=b"], "problem.options.filter", "a=b"),
    ],
)
def test_overrides(overrides: list[str], key: str, value: object):
    found: object = load_config("digits", overrides)
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set seed: an override must be KEY=VALUE or KEY.SUB=VALUE; got 'seed'. Example: --set seed=3."),
        ("a..b=1", "--set a..b=1: an override must be KEY=VALUE"),
        ("sede=1", f"--set sede=1: a key must be one of {ALL_KEYS}; got 'sede'. Did you mean 'seed'?"),
        ("execution.clok=1", "--set execution.clok=1: a key must be one of clock, device, executor, gpus_per_rung, memory, ray_address, "
         "threads, workers; got 'execution.clok'. Did you mean 'clock'?"),
        ("execution.clock=walll", "--set execution.clock=walll: execution.clock must be 'wall' or 'cpu'; got 'walll'. Did you mean 'wall'?"),
        ("name=''", "--set name='': name must have at least 1 character; got ''."),
        ("execution.workers=0", "--set execution.workers=0: execution.workers must be greater than or equal to 1; got 0."),
        ("execution.gpus_per_rung.full=-1", "execution.gpus_per_rung.full must be greater than or equal to 0; got -1."),
        ("execution.gpus_per_rung=1", "--set execution.gpus_per_rung=1: execution.gpus_per_rung must"),
        ("seed.x=1", "--set seed.x=1: seed must be an integer; got {'x': 1}."),
        ("budget={", "--set budget={:1:2: this must be valid YAML"),
        ("budget.x=1", "--set budget.x=1: budget must be a mapping to set a key of it; got '3min'."),
        ("constraints.0=x", "--set constraints.0=x: constraints must be a list; got {'0': 'x'}."),
        (".".join("a" * 40) + "=1", "a key must nest at most 32 levels; this one goes deeper."),
    ],
)  # fmt: skip
def test_override_errors(override: str, message: str):
    assert message in refusal("digits", (override,))


def test_override_errors_in_lists(write):
    source = write(OWN)
    assert refusal(source, ("ladder.2.epochs=1",)) == (
        "--set ladder.2.epochs=1: the part after 'ladder' must be a number from 0 to 1; got '2'. Or set the whole list."
    )
    assert "must be absent, for the list is empty" in refusal(source, ("constraints=[]", "constraints.0=x"))
    assert (
        refusal(source, ("ladder.1.epochs.x=1",))
        == "--set ladder.1.epochs.x=1: ladder.1.epochs must be a mapping to set a key of it; got 50."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problem: digits\nbudgett: 3min", f"c.yaml:2:1: a key must be one of {ALL_KEYS}; got 'budgett'. Did you mean 'budget'?"),
        ("problem: digits\nseed: true", "c.yaml:2:1: seed must be an integer; got True."),
        ("problem: digits\nseed: -1", "c.yaml:2:1: seed must be greater than or equal to 0; got -1."),
        ("problem: digits\nbudget: 90", "c.yaml:2:1: budget must be a duration with its unit; got 90. Write for example 90min."),
        ("problem: digits\nbudget: 4gpu-hurs", "Did you mean 4gpu-hours?"),
        ("problem: digits\nbudget: -3min", "c.yaml:2:1: budget must be a duration: a duration must be positive and finite; got '-3min'."),
        ("problem: digits\nexecution:\n  executor: seril", "c.yaml:3:3: execution.executor must be 'serial', 'local', 'ray' or 'virtual'; got "
         "'seril'. Did you mean 'serial'?"),
        ("problem: digits\nconstraints: params < 1", "c.yaml:2:1: constraints must be a list; got 'params < 1'."),
        ("problem: digits\nname: ' x'", "c.yaml:2:1: name must be printable, without spaces around it; got ' x'."),
        ("problem: {seed: 1}", "c.yaml:1:1: problem must say what to use; got a mapping without 'use'. Write 'use: NAME' beside the options."),
        ("problem: [1]", "c.yaml:1:1: problem must be a name, or a mapping with 'use' and options; got [1]."),
        ("problem: a b", "c.yaml:1:1: problem.use must be a name or 'package.module:Class'; got 'a b'."),
        ("problem: {use: d, lr: [1, .nan]}", "c.yaml:1:1: problem must hold finite numbers; got nan for 'lr.1'."),
        ("problem: {use: d, options: {a: 1}, b: 2}", "c.yaml:1:1: problem must have its options either beside 'use' or in 'options'; got both (b)."),
        ("problem: d\nladder: [x]", "c.yaml: a config must name a ready-made 'problem' or describe its own; got 'problem' and 'ladder'. "
         "Remove one of them."),
        ("space: s", "c.yaml: a config must name a 'problem', or a 'space' and a 'ladder'; got no 'ladder'. Write for example problem: digits."),
        ("ladder: [x]", "got no 'space'"),
        ("", "c.yaml: a config must name a 'problem', or a 'space' and a 'ladder'; got neither."),
        ("- 1", "c.yaml: a config must be a mapping of keys to values; got [1]."),
        ("problem: [", "c.yaml:1:11: this must be valid YAML"),
    ],
)  # fmt: skip
def test_config_errors(write, text: str, message: str):
    assert message in refusal(write(text))


def test_every_error_is_told_at_once(write):
    lines = refusal(write("problem: digits\nseed: x\nmax_retries: -1")).splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["c.yaml:2:1:", "seed"], ["c.yaml:3:1:", "max_retries"]]


def test_unknown_preset_or_file(write):
    names = f"Presets: {', '.join(PRESETS)}."
    assert refusal("digts") == f"a config must be a preset or a YAML file; got 'digts'. Did you mean 'digits'? {names}"
    assert refusal("no.yaml") == f"a config must be readable; got 'no.yaml': No such file or directory. {names}"
    assert refusal(".").startswith("a config must be readable; got '.': Is a directory.")
    Path("bytes.yaml").write_bytes(b"a: \xff")
    assert refusal("bytes.yaml") == "bytes.yaml: a config must be UTF-8 text; got a byte that is none at 3. Is it a config?"
    Path("large.yaml").write_text("# " + "x" * 2**20)
    assert refusal("large.yaml") == "large.yaml: a config must be at most 1 MiB; this file is larger. Is it a config?"


def test_code_is_refused_unless_allowed(write):
    source = write("space: s\nladder:\n  - {use: 'os.path:Join', a: 1}")
    assert refusal(source) == (
        "c.yaml: ladder.0 must name something that mfsearch knows; got the code 'os.path:Join'. "
        "Pass --allow-code if you trust where this config comes from."
    )
    assert load_config(source, allow_code=True).ladder[0].use == "os.path:Join"
    assert "must name something that mfsearch knows" in refusal("digits", ("policy=evil:Run",))


@pytest.mark.parametrize("override", ["budget=7min", "name=other", "execution.workers=9", "execution.device=cpu"])
def test_the_hash_is_blind_to_what_a_resume_may_change(override: str):
    assert config_hash(load_config("digits", [override])) == config_hash(load_config("digits"))


@pytest.mark.parametrize(
    "override", ["seed=1", "policy=random", "problem.seed=1", "max_retries=0", "recommend=predicted", "constraints=[a < 1]"]
)
def test_the_hash_sees_what_a_resume_must_not_change(override: str):
    assert config_hash(load_config("digits", [override])) != config_hash(load_config("digits"))


def test_the_hash_does_not_depend_on_the_order_of_keys(write):
    one = load_config(write("problem: {use: d, a: 1, b: 2}\nseed: 1"))
    assert config_hash(one) == config_hash(load_config(write("seed: 1\nproblem: {b: 2, a: 1, use: d}")))
    assert len(config_hash(one)) == 16 and set(config_hash(one)) <= set(string.hexdigits)


def test_the_schema_admits_what_loads_and_refuses_what_does_not():
    Draft202012Validator.check_schema(config_schema())
    validator = Draft202012Validator(config_schema())
    for path in presets().values():
        validator.validate(yaml.safe_load(path.read_text()))
    validator.validate(yaml.safe_load(OWN.replace("1e-1", "0.1")))
    for wrong in ({"problem": 1}, {"budgett": "3min"}, {"seed": "x"}, {"execution": {"executor": "x"}}, {"policy": {"pool": 1}}):
        assert not validator.is_valid(wrong), wrong


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["use", "options"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(ALL_KEYS.split(", ")) | st.text(max_size=5), VALUES, max_size=4))
def test_any_mapping_loads_or_is_a_config_error(tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]):
    path = tmp_path_factory.getbasetemp() / "hostile.yaml"
    path.write_text(json.dumps({"problem": "digits"} | data))
    try:
        config = load_config(path)
    except ConfigError as error:
        str(error).encode()
    else:
        assert len(config_hash(config)) == 16


@given(
    st.text() | st.builds("{}={}".format, st.text("abc.0123 _", max_size=12) | st.sampled_from(ALL_KEYS.split(", ")), st.text())
)
def test_any_override_applies_or_is_a_config_error(override: str):
    try:
        load_config("digits", [override])
    except ConfigError as error:
        str(error).encode()


@given(st.text())
def test_any_source_loads_or_is_a_config_error(source: str):
    try:
        load_config(source)
    except ConfigError as error:
        str(error).encode()
