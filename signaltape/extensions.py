"""Feature sets from outside the repository: found by entry point, checked, then installed beside the release's own.

A package announces a `FeatureSet` in the group `signaltape.features`:

    [project.entry-points."signaltape.features"]
    location = "close_location:SET"
"""

import inspect
import sys
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

from infra.errors import OperatorError
from pipeline.feature_checks import Finding, check_set
from pipeline.features import FAMILIES, FEATURE_SETS, FeatureSet, feature_set, install
from pipeline.source_rules import offences

GROUP = "signaltape.features"


class FeatureExtensionError(OperatorError):
    """A feature set from outside can't be used; the message names it, its package and what it breaks."""


def load_feature_sets() -> tuple[FeatureSet, ...]:
    """Install every announced set that isn't installed yet, each after all checks; return those added.

    1. Find the entry points, by name. 2. Import each and look at what it is. 3. Check its source and its behaviour.
    4. Install all of them, or none. Raises FeatureExtensionError naming the first one that fails, and its first
    failure.
    """
    added = []
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):  # 1.
        chosen = announced(entry)  # 2.
        known = FEATURE_SETS.get(chosen.name)
        if known is not None and known.families == chosen.families and known.hash == chosen.hash:
            continue
        findings = check_extension(chosen)  # 3.
        if findings:
            first = findings[0]
            more = f" ({len(findings) - 1} more: `signaltape features check`)" if len(findings) > 1 else ""
            raise FeatureExtensionError(
                f"{_title(entry)}: {first.feature} fails the check {first.check}: {first.detail}{more}"
            )
        added.append(chosen)
    try:
        install(added)  # 4.
    except ValueError as error:
        raise FeatureExtensionError(f"feature sets from outside don't go together: {error}") from error
    return tuple(added)


def announced_sets() -> tuple[FeatureSet, ...]:
    """What packages announce, imported but neither checked nor installed."""
    return tuple(announced(entry) for entry in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name))


def announced(entry: metadata.EntryPoint) -> FeatureSet:
    """Import what an entry point names. Raises FeatureExtensionError if that is no feature set, or not a true one."""
    try:
        found = entry.load()
    except Exception as error:  # whatever somebody else's module does
        raise FeatureExtensionError(f"{_title(entry)} can't be imported: {type(error).__name__}: {error}") from error
    if not isinstance(found, FeatureSet):
        raise FeatureExtensionError(
            f"{_title(entry)} is a {type(found).__name__}; it must be what `pipeline.features.feature_set` returns"
        )
    if entry.name != found.name:
        raise FeatureExtensionError(f"{_title(entry)} holds a set named {found.name!r}: give both one name")
    try:
        rebuilt = feature_set(
            found.name, found.version, found.names, [one for one in found.families if one not in FAMILIES]
        )
    except (KeyError, ValueError) as error:
        raise FeatureExtensionError(f"{_title(entry)}: {error.args[0]}") from error
    if rebuilt != found:
        raise FeatureExtensionError(
            f"{_title(entry)}: its hash or warm-up isn't that of its columns: use `feature_set`"
        )
    return found


def check_extension(chosen: FeatureSet) -> tuple[Finding, ...]:
    """Everything that a set from outside breaks: rules of its families' source first, then its behaviour."""
    outside = [family for family in chosen.families if family not in FAMILIES]
    found = tuple(
        Finding(check="source", feature=family.name, detail=f"{module.__name__}, {offence}: not allowed in a family")
        for family in outside
        for module in _modules(family.step)
        for offence in offences(inspect.getsource(module))
    )
    return found or check_set(chosen)


def _modules(step: object) -> Iterator[ModuleType]:
    """The module that a step was written in, and those of the same package that its names come from."""
    home = inspect.getmodule(step)
    if home is None:
        raise FeatureExtensionError(f"{step!r} has no module: its source can't be checked")
    package = home.__name__.split(".")[0]
    names = {home.__name__}
    for value in vars(home).values():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str) and name.split(".")[0] == package:
            names.add(name)
    yield from (sys.modules[name] for name in sorted(names) if name in sys.modules)


def _title(entry: metadata.EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    return f"feature set {entry.name!r} of {package} ({entry.value})"
