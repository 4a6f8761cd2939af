"""`leafworks diff` and `leafworks duplicates`: their flags, and what a person sees of their answers."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from pipelines.requests import Difference, Duplicates, DuplicatesRequest

_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class FindDuplicates:
    """Finds clips of the same sound: in a snapshot, across its splits, and between snapshots.

    Exact copies have the same stored samples. Near duplicates are found by a fingerprint and confirmed by correlating
    the two waveforms: re-encoded, louder, resampled, cut or shifted by up to half a second. What to do about them:
    `leafworks prepare ... --drop across-splits --drop-near`.

    Attributes:
      snapshots: the folders with the cards.
      near: look for near duplicates too; reads every waveform, about 15 ms of a core per 10 s clip.
      workers: threads.
      json: print JSON, with every group.
    """

    snapshots: tyro.conf.Positional[tuple[Path, ...]]
    near: bool = DuplicatesRequest.near
    workers: int = DuplicatesRequest.workers
    json: bool = False


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Compares two snapshots clip by clip: only here, only there, renamed, changed and why.

    Attributes:
      before: the folder of the one.
      after: the folder of the other.
      common: file that receives, as JSON, the ids of the clips that both keep with the same samples and labels: scores
        on these can be compared.
      json: print JSON, with every clip.
    """

    before: tyro.conf.Positional[Path]
    after: tyro.conf.Positional[Path]
    common: Path | None = None
    json: bool = False


def print_difference(found: Difference) -> None:
    """What became of the clips of one snapshot in another; the first of each kind."""
    for letter, folder, snapshot_id in (("A", found.before, found.before_id), ("B", found.after, found.after_id)):
        print(f"{letter}: {folder}, snapshot id {snapshot_id or 'none'}")
    print(
        f"{found.same} clips the same, {len(found.changed)} changed, {len(found.renamed)} renamed, "
        f"{len(found.only_before)} only in A, {len(found.only_after)} only in B; "
        f"{found.common} kept in both with the same samples and labels"
    )
    _first([f"changed: {clip.clip_id}: {'; '.join(clip.why)}" for clip in found.changed])
    _first([f"renamed: {old}, now {new}" for old, new in found.renamed])
    _first([f"only in A: {clip_id}" for clip_id in found.only_before])
    _first([f"only in B: {clip_id}" for clip_id in found.only_after])


def print_duplicates(found: Duplicates) -> None:
    """Clips of the same sound; the first of many groups, those across splits before the others."""
    across = [group for group in found.copies if group.across_splits]
    groups = [*across, *(group for group in found.copies if not group.across_splits)]
    names = [chr(ord("A") + index) if index < 26 else f"#{index + 1}" for index in range(len(found.snapshots))]
    for name, folder in zip(names, found.snapshots, strict=True):
        print(f"{name}: {folder}")
    exact = sum(group.exact for group in groups)
    near = f", {len(groups) - exact} groups of near duplicates" if found.near else "; near ones were not looked for"
    print(f"{found.clips} clips: {exact} groups of exact copies{near}")
    print(
        f"{len(across)} of them across splits, {sum(group.across_snapshots for group in groups)} across snapshots, "
        f"{sum(group.other_labels for group in groups)} under different labels"
    )
    _first(
        [
            ("exact: " if group.exact else f"near ({group.correlation:.2f}): ")
            + " = ".join(
                f"{names[clip.snapshot] + ':' if len(names) > 1 else ''}{clip.clip_id} "
                f"({clip.split}; {', '.join(clip.labels)})"
                for clip in group.clips
            )
            for group in groups
        ]
    )


def _first(lines: list[str]) -> None:
    for line in lines[:_ROWS]:
        print(line)
    if len(lines) > _ROWS:
        print(f"... and {len(lines) - _ROWS} more (--json prints all)")
