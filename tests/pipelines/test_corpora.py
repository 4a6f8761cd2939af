"""What the corpora list, and that listing decides nothing by chance."""

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.card import SPLITS
from pipelines.config import PrepareConfig, SplitConfig
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import SyntheticConfig
from pipelines.splits import hashed_split


def test_fsdd_has_its_official_test_set(shared):
    """Takes 0-4 test, 5-9 validate: 300, 300 and 2,400 of 3,000; groups are the six speakers."""
    config = PrepareConfig(corpus="fsdd")
    listed = list_corpus(config, str(shared / "corpora/fsdd"))
    counts = collections.Counter(clip.split for clip in listed.clips)
    assert counts == {"test": 300, "validation": 300, "train": 2400}
    assert len({clip.group for clip in listed.clips}) == 6
    assert all(clip.labels == (clip.clip_id[0],) for clip in listed.clips)
    assert listed == list_corpus(config, str(shared / "corpora/fsdd/recordings"))


def test_esc10_keeps_recordings_within_folds(shared):
    """Fold 5 tests, fold 4 validates, and no recording of Freesound is on two sides."""
    listed = list_corpus(PrepareConfig(corpus="esc10"), str(shared / "corpora/esc10"))
    assert collections.Counter(clip.split for clip in listed.clips) == {
        "train": 238,
        "validation": 80,
        "test": 80,
    }
    splits = collections.defaultdict(set)
    for clip in listed.clips:
        splits[clip.group].add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {clip.labels[0] for clip in listed.clips} >= {"dog_bark", "sea_waves", "clock_tick"}
    assert listed.ignored == ("SOURCE.md", "labels.csv")


def test_esc10_is_found_in_the_layout_of_esc50(tmp_path, write_files):
    """Rows of the table with esc10=True; one whose file is absent is listed and has no stamp."""
    table = (
        "filename,fold,target,category,esc10,src_file,take\r\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\r\n"
        "4-200-A-0.wav,4,0,sea waves,True,200,A\r\n"
        "5-300-B-0.wav,5,0,dog,True,300,B\r\n"
        "2-103426-A-3.wav,2,3,cow,False,103426,A\r\n"
    )
    files = {"meta/esc50.csv": table.encode(), "audio/1-100032-A-0.wav": b"x", "audio/4-200-A-0.wav": b"x"}
    listed = list_corpus(PrepareConfig(corpus="esc10"), str(write_files(tmp_path, files)))
    assert [(clip.split, clip.labels, clip.group) for clip in listed.clips] == [
        ("train", ("dog",), "freesound:100032"),
        ("validation", ("sea_waves",), "freesound:200"),
        ("test", ("dog",), "freesound:300"),
    ]
    assert [clip.stamp is None for clip in listed.clips] == [False, False, True]


def test_synthetic_classes_have_equal_shares():
    """60, 20 and 20 % of every class."""
    config = PrepareConfig(corpus="synthetic", synthetic=SyntheticConfig(clips_per_class=10))
    counts = collections.Counter((clip.labels[0], clip.split) for clip in list_corpus(config, None).clips)
    labels = {label for label, _ in counts}
    assert len(labels) >= 10
    for label in labels:
        assert [counts[label, split] for split in SPLITS] == [6, 2, 2]


def test_splits_are_stable_shares_of_groups(tmp_path):
    """The hash of (seed, group) decides: the same for ever, near the shares, another for another seed."""
    config = SplitConfig(validation_share=0.1, test_share=0.2, seed=0)
    assert [hashed_split(f"speaker {number}", config) for number in range(8)] == [
        hashed_split(f"speaker {number}", SplitConfig(validation_share=0.1, test_share=0.2)) for number in range(8)
    ]
    counts = collections.Counter(hashed_split(str(number), config) for number in range(10_000))
    assert counts["test"] == pytest.approx(2000, abs=150)
    assert counts["validation"] == pytest.approx(1000, abs=110)
    other = SplitConfig(validation_share=0.1, test_share=0.2, seed=1)
    assert any(hashed_split(str(number), config) != hashed_split(str(number), other) for number in range(50))


def test_listing_does_not_depend_on_the_process(tmp_path, write_files):
    """Another hash seed lists the same."""
    write_files(tmp_path, {f"{label}/{number}.wav": b"x" for label in "abc" for number in range(20)})
    code = (
        "import sys; from pipelines.config import PrepareConfig; "
        "from pipelines.corpora.catalog import list_corpus; "
        "print(list_corpus(PrepareConfig(corpus='folder'), sys.argv[1]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
