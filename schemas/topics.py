"""The topic table: what each topic holds and how it is kept."""

from dataclasses import dataclass

DAY_MS = 86_400_000
#: The major version that ends every topic's name; a breaking change is a new topic.
MAJOR = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """One topic. ``partitioned``: as many partitions as ``bars``, else one. ``retention_ms`` -1: kept for ever.

    ``transactional``: written in transactions, so readers are ``read_committed``.
    """

    name: str
    partitioned: bool
    retention_ms: int
    transactional: bool
    messages: tuple[str, ...]
    key: str
    summary: str


TOPICS: tuple[Topic, ...] = (
    Topic(
        name="bars-in", partitioned=True, retention_ms=7 * DAY_MS, transactional=False, messages=("RawBar",),
        key="symbol", summary="Single bars from any Kafka client, MessagePack or JSON.",
    ),
    Topic(
        name="bars", partitioned=True, retention_ms=30 * DAY_MS, transactional=False,
        messages=("BarBatch", "Watermark", "Adjustment", "StateRepair", "ControlEvent"),
        key="", summary="The log of record: everything downstream follows from it.",
    ),
    Topic(
        name="features", partitioned=True, retention_ms=7 * DAY_MS, transactional=False,
        messages=("FeatureBatch", "Watermark", "ControlEvent"),
        key="", summary="Feature vectors per set, one chain a partition.",
    ),
    Topic(
        name="returns", partitioned=True, retention_ms=7 * DAY_MS, transactional=False,
        messages=("ReturnBatch", "Watermark"), key="", summary="Matured log returns, a chain of their own.",
    ),
    Topic(
        name="predictions", partitioned=True, retention_ms=30 * DAY_MS, transactional=True,
        messages=("PredictionBatch", "RouterSnapshot", "FeatureStats", "Watermark"),
        key="", summary="The record of every model call and of the router's decisions.",
    ),
    Topic(
        name="signals", partitioned=True, retention_ms=30 * DAY_MS, transactional=True,
        messages=("Signal", "Heartbeat", "Notice"), key="symbol", summary="What gateways act on; one seq a partition.",
    ),
    Topic(
        name="alerts", partitioned=False, retention_ms=90 * DAY_MS, transactional=True, messages=("Alert",),
        key="subject", summary="Findings of the drift agent, with evidence.",
    ),
    Topic(
        name="control", partitioned=False, retention_ms=-1, transactional=False, messages=("ControlEvent",),
        key="strategy", summary="Every decision about models, pauses and parameters, in order.",
    ),
)  # fmt: skip

#: Topics whose rejected messages go to `<topic>.dlq`.
DEAD_LETTERED = ("bars-in", "bars", "features", "returns", "predictions", "signals", "alerts", "control")


class TopicNames:
    """Full names of the topics under a prefix (``"replay-7."`` gives ``replay-7.bars.v1``)."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.bars_in = self.of("bars-in")
        self.bars = self.of("bars")
        self.features = self.of("features")
        self.returns = self.of("returns")
        self.predictions = self.of("predictions")
        self.signals = self.of("signals")
        self.alerts = self.of("alerts")
        self.control = self.of("control")

    def of(self, name: str) -> str:
        """Full name of a topic of the table."""
        return f"{self.prefix}{name}.v{MAJOR}"

    def dlq(self, topic: str) -> str:
        """Dead-letter topic of a full topic name."""
        return f"{topic}.dlq"
