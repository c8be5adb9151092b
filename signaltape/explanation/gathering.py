"""All that is recorded about one symbol at one bar, in one snapshot of the tables."""

from dataclasses import dataclass, replace

from infra.broker.errors import BrokerError
from infra.settings import Settings
from infra.warehouse.checkpoints import read_checkpoints
from infra.warehouse.connection import Connection
from infra.warehouse.explanation import Facts, LogPlace
from infra.warehouse.feature_rounds import SERVICE as FEATURES
from pipeline.explanation.facts import BarFact, Moment, VectorFact
from schemas.intervals import INTERVALS
from schemas.partitioning import partition_of
from schemas.topics import TopicNames
from signaltape.explanation.published import dead_letters


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The facts; ``place``: where the bar lies in the log, None where it has none there (``unplaced`` says why).

    ``behind``: the bars up to it. ``unread``: why dead letters could not be looked for, "" if they were.
    """

    moment: Moment
    behind: tuple[BarFact, ...] = ()
    place: LogPlace | None = None
    unplaced: str = ""
    unread: str = ""


def gather(connection: Connection, settings: Settings, named: tuple[str, str, int], bars: int) -> Gathered:
    """Read everything about (symbol, interval, event time); ``bars``: how many bars to show."""
    symbol, interval, event_time = named
    facts = Facts(connection, symbol, interval, event_time)
    stored = facts.bars()
    previous, following = facts.neighbours()
    moment = Moment(
        symbol=symbol,
        interval=interval,
        event_time=event_time,
        partition=partition_of(symbol, settings.topics.partitions),
        bars=stored,
        previous=previous,
        following=following,
        repairs=facts.repairs(),
    )
    bar = moment.bar
    if bar is None:
        return Gathered(moment=moment)
    place, unplaced = _place(connection, settings, bar)
    vectors = _vectors(facts, place)
    if place is not None and vectors and vectors[0][0] != place.generation:
        place, unplaced = None, "its features were made in another log than the one that its bar is kept under"
    calls, rows = facts.calls(bar.partition, bar.source_offset)
    since = event_time - settings.inference.fresh_bars * INTERVALS[interval]
    moment = replace(
        moment,
        partition=bar.partition,
        vectors=tuple(vector for _, vector in vectors),
        calls=calls,
        rows=rows,
        signal=facts.signal(),
        before=facts.emission_before(),
        control=facts.control(bar.partition),
        answers=facts.last_answers(since),
        predicted_to=facts.predicted_to(bar.partition),
        corrected=tuple(one for one in stored if one.status == "correction" and one.source == bar.source),
    )
    shown = LogPlace(partition=bar.partition, source_offset=bar.source_offset, generation=bar.generation,
                     first_generation=bar.generation) if place is None else place  # fmt: skip
    return Gathered(moment=moment, behind=facts.behind(bar, shown, bars), place=place, unplaced=unplaced)


def _vectors(facts: Facts, place: LogPlace | None) -> list[tuple[int, VectorFact]]:
    """The vectors of the newest generation that has some."""
    found = facts.vectors(place)
    return [one for one in found if one[0] == found[0][0]]


def _place(connection: Connection, settings: Settings, bar: BarFact) -> tuple[LogPlace | None, str]:
    """Where a bar lies in the present log; second: why it doesn't."""
    if bar.generation == 0:
        return None, "the bar was loaded in bulk and lies in no log"
    topic = TopicNames(settings.topics.prefix).bars
    known = read_checkpoints(connection, FEATURES, topic).get(bar.partition)
    first = 1 if known is None else known.first_generation
    if bar.generation < first:
        return None, (
            f"the bar lies in an earlier log (generation {bar.generation}; the present one begins with generation "
            f"{first}), whose order isn't kept"
        )
    return LogPlace(
        partition=bar.partition,
        source_offset=bar.source_offset,
        generation=bar.generation,
        first_generation=first,
    ), ""


def with_dead_letters(settings: Settings, gathered: Gathered) -> Gathered:
    """Where no bar has made features it may have been rejected: look for it. Reads the broker, not the tables."""
    moment = gathered.moment
    try:
        letters = dead_letters(settings, moment.symbol, moment.interval, moment.event_time)
    except BrokerError as error:
        return Gathered(moment=moment, unread=f"dead letters could not be read: {error}")
    return Gathered(moment=replace(moment, dead_letters=letters))
