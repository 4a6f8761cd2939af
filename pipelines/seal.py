"""Ends a preparation: ledger, statistics, the budget, and last the card."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
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
from infra.config import hash_of_list
from infra.files import write_atomically
from pipelines.budget import check_budget
from pipelines.corpora.catalog import CATALOG
from pipelines.drop import drop_copies
from pipelines.examples import FEATURES
from pipelines.ledger import IDENTITY, PLACE, LedgerRows, Row, read_part_shard
from pipelines.merging import merge_parts
from pipelines.plan import PARTS_NAME, Plan, relevant_config
from pipelines.statistics import statistics
from pipelines.tfds_metadata import write_tfds_files


def seal(
    plan: Plan, *, max_rejected_share: float, max_missing_share: float | None = None, workers: int = 1
) -> DatasetCard:
    """Drops copies as the config says, merges the parts of a plan whose shards are all done, and writes the card.

    Raises:
      ValueError: nothing was kept, or more than the budget was rejected; no card then.
    """
    ledger_path, statistics_path = plan.folder / LEDGER_NAME, plan.folder / STATISTICS_NAME
    parts = drop_copies(plan, workers=workers)
    merge_parts(parts, ledger_path)
    rows = LedgerRows(ledger_path)
    summary = statistics(rows, sample_rate=plan.config.sample_rate, ignored=plan.listed.ignored)
    if plan.listed.facts:
        summary["corpus"] = dict(plan.listed.facts)
    write_atomically(statistics_path, json.dumps(summary, indent=2, sort_keys=True) + "\n")
    corpus = CATALOG[plan.config.corpus]
    check_budget(
        rows,
        summary,
        max_rejected_share=max_rejected_share,
        max_missing_share=corpus.max_missing_share if max_missing_share is None else max_missing_share,
    )
    splits = _split_cards(plan, parts, {name: split["kept"] for name, split in summary["splits"].items()})
    card = _write(
        plan.folder,
        DatasetCard(
            schema_version=SCHEMA_VERSION,
            corpus=corpus.name,
            sample_rate=plan.config.sample_rate,
            features=FEATURES,
            labels=plan.labels,
            splits=splits,
            listed=summary["listed"],
            kept=sum(split.clips for split in splits),
            config=relevant_config(plan.config),
            key=plan.key,
            ledger_sha256=file_hash(ledger_path),
            statistics_sha256=file_hash(statistics_path),
            code_version=version("leafworks"),
            licence=corpus.licence,
            citation=corpus.citation,
            # As `snapshot_id` and `data_id` of its rows, in less time.
            snapshot_id=hash_of_list(rows.kept(*IDENTITY)),
            data_id=hash_of_list(rows.kept(*IDENTITY, *PLACE)),
        ),
    )
    shutil.rmtree(plan.folder / PARTS_NAME)
    return card


def _write(folder: Path, card: DatasetCard) -> DatasetCard:
    write_tfds_files(folder, card)
    return write_card(folder, card)


def snapshot_id(rows: Iterable[Row]) -> str:
    """Identifies what a snapshot holds, whatever its shards: ids, labels and samples of the kept clips.

    The rows come sorted by clip id. It is the `content_hash` of the list of them, without such a list.
    """
    return _hash_of_kept(rows, IDENTITY)


def data_id(rows: Iterable[Row]) -> str:
    """Identifies what is trained on: the same with splits and groups."""
    return _hash_of_kept(rows, (*IDENTITY, *PLACE))


def _hash_of_kept(rows: Iterable[Row], columns: Sequence[str]) -> str:
    return hash_of_list([getattr(row, name) for name in columns] for row in rows if row.status == "kept")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _split_cards(plan: Plan, parts: Sequence[Path], kept: Mapping[str, int]) -> tuple[SplitCard, ...]:
    """Splits that have clips; the files of one that kept none hold nothing and go."""
    shards: dict[str, list[ShardCard]] = {split: [] for split in SPLITS}
    for shard, part in zip(plan.shards, parts, strict=True):
        if kept.get(shard.split):
            card = read_part_shard(part)
            assert card is not None  # a plan is sealed when all its shards are done
            shards[shard.split].append(card)
        else:
            (plan.folder / shard.name).unlink(missing_ok=True)
    return tuple(
        SplitCard(name=split, clips=kept[split], shards=tuple(cards)) for split, cards in shards.items() if cards
    )
