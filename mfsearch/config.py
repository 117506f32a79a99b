"""A study's config: YAML or a preset, with `--set` overrides, checked and frozen. Nothing is built here.

A message names the file with line and column (or the override), the dotted key, what is allowed, and what was perhaps meant.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_serializer, model_validator

from mfsearch.errors import BudgetError
from mfsearch.units import parse_duration
from mfsearch.yamltext import MAX_DEPTH, KeyPath, Places, dotted, parse_yaml, readable_error, shown

DEFAULT_PRESET = "digits"
_MAX_BYTES = 2**20
_COMPONENTS = ("problem", "space", "task", "policy")
_CODE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{key}.{index}")
    else:
        yield key, value


class Section(BaseModel):
    """A part of a config: frozen, and strict in what it takes."""

    # Strict: `seed: true` is no integer and `budget: 90` no string; what is not known is refused.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Component(Section):
    """Something to build by name, with its options.

    In YAML it is a name (`policy: random`), or a mapping with the options beside `use` (`policy: {use: cost_aware, pool: 400}`).

    Attributes:
        use: A name of the registry, or `package.module:Class`, which is code and refused unless it is allowed.
        options: Arguments of its builder; JSON, numbers finite.
    """

    use: str = Field(min_length=1, max_length=200)
    options: Mapping[str, JsonValue] = Field(default_factory=dict, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: object) -> object:
        if isinstance(data, str):
            return {"use": data}
        if isinstance(data, Component):
            return data
        if not isinstance(data, Mapping):
            raise ValueError(f"must be a name, or a mapping with 'use' and options; got {shown(data)}")
        if "use" not in data:
            raise ValueError("must say what to use; got a mapping without 'use'. Write 'use: NAME' beside the options")
        if isinstance(data.get("options"), Mapping):
            if extra := sorted(str(key) for key in data if key not in ("use", "options")):
                raise ValueError(f"must have its options either beside 'use' or in 'options'; got both ({', '.join(extra)})")
            return dict(data)
        return {"use": data["use"], "options": {key: value for key, value in data.items() if key != "use"}}

    @field_validator("use")
    @classmethod
    def _named(cls, use: str) -> str:
        if not (_NAME.fullmatch(use) or _CODE.fullmatch(use)):
            raise ValueError(f"must be a name or 'package.module:Class'; got {shown(use)}")
        return use

    @field_validator("options")
    @classmethod
    def _finite(cls, options: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        for key, value in _leaves(options):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"must hold finite numbers; got {value} for {key!r}")
        return options

    @model_serializer
    def _as_written(self) -> dict[str, JsonValue]:
        return {"use": self.use, **self.options}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """A name, or a mapping with `use`."""
        name = {"type": "string", "minLength": 1, "maxLength": 200}
        mapping = {"type": "object", "properties": {"use": name}, "required": ["use"], "additionalProperties": True}
        return {"anyOf": [name, mapping], "title": "Component"}


class ObjectiveConfig(Section):
    """Which measured figure is searched, in which direction and unit; see `mfsearch.records.Objective`."""

    signal: str = Field(default="val_accuracy", min_length=1)
    direction: Literal["maximise", "minimise"] = "maximise"
    unit: Literal["percent", "fraction", "none"] = "percent"


class ExecutionConfig(Section):
    """Where evaluations run; nothing of it changes what is searched.

    Attributes:
        executor: `serial`, `local`, `ray` or `virtual`; None takes what the problem, the number of workers and `ray_address` need.
        workers: Executor slots.
        threads: CPU threads of one slot.
        device: torch device; `auto` takes CUDA where there is one.
        clock: What is charged where nothing is simulated: elapsed time, or CPU time (on shared cores).
        memory: GiB of address space of each `local` or `ray` worker; None: no limit.
        ray_address: HOST:PORT of the Ray cluster, or `auto` for the one that runs here; None: `ray` starts one on this machine.
        gpus_per_rung: GPUs of an evaluation on Ray: whole ones, or a part of one; a rung not named takes one where there are any.
    """

    executor: Literal["serial", "local", "ray", "virtual"] | None = None
    workers: int = Field(default=1, ge=1, le=10_000)
    threads: int = Field(default=1, ge=1, le=1_024)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    clock: Literal["wall", "cpu"] = "wall"
    memory: float | None = Field(default=None, gt=0)
    ray_address: str | None = Field(default=None, min_length=1)
    gpus_per_rung: Mapping[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict, strict=False)


class StudyConfig(Section):
    """All that a study is made from.

    Attributes:
        name: Name of the study; None makes a unique one.
        problem: A ready-made problem; then `space`, `task` and `ladder` stay away.
        space: The search space.
        task: Data set with its recipe, and the teacher's.
        ladder: The rungs, cheapest first, the target last.
        data: Where local files of the data set lie; the `path` of a task's, or the `data` of a problem that reads some.
        objective: What is searched; None takes the problem's.
        constraints: Such as `params <= 1.5M`; every one must hold.
        policy: What decides.
        budget: Device time, such as `3min` or `4gpu-hours`; None where the command line says it.
        seed: Seed of the whole study.
        recommend: `evaluated` or `predicted`; None takes the problem's.
        max_retries: How often a failed or lost evaluation is tried again.
        execution: Where evaluations run.
    """

    name: str | None = Field(default=None, min_length=1, max_length=200)
    problem: Component | None = None
    space: Component | None = None
    task: Component | None = None
    ladder: tuple[Component, ...] = Field(default=(), strict=False)
    data: str | None = Field(default=None, min_length=1)
    objective: ObjectiveConfig | None = None
    constraints: tuple[str, ...] = Field(default=(), strict=False)
    policy: Component = Component(use="cost_aware")
    budget: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    recommend: Literal["evaluated", "predicted"] | None = None
    max_retries: int = Field(default=1, ge=0, le=100)
    execution: ExecutionConfig = ExecutionConfig()

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str | None) -> str | None:
        if name is not None and (not name.isprintable() or name != name.strip()):
            raise ValueError(f"must be printable, without spaces around it; got {shown(name)}")
        return name

    @field_validator("budget", mode="before")
    @classmethod
    def _duration(cls, budget: object) -> object:
        if budget is None:
            return None
        if not isinstance(budget, str):
            raise ValueError(f"must be a duration with its unit; got {shown(budget)}. Write for example 90min")
        try:
            parse_duration(budget)
        except BudgetError as error:
            raise ValueError(f"must be a duration: {str(error).rstrip('.')}") from None
        return budget

    @model_validator(mode="after")
    def _whole(self) -> StudyConfig:
        own = [key for key in ("space", "task", "ladder") if getattr(self, key)]
        if self.problem is not None and own:
            raise ValueError(
                f"must name a ready-made 'problem' or describe its own; got 'problem' and '{own[0]}'. Remove one of them"
            )
        if self.problem is None and not (self.space and self.ladder):
            missing = "'space'" if self.ladder else "'ladder'" if self.space else "neither"
            got = f"no {missing}" if own else "neither"
            raise ValueError(f"must name a 'problem', or a 'space' and a 'ladder'; got {got}. Write for example problem: digits")
        return self

    def components(self) -> Iterator[tuple[str, Component]]:
        """Everything that is built by name, each with its dotted key."""
        for key in _COMPONENTS:
            if (component := getattr(self, key)) is not None:
                yield key, component
        for index, rung in enumerate(self.ladder):
            yield f"ladder.{index}", rung


def presets(folder: str = "") -> dict[str, Path]:
    """Name -> file of every config that ships with mfsearch: of studies, or those of a folder (`meta`, of meta-training)."""
    here = Path(__file__).resolve().parent
    # An installed package has them inside, a checkout beside it.
    configs = next(folder for folder in (here / "configs", here.parent / "configs") if folder.is_dir())
    return {path.stem: path for path in sorted((configs / folder).glob("*.yaml"), key=lambda path: path.stem)}


S = TypeVar("S", bound=Section)


def load_config(source: str | Path | None = None, overrides: Sequence[str] = (), *, allow_code: bool = False) -> StudyConfig:
    """Read, override and check a config.

    Args:
        source: Name of a preset, or a YAML file; None is the preset `digits`.
        overrides: `key.sub=value` each, as of `--set`; the value is YAML, a list is indexed by number. Later ones win.
        allow_code: Whether `use: package.module:Class` is admitted.

    Raises:
        ConfigError: If anything is wrong; the message says where, what is allowed, and what was meant.
    """
    label, config = read_section(StudyConfig, DEFAULT_PRESET if source is None else source, overrides)
    for key, component in config.components():
        if ":" in component.use and not allow_code:
            raise readable_error(
                f"{label}: {key} must name something that mfsearch knows; got the code {component.use!r}. "
                "Pass --allow-code if you trust where this config comes from."
            )
    return config


def read_section(kind: type[S], source: str | Path, overrides: Sequence[str] = (), folder: str = "") -> tuple[str, S]:
    """Read, override and check a config of any kind.

    Args:
        kind: What it must be.
        source: Name of a preset, or a YAML file.
        overrides: As of `load_config`.
        folder: Of the presets, as of `presets`.

    Returns:
        What messages call it, and the config.

    Raises:
        ConfigError: As of `load_config`.
    """
    label, text = _read(source, presets(folder))
    data, where = parse_yaml(text, label)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise readable_error(f"{label}: a config must be a mapping of keys to values; got {shown(data)}.")
    for override in overrides:
        _override(data, where, override)
    try:
        return label, kind.model_validate(data)
    except ValidationError as error:
        raise readable_error(
            "\n".join(dict.fromkeys(_explain(kind, label, where, details) for details in error.errors()))
        ) from None


def config_hash(config: StudyConfig) -> str:
    """16 hexadecimal digits that agree between configs which may go on with each other's studies.

    Name, budget and execution are left out: a study may be resumed with more budget, or elsewhere.
    """
    kept = config.model_dump(mode="json", exclude={"name", "budget", "execution"})
    return hashlib.sha256(json.dumps(kept, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def config_schema() -> dict[str, Any]:
    """JSON schema of a config, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **StudyConfig.model_json_schema()}


def _read(source: str | Path, known: Mapping[str, Path]) -> tuple[str, str]:
    """Label and text of a preset or file."""
    if isinstance(source, str) and source in known:
        return f"preset {source!r}", known[source].read_text(encoding="utf-8")
    try:
        path = Path(source)
        if isinstance(source, str) and path.suffix not in (".yaml", ".yml") and len(path.parts) < 2 and not path.exists():
            hint = _did_you_mean(source, known)
            raise readable_error(
                f"a config must be a preset or a YAML file; got {shown(source)}. {hint}Presets: {', '.join(known)}."
            )
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise readable_error(f"{path}: a config must be at most 1 MiB; this file is larger. Is it a config?")
        return str(path), content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise readable_error(
            f"{source}: a config must be UTF-8 text; got a byte that is none at {error.start}. Is it a config?"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise readable_error(
            f"a config must be readable; got {shown(str(source))}: {reason}. Presets: {', '.join(known)}."
        ) from None


def _override(data: dict[str, Any], where: Places, text: str) -> None:
    """Set one key of the data in place."""
    label = f"--set {text[:80]}"
    key, equals, written = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise readable_error(
            f"{label}: an override must be KEY=VALUE or KEY.SUB=VALUE; got {shown(text)}. Example: --set seed=3."
        )
    if len(parts) > MAX_DEPTH:
        raise readable_error(f"{label}: a key must nest at most {MAX_DEPTH} levels; this one goes deeper.")
    holder: Any = data
    path: KeyPath = ()
    for part in parts[:-1]:
        path = (*path, _step(holder, path, part, label))
        present = isinstance(holder, list) or path[-1] in holder
        child = holder[path[-1]] if present else None
        if child is None:
            default = StudyConfig.model_fields[part].default if len(path) == 1 and part in StudyConfig.model_fields else None
            child = {"use": default.use} if isinstance(default, Component) else {}
            where[path] = label
        elif isinstance(child, str) and ((path[0] in _COMPONENTS and len(path) == 1) or (path[0] == "ladder" and len(path) == 2)):
            child = {"use": child}  # the short form: `problem: digits` takes `problem.seed=1`
        elif not isinstance(child, dict | list):
            raise readable_error(f"{label}: {dotted(path)} must be a mapping to set a key of it; got {shown(child)}.")
        holder[path[-1]] = child
        holder = child
    path = (*path, _step(holder, path, parts[-1], label))
    holder[path[-1]], _ = parse_yaml(written, label)
    for inner in [known for known in where if known[: len(path)] == path]:
        del where[inner]
    where[path] = label


def _step(holder: Any, path: KeyPath, part: str, label: str) -> str | int:
    """One part of a dotted key: the index of a list that has it, or the key of a mapping."""
    if not isinstance(holder, list):
        return part
    if part.isascii() and part.isdigit() and len(part) < 9 and int(part) < len(holder):
        return int(part)
    allowed = f"a number from 0 to {len(holder) - 1}" if holder else "absent, for the list is empty"
    raise readable_error(f"{label}: the part after {dotted(path)!r} must be {allowed}; got {part!r}. Or set the whole list.")


_KINDS = {
    "string_type": "a string", "int_type": "an integer", "float_type": "a number", "bool_type": "true or false",
    "tuple_type": "a list", "model_type": "a mapping", "invalid-json-value": "plain YAML", "string_unicode": "valid Unicode",
}  # fmt: skip


def _explain(kind_of: type[Section], label: str, where: Places, details: Any) -> str:
    """One of pydantic's errors in our words."""
    path = tuple(part for part in details["loc"] if part not in ("options", "[key]"))
    place = next((where[path[:end]] for end in range(len(path), 0, -1) if path[:end] in where), label)
    key, kind, got = dotted(path) if path else "a config", details["type"], details["input"]
    if kind == "value_error":
        return f"{place}: {key} {details['ctx']['error']}."
    if kind == "extra_forbidden":
        allowed = _keys(kind_of, path[:-1])
        return (
            f"{place}: a key must be one of {', '.join(allowed)}; got {key!r}. {_did_you_mean(str(path[-1]), allowed)}".rstrip()
        )
    if kind == "literal_error":
        hint = _did_you_mean(str(got), re.findall(r"'([^']+)'", details["ctx"]["expected"]))
        return f"{place}: {key} must be {details['ctx']['expected']}; got {shown(got)}. {hint}".rstrip()
    rule = f"be {_KINDS[kind]}" if kind in _KINDS else details["msg"].removeprefix("Input should ").removeprefix("String should ")
    return f"{place}: {key} must {rule}; got {shown(got)}."


def _keys(kind: type[Section], path: KeyPath) -> list[str]:
    """Keys that a section of a config admits, sorted; the whole config's for an empty path."""
    for part in path:
        annotation = kind.model_fields[str(part)].annotation
        kind = next(one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, Section))
    return sorted(kind.model_fields)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""
