"""Scoring with one model: fixed chunks, one thread, a deadline, and nothing unusable ever returned."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.scoring.errors import DeadlineMissed, GoldenMismatch, ModelRefused, UnusableOutput
from infra.scoring.files import read_checked
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest
from infra.scoring.numerics import CHUNK, host_fingerprint
from infra.scoring.session import F4Array, Session
from pipeline.features import FEATURE_SETS
from schemas.fields import BoolArray, F8Array, I8Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scores:
    """Expected log returns over the horizon and probabilities that their signs are right: float64, shape (n,)."""

    score: F8Array
    confidence: F8Array
    elapsed_ns: int


class RowScorer:
    """One graph over its own inputs, float32 (n, inputs)."""

    def __init__(self, session: Session, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """``clock``: ns, monotonic."""
        self._session = session
        self._clock = clock

    def score_rows(self, rows: F4Array, deadline: int | None = None) -> Scores:
        """Score rows, float32 (n, inputs), NaN where undefined; deadline and errors as in ``Scorer.score``."""
        start = self._clock()
        total = len(rows)
        padded = np.zeros((-(-total // CHUNK) * CHUNK, rows.shape[1]), dtype=np.float32)
        padded[:total] = rows
        score, confidence = np.empty(len(padded)), np.empty(len(padded))
        for at in range(0, len(padded), CHUNK):
            end = at + CHUNK
            score[at:end], confidence[at:end] = self._session.run(padded[at:end])
            now = self._clock()
            if deadline is not None and now > deadline:
                raise DeadlineMissed(min(end, total), total, now - start)
        result = Scores(score=score[:total], confidence=confidence[:total], elapsed_ns=self._clock() - start)
        _check_usable(result)
        return result


class Scorer(RowScorer):
    """One model, loaded and checked. Calls from several threads don't disturb each other."""

    def __init__(
        self, manifest: ModelManifest, session: Session, columns: I8Array, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """``columns``: where the set's matrix has the model's inputs. See ``load``."""
        super().__init__(session, clock)
        self.manifest = manifest
        self._columns = columns

    @classmethod
    def load(
        cls, path: Path, sha256: str, manifest: ModelManifest, *, clock: Callable[[], int] = time.monotonic_ns
    ) -> "Scorer":
        """Load the ONNX file at ``path``; the golden vectors lie beside it. The model is warm afterwards.

        1. The file is read once and its SHA-256 compared. 2. Its inputs and outputs are checked, and the feature
        set's hash. 3. The golden vectors are scored: equal bits where the host's numerics are those of the maker,
        tolerances elsewhere; and equal bits at any place within a chunk, which batches rely on.

        Raises ArtifactChanged, GoldenMismatch, or another ModelRefused.
        """
        graph = read_checked(path, sha256)  # 1.
        session = Session(graph, len(manifest.features), str(path))  # 2.
        scorer = cls(manifest, session, columns_of(manifest), clock)
        golden_path = path.with_name(manifest.golden_file)
        golden = GoldenVectors.from_json(read_checked(golden_path, manifest.golden_sha256), str(golden_path))
        if golden.features != manifest.features:
            raise GoldenMismatch(f"{golden_path}: made for other inputs than the manifest names; register both anew")
        scorer.check(golden, str(path))  # 3.
        return scorer

    def score(self, values: F8Array, valid: BoolArray, deadline: int | None = None) -> Scores:
        """Score n rows of the feature set's matrix: ``values`` float64 (n, width), ``valid`` bool (n, width).

        ``deadline`` is an instant of ``time.monotonic_ns``, checked after each chunk; None waits for ever. A row's
        result has the same bits in every batch. Raises DeadlineMissed, or UnusableOutput (with the rows) for NaN,
        infinities, wrong shapes and confidences outside [0, 1]: both are ``ScoringFault``s.
        """
        with np.errstate(over="ignore"):  # beyond float32: infinite, and so refused in the output
            rows = values[:, self._columns].astype(np.float32)
        rows[~valid[:, self._columns]] = np.nan
        return self.score_rows(rows, deadline)

    def renewed(self) -> "Scorer":
        """Return the same model on a session of its own, made from the same bytes, and warm.

        Raises ModelRefused or UnusableOutput where this host can't do now what it could before.
        """
        made = Scorer(self.manifest, self._session.renewed(), self._columns, self._clock)
        made.score_rows(np.zeros((1, len(self.manifest.features)), dtype=np.float32))
        return made

    def check(self, golden: GoldenVectors, source: str) -> None:
        """Raise GoldenMismatch if this host's results differ, or depend on a row's place within the chunk."""
        try:
            found = self.score_rows(golden.rows)
            turned = self._at_chunk_end(golden.rows[::-1])
        except UnusableOutput as error:
            raise GoldenMismatch(f"{source}: no usable result for the golden vectors: {error}") from error
        exact = self.manifest.numerics == host_fingerprint()
        golden.compare(found.score, found.confidence, exact=exact, source=source)
        same = np.array_equal(turned.score[::-1], found.score)
        if not (same and np.array_equal(turned.confidence[::-1], found.confidence)):
            raise GoldenMismatch(
                f"{source}: on this host a row's result depends on its place in the batch; "
                "replays would differ from live. Use the locked version of onnxruntime, or another model form"
            )

    def _at_chunk_end(self, rows: F4Array) -> Scores:
        """Score rows at the last places of a chunk instead of the first."""
        before = -len(rows) % CHUNK
        scores = self.score_rows(np.concatenate([np.zeros((before, rows.shape[1]), dtype=np.float32), rows]))
        return Scores(score=scores.score[before:], confidence=scores.confidence[before:], elapsed_ns=scores.elapsed_ns)


def columns_of(manifest: ModelManifest) -> I8Array:
    """Where the set's matrix has the model's inputs: int64 (inputs,). Raises ModelRefused if the set differs."""
    found = FEATURE_SETS.get(manifest.feature_set)
    if found is None or found.version != manifest.set_version:
        known = ", ".join(f"{name} v{one.version}" for name, one in FEATURE_SETS.items())
        raise ModelRefused(
            f"model {manifest.ref} needs feature set {manifest.feature_set} v{manifest.set_version}; "
            f"this release computes {known}: train the model again, or run the release it was trained with"
        )
    if found.hash != manifest.set_hash:
        raise ModelRefused(
            f"model {manifest.ref} was trained on {manifest.feature_set} v{manifest.set_version} with hash "
            f"{manifest.set_hash}, this release computes {found.hash}: train it again, or run the release of then"
        )
    missing = [name for name in manifest.features if name not in found.names]
    if missing:
        raise ModelRefused(f"model {manifest.ref}: feature set {found.name} has no column {', '.join(missing)}")
    return np.array([found.names.index(name) for name in manifest.features], dtype=np.int64)


def _check_usable(scores: Scores) -> None:
    confidence = scores.confidence
    # Written so that NaN fails: a comparison with NaN is false.
    good = np.isfinite(scores.score) & (confidence >= 0.0) & (confidence <= 1.0)
    if not good.all():
        rows = tuple(np.flatnonzero(~good).tolist())
        first = rows[0]
        raise UnusableOutput(
            f"{len(rows)} of {len(good)} rows without a usable result; row {first}: "
            f"score {scores.score[first]!r}, confidence {confidence[first]!r}",
            rows,
        )
