"""`python -m pipelines.listing request.json`: what a corpus lists, counted; no audio is read."""

import collections

from infra.card import SPLITS
from pipelines.config import Listing, PrepareRequest
from pipelines.plan import Plan, make_plan
from pipelines.stage import serve

_NAMED = 20  # ignored files that are named; the rest are counted in stats.json


def list_request(request: PrepareRequest) -> Listing:
    """Lists the corpus of a request.

    Raises:
      ValueError: the corpus is not where the request says.
    """
    return listing_of(make_plan(request))


def listing_of(plan: Plan) -> Listing:
    """A plan in numbers, with what is on disk of it."""
    counts = collections.Counter(clip.split for clip in plan.listed.clips)
    return Listing(
        key=plan.key,
        snapshot=str(plan.folder),
        finished=plan.finished,
        clips={split: counts[split] for split in SPLITS if counts[split]},
        labels=plan.labels,
        num_bytes=plan.sizes.source_bytes,
        num_shards=len(plan.shards),
        shards_done=_count_done(plan),
        ignored=plan.listed.ignored[:_NAMED],
    )


def _count_done(plan: Plan) -> int:
    if plan.finished:
        return len(plan.shards)
    return sum((plan.folder / shard.name).is_file() and plan.part_path(shard).is_file() for shard in plan.shards)


if __name__ == "__main__":
    serve(PrepareRequest, list_request)
