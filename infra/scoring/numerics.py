"""What of the model runtime decides the bits of a score: its part of the numerics fingerprint."""

import onnxruntime

from pipeline.numerics import fingerprint

#: Rows of one call of the runtime. Every call has exactly so many, the last one padded with zeros: a row's result is
#: then the same in every batch (a linear model's differs between one row and many).
CHUNK = 256
THREADS = 1


def runtime_parts() -> dict[str, str]:
    """Name → text of what the runtime adds to ``pipeline.numerics.fingerprint``."""
    return {"onnxruntime": str(onnxruntime.__version__), "chunk": str(CHUNK), "threads": str(THREADS)}


def host_fingerprint() -> str:
    """Fingerprint of this host, numpy and model runtime together."""
    return fingerprint(runtime_parts())
