"""`python -m pipelines.prepare request.json`: a corpus to a snapshot; again: resumes. The card last."""

import fcntl
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.card import STATISTICS_NAME, read_card
from infra.files import remove_temporary_files
from infra.memory import without_collection
from pipelines.config import Prepared, PrepareRequest
from pipelines.plan import PARTS_NAME, Plan, Shard, cannot_write, make_plan
from pipelines.stage import serve
from pipelines.tasks import TASKS_NAME, ShardTask, write_tasks

LOG = logging.getLogger(__name__)


def prepare(request: PrepareRequest) -> Prepared:
    """Lists the corpus, makes the shards that are not there yet, and seals the snapshot with its card.

    Raises:
      ValueError: the corpus is not where the request says, `root` cannot be written, nothing in it could
        be kept, or more than `max_rejected_share` was rejected. Everything but the card is on disk
        then, and a run with a larger share finishes without decoding again.
    """
    plan = make_plan(request)
    folder = plan.folder
    try:
        with _only_one(folder):
            if plan.finished:
                shutil.rmtree(folder / PARTS_NAME, ignore_errors=True)
                return _answer(plan, shards_made=0)
            tasks = _tasks(plan)
            plan = plan.without_clips()
            _make(plan, tasks, request)
            _seal(plan, request)
            return _answer(plan, shards_made=len(tasks))
    except OSError as error:  # of recordings none comes here: what cannot be read is a verdict on a clip
        raise cannot_write(folder, error) from error


def _tasks(plan: Plan) -> list[ShardTask]:
    """Makes the folders, removes what killed writers left, and writes down the shards that are to be made."""
    parts = plan.folder / PARTS_NAME
    parts.mkdir(parents=True, exist_ok=True)
    remove_temporary_files(plan.folder)
    remove_temporary_files(parts)
    shutil.rmtree(plan.folder / TASKS_NAME, ignore_errors=True)
    missing = [shard for shard in plan.shards if not _is_done(plan, shard)]
    LOG.info(
        "%s: %d clips in %d shards, %d to make, in %s",
        plan.config.corpus,
        len(plan.listed.clips),
        len(plan.shards),
        len(missing),
        plan.folder,
    )
    return write_tasks(plan, missing)


def _make(plan: Plan, tasks: list[ShardTask], request: PrepareRequest) -> None:
    if tasks:
        with without_collection():
            from pipelines.run import make_shards  # Beam takes a second to load

        make_shards(plan, tasks, request)
    lost = [shard.name for shard in plan.shards if not _is_done(plan, shard)]
    if lost:
        raise RuntimeError(f"The runner ended without {lost[:5]} ({len(lost)} shards). Run again: it resumes.")
    shutil.rmtree(plan.folder / TASKS_NAME)


def _is_done(plan: Plan, shard: Shard) -> bool:
    from pipelines.ledger import read_part_shard  # a finished snapshot needs no pyarrow

    recorded, path = read_part_shard(plan.part_path(shard)), plan.folder / shard.name
    if recorded is None or not path.is_file():
        return False
    if path.stat().st_size == recorded.num_bytes:
        return True
    thinned = read_part_shard(plan.thinned_path(shard))
    return thinned is not None and path.stat().st_size == thinned.num_bytes


def _seal(plan: Plan, request: PrepareRequest) -> None:
    from pipelines.seal import seal

    seal(
        plan,
        max_rejected_share=request.max_rejected_share,
        max_missing_share=request.max_missing_share,
        workers=request.workers,
    )


def _answer(plan: Plan, *, shards_made: int) -> Prepared:
    try:
        clips = json.loads((plan.folder / STATISTICS_NAME).read_text())["statuses"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"A snapshot has a readable `{STATISTICS_NAME}`. Received: {plan.folder} ({error!r}). Look at it with "
            "`leafworks verify`, remove the folder, and prepare again."
        ) from error
    return Prepared(
        snapshot=str(plan.folder),
        snapshot_id=read_card(plan.folder).snapshot_id,
        clips=clips,
        shards_made=shards_made,
        shards_found=len(plan.shards) - shards_made,
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Waits while another process prepares the same snapshot; the kernel frees the lock of a killed one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            LOG.info("waiting for another process that prepares %s", folder)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def configure_logging() -> None:
    """Our own short lines; of the libraries, errors only. Beam would install a handler of its own."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("pipelines").setLevel(logging.INFO)
    # What a Beam worker logs when it fails comes again as the text of the exception.
    for name in ("common", "worker.sdk_worker"):
        logging.getLogger(f"apache_beam.runners.{name}").setLevel(logging.CRITICAL)
    LOG.setLevel(logging.INFO)  # under `python -m` this module is called __main__


if __name__ == "__main__":
    configure_logging()
    serve(PrepareRequest, prepare)
