"""Ends a preparation: ledger, statistics, the budget, and last the card."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from infra.card import (
    LEDGER_NAME,
    SCHEMA_VERSION,
    SPLITS,
    STATISTICS_NAME,
    DatasetCard,
    ShardCard,
    SplitCard,
    write_card,
)
from infra.config import content_hash
from infra.files import write_atomically
from pipelines.corpora.catalog import CATALOG
from pipelines.drop import drop_copies
from pipelines.examples import FEATURES
from pipelines.ledger import Row, write_ledger
from pipelines.plan import PARTS_NAME, Plan, relevant_config
from pipelines.statistics import count, statistics

_NAMED = 5


def seal(plan: Plan, *, max_rejected_share: float, workers: int = 1) -> DatasetCard:
    """Drops copies as the config says, merges the parts of a plan whose shards are all done, and writes the card.

    Raises:
      ValueError: nothing was kept, or more than the budget was rejected; no card then.
    """
    parts = drop_copies(plan, workers=workers)
    rows = sorted((row for part, _ in parts for row in part), key=lambda row: row.clip_id)
    ledger_path, statistics_path = plan.folder / LEDGER_NAME, plan.folder / STATISTICS_NAME
    write_ledger(ledger_path, rows)
    summary = statistics(rows, sample_rate=plan.config.sample_rate, ignored=plan.listed.ignored)
    write_atomically(statistics_path, json.dumps(summary, indent=2, sort_keys=True) + "\n")
    _check_budget(rows, max_rejected_share, ledger_path, findings=summary["findings"])
    splits = _split_cards(plan, rows, [card for _, card in parts])
    corpus = CATALOG[plan.config.corpus]
    card = write_card(
        plan.folder,
        DatasetCard(
            schema_version=SCHEMA_VERSION,
            corpus=corpus.name,
            sample_rate=plan.config.sample_rate,
            features=FEATURES,
            labels=plan.labels,
            splits=splits,
            listed=len(rows),
            kept=sum(split.clips for split in splits),
            config=relevant_config(plan.config),
            key=plan.key,
            ledger_sha256=file_hash(ledger_path),
            statistics_sha256=file_hash(statistics_path),
            code_version=version("leafworks"),
            licence=corpus.licence,
            citation=corpus.citation,
            snapshot_id=snapshot_id(rows),
        ),
    )
    shutil.rmtree(plan.folder / PARTS_NAME)
    return card


def snapshot_id(rows: Iterable[Row]) -> str:
    """Identifies what a snapshot holds, whatever its shards: ids, labels and samples of the kept clips."""
    return content_hash(sorted([row.clip_id, row.labels, row.sha256] for row in rows if row.status == "kept"))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_budget(
    rows: Sequence[Row], max_rejected_share: float, ledger_path: Path, *, findings: Sequence[str]
) -> None:
    rejected = [row for row in rows if row.status not in ("kept", "duplicate")]
    if len(rejected) == len(rows):
        raise ValueError(
            f"A snapshot has at least one clip. Received: {len(rows)} listed, none kept. "
            f"{_findings(rejected, findings)}"
        )
    share = len(rejected) / len(rows)
    if share > max_rejected_share:
        raise ValueError(
            f"At most {max_rejected_share:.1%} of the clips may be rejected. Received: {len(rejected)} of "
            f"{len(rows)} ({share:.1%}). {_findings(rejected, findings)}\nEvery reason is in {ledger_path}. Mend or "
            f"remove these files, or raise the budget: `--max-rejected-share {share + 0.005:.2f}` finishes "
            "without decoding again."
        )


def _findings(rejected: Sequence[Row], of_corpus: Sequence[str]) -> str:
    counts = ", ".join(f"{number} {status}" for status, number in count(row.status for row in rejected).items())
    first = "\n".join(f"  {row.clip_id}: {row.status}: {row.reason}" for row in rejected[:_NAMED])
    more = f"\n  and {len(rejected) - _NAMED} more" if len(rejected) > _NAMED else ""
    return "\n".join([f"Rejected: {counts}. The first:\n{first}{more}", *of_corpus])


def _split_cards(plan: Plan, rows: Sequence[Row], cards: Sequence[ShardCard]) -> tuple[SplitCard, ...]:
    """Splits that have clips; the files of one that kept none hold nothing and go."""
    kept = count(row.split for row in rows if row.status == "kept")
    for shard in plan.shards:
        if shard.split not in kept:
            (plan.folder / shard.name).unlink(missing_ok=True)
    return tuple(
        SplitCard(
            name=split,
            clips=kept[split],
            shards=tuple(card for shard, card in zip(plan.shards, cards, strict=True) if shard.split == split),
        )
        for split in SPLITS
        if split in kept
    )
