"""What each setting is and where it came from, with secrets masked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_settings import EnvSettingsSource

from infra.masking import MASK, is_secret, masked_text
from infra.settings import LocalStackSource, Settings, config_file, file_source, variable_name


@dataclass(frozen=True, kw_only=True)
class SettingReport:
    """One setting: dotted name, value (secrets masked) and the place that it was read from."""

    name: str
    value: Any
    source: str


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested groups as dotted names: `{"kafka": {"options": {"a.b": 1}}}` → `{"kafka.options.a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def masked(name: str, value: Any) -> Any:
    """`value` without its secret: all of it, or the password inside a URL or a libpq string."""
    if not isinstance(value, str):
        return value
    return MASK if value and is_secret(name) else masked_text(value)


def report(settings: Settings) -> list[SettingReport]:
    """All settings in the order of their groups, each with its source, as seen by `load_settings()` now."""
    layers = (
        ("environment", flatten(EnvSettingsSource(Settings)())),
        (f"file {config_file()}", flatten(file_source()())),
        ("local stack", flatten(_local_stack(settings))),
    )
    rows = []
    for name, value in flatten(settings.model_dump(mode="json")).items():
        source = next((label for label, found in layers if _names(found, name)), "default")
        if source == "environment":
            source = f"environment {variable_name('.'.join(name.split('.')[:2]))}"
        rows.append(SettingReport(name=name, value=masked(name, value), source=source))
    return rows


def _names(found: Mapping[str, Any], name: str) -> bool:
    """True if a source gives this setting: under its own name, or inside a mapping given as a whole."""
    return name in found or any(key.startswith(f"{name}.") for key in found)


def _local_stack(settings: Settings) -> dict[str, Any]:
    source = LocalStackSource(Settings)
    return source.read(settings.home)
