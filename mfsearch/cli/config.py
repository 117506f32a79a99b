"""`mfsearch config`: presets, schema, validation. Nothing is built."""

from __future__ import annotations

import json

import click

from mfsearch.cli.output import code_option, json_option, write_json, write_table
from mfsearch.config import DEFAULT_PRESET, config_hash, config_schema, load_config, presets
from mfsearch.errors import ConfigError


@click.group()
def config() -> None:
    """Show presets, the schema of configs, or check one."""


@config.command()
@click.argument("name", required=False)
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show a preset as YAML; without NAME, list the presets."""
    known = presets()
    if name is not None:
        if name not in known:
            raise ConfigError(f"a preset must be one of {', '.join(known)}; got {name!r}. Choose one of them.")
        loaded = load_config(name).model_dump(mode="json", exclude_none=True)
        return write_json(loaded) if as_json else click.echo(known[name].read_text(encoding="utf-8"), nl=False)
    about = {preset: _about(path.read_text(encoding="utf-8")) for preset, path in known.items()}
    if as_json:
        return write_json({"default": DEFAULT_PRESET, "presets": about})
    write_table(
        ["preset", "what it is"],
        [[f"{preset} (default)" if preset == DEFAULT_PRESET else preset, text] for preset, text in about.items()],
    )
    click.echo("\nRun one: mfsearch run NAME --budget 3min. Start your own from one: mfsearch config show NAME > mine.yaml")


@config.command()
def schema() -> None:
    """Show the JSON schema of configs, for editors."""
    click.echo(json.dumps(config_schema(), indent=2))


@config.command()
@click.argument("source")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@code_option
@json_option
def check(source: str, overrides: tuple[str, ...], allow_code: bool, as_json: bool) -> None:
    """Check a config without building anything."""
    loaded = load_config(source, overrides, allow_code=allow_code)
    if as_json:
        return write_json(
            {"source": source, "hash": config_hash(loaded), "config": loaded.model_dump(mode="json", exclude_none=True)}
        )
    click.echo(f"{source} is valid (hash {config_hash(loaded)}).")


def _about(text: str) -> str:
    """The first comment of a preset: its first line says what it is."""
    first = text.splitlines()[0]
    return first.lstrip("# ").rstrip() if first.startswith("#") else ""
