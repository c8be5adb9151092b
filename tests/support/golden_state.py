"""The golden files of kept states: what a service leaves for its successor, as release 0.1.0 wrote it.

`python -m tests.support.golden_state` writes those that are missing. A file that exists is never overwritten: a change
of the form needs a new version in it, and a reader of the old one or a refusal that says what to do.
"""

from pathlib import Path

from consumers.inference.commit_metadata import CommitMetadata
from consumers.ingest.position import Position
from pipeline.routing.partition import Standing
from pipeline.routing.router_state import Copies, RouterState
from schemas.predictions import PredictionBatch
from tests.support.example_messages import CLOSE, EXAMPLES

FOLDER = Path(__file__).parents[1] / "contract" / "golden_state"
COMMIT = CommitMetadata(
    standing=Standing(fence=(41, 1), head=CLOSE, partition_time=CLOSE - 1, seq=17),
    snapshot=1_000,
    received=5,
    kept=((3, CLOSE), (5, CLOSE + 60)),
)
POSITION = Position(12, CLOSE)
TOPIC_ID = "mEyV4u1tQ0-0u9bcH1xvbA"


def router_state() -> RouterState:
    """A state with a symbol's last direction and score in it."""
    state, batch = RouterState(), EXAMPLES["PredictionBatch"]
    assert isinstance(batch, PredictionBatch)
    state.replay([batch])
    state.features_offset = 12
    state.copies = Copies(head=CLOSE, partition_time=CLOSE - 1, received=5, kept=((3, CLOSE), (5, CLOSE + 60)))
    return state


def golden_states() -> dict[str, bytes]:
    """File name → bytes that this release writes."""
    return {
        "RouterState.msgpack": router_state().snapshot(),
        "InferenceCommit.txt": COMMIT.to_text().encode(),
        "IngestPosition.json": POSITION.metadata(TOPIC_ID).encode(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in golden_states().items():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_bytes(data)
            print(f"wrote {name}, {len(data)} bytes")
