"""The golden files of the wire: one per message type. `python -m tests.support.golden` writes those that are missing.

A file that exists is never overwritten: a change of the format needs a new topic version, and with it new files.
"""

from pathlib import Path

from schemas.codec import JSON_TYPES, encode, encode_json
from tests.support.example_messages import EXAMPLES

FOLDER = Path(__file__).parents[1] / "contract" / "golden"


def golden_bytes() -> dict[str, bytes]:
    """File name → bytes that the codec gives for the example of a type."""
    packed = {f"{name}.msgpack": encode(message) for name, message in EXAMPLES.items()}
    return packed | {f"{name}.json": encode_json(EXAMPLES[name]) for name in sorted(JSON_TYPES)}  # type: ignore[arg-type]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in golden_bytes().items():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_bytes(data)
            print(f"wrote {name}, {len(data)} bytes")
