"""Which models are loaded when partitions are taken over."""

from consumers.inference.preparing import prepare_models
from pipeline.deployments import ModelRef
from schemas.intervals import SECOND
from tests.support.feature_chain import T0, Bench


def test_models_of_later_bars_are_prepared_after_those_that_serve() -> None:
    bench = Bench()
    first, arm, second = (bench.models.add(name) for name in ("first", "arm", "second"))
    bench.activate("s", first)
    bench.bar(1, {"A": (0.9, 0.8)})
    bench.take(bench.writer.control(
        "experiment", strategy="s", model=arm.name, model_version=arm.version, effective_from=T0 + 50 * SECOND,
        parameters={"experiment": "x", "ratio": 0.5},
    ))  # fmt: skip
    bench.activate("s", second, effective_from=T0 + 100 * SECOND)
    asked: list[ModelRef] = []

    def prepare(ref: ModelRef) -> str:
        asked.append(ref)
        return ""

    assert prepare_models(prepare, [bench.inference, bench.inference]) == ""
    assert asked == [first, arm, second]


def test_a_later_model_that_cannot_be_loaded_keeps_nothing_from_being_served() -> None:
    bench = Bench()
    first, second = bench.models.add("first"), bench.models.add("second")
    bench.activate("s", first)
    bench.bar(1, {"A": (0.9, 0.8)})
    bench.activate("s", second, effective_from=T0 + 100 * SECOND)
    assert prepare_models(lambda ref: f"no {ref}" if ref == second else "", [bench.inference]) == ""
    assert prepare_models(lambda ref: f"no {ref}", [bench.inference]) == f"no {first}"
