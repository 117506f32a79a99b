"""What is compared: labels, each of them a policy with its options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from pydantic import JsonValue, ValidationError

from mfsearch.allocation import POLICIES
from mfsearch.allocation.base import AbstractPolicy
from mfsearch.bench.peers import ADAPTERS, Library, Peer, libraries
from mfsearch.build import build_policy
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Json
from mfsearch.yamltext import parse_yaml

METHODS: dict[str, tuple[str, dict[str, Json]]] = {
    "cost_aware": ("cost_aware", {}),
    "random": ("random", {}),
    "random_low": ("random", {"rung": "low"}),
    "evolution": ("regularised_evolution", {}),
    "evolution_low": ("regularised_evolution", {"rung": "low"}),
    "evolution_proxies": ("regularised_evolution", {"rung": "low", "warm_start": 1000}),
    "evolution_proxies_6000": ("regularised_evolution", {"rung": "low", "warm_start": 6000}),
    "local_search": ("local_search", {}),
    "local_search_low": ("local_search", {"rung": "low"}),
    "local_search_proxies": ("local_search", {"rung": "low", "warm_start": 1000}),
    "successive_halving": ("successive_halving", {}),
    "hyperband": ("hyperband", {}),
    "asha": ("asha", {}),
    "mfkd_published": ("mfkd", {}),
    "mfkd_scaled": ("mfkd", {"share": 0.4}),
    "mfasc_published": ("mfasc", {}),
    "mfasc_scaled": ("mfasc", {"share": 0.4}),
    "gp": ("gp", {}),
    "gp_low": ("gp", {"rung": "low"}),
    "gp_proxies": ("gp", {"proxies": True}),
    "gp_proxies_low": ("gp", {"proxies": True, "rung": "low"}),
    "botorch_mes": ("botorch_mes", {}),
}
"""Label -> policy and options. The rungs `low` and `target` are the problem's first and last evaluation."""

_COMMA: Final = re.compile(r",(?![^\[]*\])")  # not those of a list


@dataclass(frozen=True)
class Method:
    """One line of a comparison.

    Attributes:
        label: As the user wrote it; names it in every result.
        policy: Name in `POLICIES`.
        options: Arguments of the policy.
        library: Whose method it is, where it is another library's; `policy` is then the method's name among the adapter's.
        without: Rungs that it does not have, as if the problem's ladder had been built without them.
    """

    label: str
    policy: str
    options: Mapping[str, Json]
    library: Library | None = None
    without: tuple[str, ...] = ()

    def ladder(self, full: FidelityLadder) -> FidelityLadder:
        """The rungs that it has.

        Raises:
            ConfigError: If one that it is to do without is not there, or is the target.
        """
        spare = [rung.name for rung in full if rung is not full.target]
        if unknown := [name for name in self.without if name not in spare]:
            raise ConfigError(
                f"a method can do without {', '.join(spare) or 'no rung, for the target is the only one'}; got {', '.join(unknown)} in "
                f"{self.label!r}. Mend it."
            )
        return FidelityLadder([rung for rung in full if rung.name not in self.without])

    def on(self, ladder: FidelityLadder) -> Method:
        """The same method with `low` and `target` replaced by the names of the ladder's rungs."""
        places = {"low": ladder.evaluations[0].name, "target": ladder.target.name}
        names = {rung.name for rung in ladder}
        options = dict(self.options)
        rung = options.get("rung")
        if isinstance(rung, str) and rung not in names:
            options["rung"] = places.get(rung, rung)
        return replace(self, options=options)

    def build(self) -> AbstractPolicy:
        """A new policy.

        Raises:
            ConfigError: If it does not know an option.
        """
        if self.library is not None:
            return Peer(self.library, self.policy)
        # A study's config is what `build_policy` reads; the problem in it is not looked at.
        component = Component(use=self.policy, options=cast(dict[str, JsonValue], dict(self.options)))
        return build_policy(StudyConfig(problem=Component(use="any"), policy=component))


def parse_methods(text: str, adapters: Path = ADAPTERS, home: Path | None = None) -> tuple[Method, ...]:
    """Methods as the command line names them: `cost_aware,random,cost_aware:insurance=0;reserve=0.1,optuna/tpe`.

    Args:
        text: Labels or policies, separated by commas, each with options after a colon, separated by semicolons; values are YAML.
            `without`, the name of a rung or a list of names, is an option of every method. LIBRARY/METHOD is another library's.
        adapters: Where the adapters of other libraries lie.
        home: Where their environments lie; needed where there are such.

    Raises:
        ConfigError: If a name is unknown, an option cannot be read, a label comes twice, or a library is not set up.
    """
    parts = [part.strip() for part in _COMMA.split(text) if part.strip()]
    methods = tuple(_peer(part, adapters, home) if "/" in part.partition(":")[0] else _parse(part) for part in parts)
    if not methods:
        raise ConfigError("--methods must name at least one method; got none. Write for example cost_aware,random.")
    labels = [method.label for method in methods]
    if doubles := sorted({label for label in labels if labels.count(label) > 1}):
        raise ConfigError(f"--methods must name every method once; got {', '.join(doubles)} more than once.")
    return methods


def _parse(text: str) -> Method:
    name, _, written = text.partition(":")
    known = [*METHODS, *(policy for policy in POLICIES if policy not in METHODS)]
    if name not in known or METHODS.get(name, (name,))[0] not in POLICIES:
        usable = [label for label in known if METHODS.get(label, (label,))[0] in POLICIES]
        raise ConfigError(f"a method must be one of {', '.join(usable)}; got {name!r}. {_hint(name, usable)}")
    policy, preset = METHODS.get(name, (name, {}))
    options = {**preset, **parse_options(written, text)}
    without = options.pop("without", [])
    names = [without] if isinstance(without, str) else without
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ConfigError(f"without must be the name of a rung, or a list of such; got {without!r} in {text!r}. Mend it.")
    return Method(text, policy, options, without=tuple(str(one) for one in names))


def _peer(text: str, adapters: Path, home: Path | None) -> Method:
    library, _, method = text.partition("/")
    if ":" in method:
        raise ConfigError(
            f"a library's method must have no options: its variants are methods of their own; got {text!r}. Leave them out."
        )
    known = libraries(adapters, home or Path())
    if library not in known:
        raise ConfigError(f"a library must be one of {', '.join(known)}; got {library!r}. {_hint(library, list(known))}")
    versions = known[library].versions()
    offered = known[library].methods()
    if method not in offered:
        raise ConfigError(f"{library} has the methods {', '.join(offered)}; got {method!r}. {_hint(method, offered)}")
    pinned: dict[str, Json] = {name: versions[name] for name in sorted(known[library].pinned() & versions.keys())}
    return Method(text, method, pinned, known[library])


def parse_options(written: str, label: str) -> dict[str, Json]:
    """Options as `name=value;name=value`; values are YAML.

    Raises:
        ConfigError: If one has another form.
    """
    options: dict[str, Json] = {}
    for part in written.split(";") if written else ():
        name, equals, value = part.partition("=")
        if not (equals and name.strip()):
            raise ConfigError(f"options must be NAME=VALUE, separated by semicolons; got {part!r} in {label!r}. Mend it.")
        options[name.strip()] = cast(Json, parse_yaml(value, label)[0])
    try:
        Component(use="any", options=options)
    except ValidationError as error:
        raise ConfigError(
            f"options must be plain finite values; got {written!r} ({error.errors()[0]['msg']}). Mend it."
        ) from None
    return options


def _hint(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else "Choose one of them."
