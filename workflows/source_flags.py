"""Which folder of recordings each task of a workflow has, from the `--source` flags."""

from collections.abc import Collection, Sequence
from pathlib import Path


def by_task(flags: Sequence[str], tasks: Collection[str]) -> dict[str, str]:
    """What `--source` was given, by task: DIR of the one task, or TASK=DIR once for each of several.

    Raises:
      ValueError: neither of these, or a task twice.
    """
    if len(tasks) == 1 and len(flags) == 1:
        return {next(iter(tasks)): str(Path(flags[0]))}
    pairs = [flag.split("=", 1) for flag in flags if "=" in flag]
    found = {task: str(Path(folder)) for task, folder in pairs}
    if len(found) != len(flags) or not found.keys() <= set(tasks):
        raise ValueError(
            f"Rule: `--source DIR` for a workflow of one task, `--source TASK=DIR` once for each of several. Received: "
            f"{list(flags)} for the tasks {list(tasks)}."
        )
    return found
