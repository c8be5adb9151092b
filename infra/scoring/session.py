"""An ONNX Runtime session with one thread, and the form that a model's graph must have."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from infra.scoring.errors import ModelRefused, UnusableOutput
from infra.scoring.numerics import CHUNK, THREADS
from schemas.fields import F8Array

OUTPUTS = ("score", "confidence")
F4Array = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Memory:
    """Whether sessions of this process share one limited arena."""

    limited: bool = False


_memory = _Memory()


def limit_memory(megabytes: int) -> None:
    """Let the tensors of all sessions made from now on share so much memory; a call that needs more fails.

    Once for a process. What a session holds beside tensors (weights that an operator has repacked) doesn't count.
    """
    if not _memory.limited:
        place = onnxruntime.OrtMemoryInfo(
            "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
        )
        unset = -1
        onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(megabytes << 20, unset, unset, unset))
        _memory.limited = True


class Session:
    """One loaded graph: float32 (256, width) in, score and confidence of 256 rows out."""

    def __init__(self, graph: bytes, width: int, source: str) -> None:
        """Load ``graph``; raises ModelRefused naming ``source`` if it isn't ONNX or has another form."""
        self._made_of = (graph, width, source)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = THREADS
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # what fails is raised with its reason
        if _memory.limited:
            options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own exception types share no base but this
            raise ModelRefused(f"{source}: not a model that ONNX Runtime can load ({_brief(error)})") from error
        self._input = _check_form(self._session, width, source)

    def renewed(self) -> "Session":
        """Return another session of the same graph."""
        return Session(*self._made_of)

    def run(self, chunk: F4Array) -> tuple[F8Array, F8Array]:
        """Score one chunk, float32 (256, width); returns float64 score and confidence, shape (256,)."""
        try:
            outputs = self._session.run(list(OUTPUTS), {self._input: chunk})
        except Exception as error:  # as above; the caller falls back
            raise UnusableOutput(f"ONNX Runtime failed: {_brief(error)}") from error
        score, confidence = (_column(name, one) for name, one in zip(OUTPUTS, outputs, strict=True))
        return score, confidence


def _check_form(session: Any, width: int, source: str) -> str:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
        raise ModelRefused(f"{source}: must have one input of type tensor(float), has {found}")
    shape = inputs[0].shape
    if len(shape) != 2 or shape[0] == 1 or (isinstance(shape[1], int) and shape[1] != width):
        raise ModelRefused(f"{source}: input {inputs[0].name} has shape {shape}; needed is [any number, {width}]")
    outputs = {one.name: one.type for one in session.get_outputs()}
    for name in OUTPUTS:
        if outputs.get(name) != "tensor(float)":
            raise ModelRefused(
                f"{source}: needs an output {name!r} of type tensor(float), has {outputs}; score is the expected log "
                "return over the horizon, confidence the probability that its sign is right"
            )
    return str(inputs[0].name)


def _column(name: str, values: Any) -> F8Array:
    if values.shape not in ((CHUNK,), (CHUNK, 1)):
        raise UnusableOutput(f"output {name} has shape {values.shape} for {CHUNK} rows")
    column: F8Array = values.reshape(CHUNK).astype(np.float64)
    return column


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
