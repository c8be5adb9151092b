"""A verification in words."""

from collections.abc import Iterator, Mapping

from schemas.times import iso
from signaltape.verification.verifying import Verification

_HEAD = {
    "equal": "equal: what the log gives again is what was recorded",
    "different": "different: what the log gives again is not what was recorded",
    "not proven": "not proven: nothing differs, but not all of it could be compared",
}

#: What is counted. ``corrections``: rows that the agent made again; ``repairs``: what the repair job answered.
COUNTED = ("features", "predictions", "signals", "corrections", "repairs")


def lines(made: Verification) -> Iterator[str]:
    """Yield the text, a line each."""
    yield _HEAD[made.verdict]
    yield f"  {'range':<12} {iso(made.question.start)} to {iso(made.question.end)}"
    yield f"  {'bars':<12} {made.bars:,} at {made.bar_times:,} bar times, in {len(made.starts)} partitions"
    for stage in COUNTED:
        if count := made.equal.get(stage, 0):
            near = made.near.get(stage, 0)
            how = f", {near:,} of them within tolerances only" if near else ""
            yield f"  {stage:<12} {count:,} rows agree{how}"
    for one in made.starts:
        yield f"  {f'partition {one.partition}':<12} {one.bars:,} bars, computed from {one.begins}"
    for said in statements(made):
        yield f"  {said}"
    if made.differences:
        yield "first difference:" if len(made.differences) == 1 else f"first {len(made.differences)} differences:"
        for found in made.differences:
            yield f"  {found}"
            if found.blame:
                yield f"    {found.blame}"
    if made.apart > 1:
        yield f"  {made.apart:,} digests in all don't agree"


def statements(made: Verification) -> Iterator[str]:
    """Yield what has to be known to judge the result."""
    yield from _arithmetic(made)
    if made.undigested:
        yield f"no digest was kept of {_counted(made.undigested)}: compared with the stored rows alone"
    if any(made.rebuilt.values()):
        yield f"the digests of {_counted(made.rebuilt)} were made from rows: they prove nothing from before that"
    if made.dropped:
        yield f"the rows of {_counted(made.dropped)} are no longer stored: compared with their digests alone"
    if made.unproven:
        yield f"neither rows nor digests of {_counted(made.unproven)} are kept: nothing to compare"
    if made.fallbacks:
        named = ", ".join(f"{count:,} {status}" for status, count in sorted(made.fallbacks.items()))
        yield f"rows that a model did not answer in time are taken as recorded: {named}"
    for partition, count in sorted(made.waiting.items()):
        yield (
            f"the store has not caught up: {count:,} predictions on partition {partition} are not stored yet; let "
            "`signaltape run store` catch up, or give an earlier --to"
        )
    if made.refused:
        yield (
            f"{made.refused:,} messages of the log can't be applied by this release and its settings (states of other "
            "feature sets, or of other code): what follows from them can't come out again"
        )
    if made.plan.loaded:
        yield f"{made.plan.loaded:,} bars of the range were loaded in bulk: they lie in no log, and are left out"
    if made.reached <= made.question.end:
        yield f"compared up to {iso(made.reached)} only"


def _arithmetic(made: Verification) -> Iterator[str]:
    plan = made.plan
    if all(plan.exact.values()):
        unknown = [stage for stage, found in plan.numerics.items() if "" in found]
        yield f"compared bit for bit, numerics fingerprint {plan.own['features']}"
        if unknown:
            yield f"the fingerprint of {' and '.join(unknown)} was not recorded, and is taken to be this one"
        return
    for stage, found in plan.numerics.items():
        other = sorted(found - {"", plan.own[stage]})
        if other:
            yield (
                f"{stage} were made under the numerics fingerprint {', '.join(other)}, this host's is "
                f"{plan.own[stage]}: bits may differ, values are compared within the documented tolerances"
            )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} bar times of {stage}" for stage, count in sorted(counts.items()) if count)
