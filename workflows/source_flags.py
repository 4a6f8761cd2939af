"""Which folder of recordings each task of an experiment has, from the `--source` flags."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.config import PrepareConfig


def by_task(flags: Sequence[str], tasks: Mapping[str, PrepareConfig]) -> dict[str, str]:
    """What `--source` was given, by task.

    TASK=DIR or CORPUS=DIR, once for each; or one DIR, which is the folder of the one corpus, or, of several corpora,
    the folder in which each has one of its name.

    Raises:
      ValueError: neither of these, or a task twice.
    """
    if len(flags) == 1 and "=" not in flags[0]:
        corpora = {prepare.corpus for prepare in tasks.values()}
        folder = Path(flags[0])
        return {task: str(folder if len(corpora) == 1 else folder / own.corpus) for task, own in tasks.items()}
    pairs = [flag.split("=", 1) for flag in flags if "=" in flag]
    given = {name: str(Path(folder)) for name, folder in pairs}
    if len(given) != len(flags) or not given.keys() <= {*tasks, *(own.corpus for own in tasks.values())}:
        raise ValueError(
            "Rule: one `--source DIR`, with a folder named after each corpus where there are several, or `--source "
            f"TASK=DIR` once for each. Received: {list(flags)} for the tasks "
            f"{ {task: own.corpus for task, own in tasks.items()} }."
        )
    found = {task: given.get(task, given.get(own.corpus)) for task, own in tasks.items()}
    return {task: folder for task, folder in found.items() if folder is not None}
