"""What can't be asked for, and files of universes."""

from dataclasses import replace
from pathlib import Path

import pytest
import typer

from infra.feature_store import InvalidRequest, UnknownFeature
from infra.feature_store.catalog import Catalog, StoredSet
from signaltape.cli.dataset import _features, _time
from signaltape.datasets import DatasetRequest, Span, read_universe
from tests.support.dataset_examples import MINUTE, T0

GOOD = DatasetRequest(after=T0, until=T0 + MINUTE, as_of=T0 + MINUTE, horizon=1, interval="1m")
CATALOG = Catalog(
    sets={
        ("core", 1): StoredSet(hash="h1", features=("a", "b")),
        ("core", 2): StoredSet(hash="h2", features=("b", "c")),
        ("odd", 1): StoredSet(hash="h3", features=("label",)),
    },
    values={("news", 1): "json"},
)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"until": T0}, "reversed or empty"),
        ({"until": T0 + 2 * MINUTE}, "after the as-of time"),
        ({"horizon": 0}, "at least 1 bar"),
        ({"interval": "7m"}, "unknown interval '7m'"),
        ({"features": ("a", "a")}, "asked for twice"),
        ({"universe": ()}, "no symbols"),
        ({"universe": (Span(symbol=""),)}, "no name of a symbol"),
        ({"universe": (Span(symbol="A", after=5000, until=5000),)}, "reversed or empty"),
        ({"universe": (Span(symbol="A", until=5000), Span(symbol="A", after=4000))}, "overlap"),
    ],
)
def test_what_no_dataset_answers(changed: dict[str, object], what: str) -> None:
    with pytest.raises((InvalidRequest, UnknownFeature), match=what):
        replace(GOOD, **changed)


def test_terms() -> None:
    terms, places = replace(GOOD, features=("c", "b")).terms(CATALOG)
    assert (terms.set_version, terms.set_hash, terms.features, places) == (2, "h2", ("c", "b"), (1, 0))
    terms, places = replace(GOOD, version=1).terms(CATALOG)
    assert (terms.set_hash, terms.features, places) == ("h1", ("a", "b"), (0, 1))


@pytest.mark.parametrize(
    ("changed", "error", "what"),
    [
        ({"features": ("a",)}, UnknownFeature, "unknown feature 'a' in core version 2"),
        ({"features": ("news",)}, InvalidRequest, "rows of its own"),
        ({"version": 3}, UnknownFeature, "unknown version '3' in feature set core"),
        ({"feature_set": "cor"}, UnknownFeature, "unknown feature set 'cor'.*did you mean 'core'"),
        ({"feature_set": "odd"}, InvalidRequest, "name of another column"),
    ],
)
def test_what_is_not_stored(changed: dict[str, object], error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        replace(GOOD, **changed).terms(CATALOG)


def test_a_universe_by_time(tmp_path: Path) -> None:
    path = tmp_path / "universe.csv"
    path.write_text("symbol,from,to\nB,,2024-01-02T00:00:00Z\nA,2024-01-01T00:00:00Z,\nB,2024-02-01T00:00:00+00:00,\n")
    day = 86_400 * 10**9
    new_year = 1_704_067_200 * 10**9
    assert read_universe(path) == (
        Span(symbol="A", after=new_year),
        Span(symbol="B", until=new_year + day),
        Span(symbol="B", after=new_year + 31 * day),
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "first line must name"),
        ("symbol\n", "names no symbol"),
        ("symbol,from\nA,2024-01-01T00:00:00\n", "line 2: time .* has no zone"),
        ("symbol,from\nA\n\n,2024-01-01T00:00:00Z\n", "no name of a symbol"),
    ],
)
def test_a_universe_that_is_none(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "universe.csv"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=what):
        read_universe(path)
    with pytest.raises(InvalidRequest, match="can't be read"):
        read_universe(tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("core", ("core", None, ())),
        ("core:1", ("core", 1, ())),
        ("minimal", ("minimal", None, ())),
        ("rsi_14", ("core", None, ("rsi_14",))),
        ("rsi_14, atr_14", ("core", None, ("rsi_14", "atr_14"))),
        ("minimal:2/a,b", ("minimal", 2, ("a", "b"))),
    ],
)
def test_features_option(text: str, found: tuple[str, int | None, tuple[str, ...]]) -> None:
    assert _features(text) == found


@pytest.mark.parametrize("text", ["core:x", "core/", ",", ""])
def test_features_option_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        _features(text)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match=r"--as-of: .*has no zone"):
        _time("2024-01-01T00:00:00", "--as-of")
