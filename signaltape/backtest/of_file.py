"""Material from a file of bars: no broker, no database."""

from infra.engine_choice import inference_options
from infra.scoring.untimed import UntimedModels
from infra.settings import Settings
from infra.warehouse.moments import to_moment
from pipeline.flow import FlowConfig, partition_flow
from producers.bar_files import read_bars
from producers.bar_source import BarFile
from producers.bar_table import BarTable
from producers.file_log import file_log
from producers.splits import read_splits
from signaltape.backtest.errors import BacktestRefused
from signaltape.backtest.material import Material, activation
from signaltape.backtest.models import chosen_model, notes_about, traded_interval
from signaltape.backtest.request import BacktestRequest


def file_material(settings: Settings, request: BacktestRequest, file: BarFile) -> Material:
    """Put the flow before the file's first bar. Raises BarInputError, BacktestRefused."""
    if request.choice.model is None:
        raise BacktestRefused("a file has no record of what was live: give --model")
    registry, chosen = chosen_model(settings, request.choice.model)
    interval = traded_interval(file.interval, chosen)
    whole = read_bars(file.path, file.interval, file.stamp)
    table = whole.between(end=request.end)
    counted = table.between(start=None if request.start is None else request.start - 1)
    if not len(counted):
        raise BacktestRefused(f"{file.path}: no bar closes in the range; {_holds(whole)}")
    models = UntimedModels(registry)
    config = FlowConfig(feature_sets=(chosen.feature_set,), inference=inference_options(settings), statistics=False)
    flow = partition_flow(0, config, models)
    flow.inference.control.receive(activation(chosen), None)
    start = int(counted.event_time.min())
    return Material(
        flows={0: flow},
        entries=file_log(table, lag=file.lag, splits=read_splits(file.splits) if file.splits else ()),
        interval=interval,
        start=start,
        end=int(counted.event_time.max()),
        bars=len(counted),
        models=models,
        begins={0: f"the first bar of {file.path.name}"},
        chosen=chosen,
        notes=notes_about(chosen, start),
    )


def _holds(table: BarTable) -> str:
    if not len(table):
        return "it holds no bars"
    first, last = (to_moment(int(time)).isoformat() for time in (table.event_time.min(), table.event_time.max()))
    return f"its bars close from {first} to {last}"
