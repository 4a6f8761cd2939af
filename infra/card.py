"""The card of a snapshot: what a reader must know, written last, so that a card means a whole snapshot."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import config
from infra.files import write_atomically

SCHEMA_VERSION = 2
CARD_NAME = "card.json"
LEDGER_NAME = "clips.parquet"
STATISTICS_NAME = "stats.json"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class ShardCard:
    """One TFRecord file. What is in its records, the ledger says; each has checksums of its own."""

    name: str
    records: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class SplitCard:
    """One split: its kept clips and their shards in order."""

    name: str
    clips: int
    shards: tuple[ShardCard, ...]


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What a snapshot is.

    Attributes:
      schema_version: of this file and of the folder it describes.
      corpus: name of the corpus, e.g. "esc10".
      sample_rate: of every stored waveform, in Hz.
      features: name -> dtype and shape of every field of a record, in words.
      labels: class names; a record's `labels` are positions in this list.
      splits: train, validation, test, those that have clips.
      listed: clips the corpus lists; `kept` of them have a record, the rest a reason in the ledger.
      kept: clips with a record.
      config: the preparation config that made the snapshot.
      key: hash of that config and of the corpus listing; the folder's name.
      ledger_sha256: of `clips.parquet`.
      statistics_sha256: of `stats.json`.
      code_version: of leafworks.
      licence: of the corpus.
      citation: of the corpus.
      snapshot_id: hash over the sorted (clip id, labels, sample hash) of the kept clips.
      data_id: hash over these with their splits and groups, whatever the shards: what a training is on. `snapshot_id`
        is that of the clips alone, so that snapshots can be compared; five folds of one corpus share it.
    """

    schema_version: int
    corpus: str
    sample_rate: int
    features: Mapping[str, str]
    labels: tuple[str, ...]
    splits: tuple[SplitCard, ...]
    listed: int
    kept: int
    config: Mapping[str, Any]
    key: str
    ledger_sha256: str
    statistics_sha256: str
    code_version: str
    licence: str
    citation: str
    snapshot_id: str
    data_id: str
    card_hash: str = ""

    def split(self, name: str) -> SplitCard:
        """The split called `name`, which must have clips."""
        for split in self.splits:
            if split.name == name:
                return split
        available = [split.name for split in self.splits]
        raise ValueError(
            f"The snapshot has no `{name}` split. Received: splits {available} of corpus "
            f"`{self.corpus}`. Give the corpus more clips or larger split shares."
        )

    def content_hash(self) -> str:
        """Hash of everything the card says but `card_hash` itself: finds an edited card."""
        return config.content_hash(dataclasses.replace(self, card_hash=""))


def write_card(folder: Path, card: DatasetCard) -> DatasetCard:
    """Seals the card with its own hash and writes it; call this after everything else is on disk."""
    sealed = dataclasses.replace(card, card_hash=card.content_hash())
    write_atomically(folder / CARD_NAME, config.to_json(sealed))
    return sealed


def read_card(folder: Path) -> DatasetCard:
    """Reads the card of a snapshot.

    Raises:
      ValueError: no card, or not a card of this schema version.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise ValueError(
            f"A snapshot is a folder with a `{CARD_NAME}`, which is written last. Received: {folder}. "
            "Run `leafworks prepare` (again: it resumes)."
        )
    try:
        values = json.loads(path.read_text())
        _refuse_another_version(values)
        return config.from_dict(DatasetCard, values)
    except ValueError as error:
        raise ValueError(f"`{path}` is not a readable card: {error}") from error


def _refuse_another_version(values: Any) -> None:
    """Before the fields are looked at: another version has others."""
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"This leafworks reads snapshots of schema version {SCHEMA_VERSION}. Received: {version!r}. "
            "Prepare the corpus again."
        )
