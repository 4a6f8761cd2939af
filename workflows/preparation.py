"""`leafworks plan prepare CORPUS`: what a preparation would make, how long it would take, whether the disk suffices."""

from dataclasses import dataclass

from infra import config
from infra.stage import run_stage
from pipelines.requests import PreparationPlan
from workflows import flags
from workflows.prepare_commands import Prepare

_UNITS = ((3600.0, "h"), (60.0, "min"), (0.0, "s"))


@dataclass(frozen=True, kw_only=True)
class PlanPrepare(Prepare):
    """Says what `leafworks prepare` would do, how long it would take, whether the disk suffices, and does none of it.

    It lists the corpus (names and sizes) and decodes a few dozen recordings to measure the time.

    Attributes:
      json: print JSON.
    """

    json: bool = False


def plan_preparation(arguments: list[str]) -> int:
    """Plans, prints, and returns the exit code."""
    command = flags.parse(PlanPrepare, "plan prepare", flags.to_the_end("--beam-options", arguments))
    plan = run_stage("pipelines.estimate", command.request(), PreparationPlan)
    print(config.to_json(plan) if command.json else in_words(plan), end="")
    return 0


def in_words(plan: PreparationPlan) -> str:
    """The plan for a person, a line for each thing to decide on."""
    clips = ", ".join(f"{split} {count:,}" for split, count in plan.clips.items())
    listed = sum(plan.clips.values())
    sizes = f"{plan.source_bytes / 1e6:,.1f} MB of recordings -> about {plan.output_bytes / 1e6:,.1f} MB"
    state = "finished" if plan.finished else f"{plan.shards_done:,} on disk"
    sample = ", ".join(f"{count} {status}" for status, count in plan.sample.items())
    lines = [
        f"prepare {plan.corpus} -> {plan.snapshot}",
        f"clips:   {listed:,} listed ({clips}), {plan.clips_with_audio:,} with a file, {plan.classes} classes",
        f"audio:   about {plan.hours:,.2f} hours; {sizes}",
        f"shards:  {plan.shards:,} of up to {plan.clips_per_shard:,} clips, {state}",
        f"time:    {_time(plan)}" + (f" (sample of {sum(plan.sample.values())}: {sample})" if sample else ""),
        f"disk:    {plan.needed_bytes / 1e6:,.1f} MB needed, {plan.free_bytes / 1e6:,.1f} MB free: "
        + ("enough" if plan.fits else "NOT ENOUGH; choose another folder with `--root`"),
        *(f"note:    {note}" for note in plan.notes),
    ]
    return "\n".join(lines) + "\n"


def _time(plan: PreparationPlan) -> str:
    if plan.seconds is None:
        return "unknown"
    size, unit = next((size, unit) for size, unit in _UNITS if plan.seconds >= 2 * size)
    return f"about {plan.seconds / (size or 1.0):.1f} {unit} with {plan.workers} workers"
