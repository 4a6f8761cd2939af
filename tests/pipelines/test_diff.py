"""Comparing snapshots: every clip is the same, changed for a said reason, renamed, or on one side only."""

from pathlib import Path

import pytest

from infra.common_clips import read_common
from infra.stage import run_stage
from pipelines.corpora.config import FolderConfig
from pipelines.diff import diff
from pipelines.ledger import read_ledger
from pipelines.prepare import prepare
from pipelines.requests import Difference, DiffRequest


@pytest.fixture
def two(tmp_path, noise, write_audio, request_for) -> tuple[str, str]:
    """Snapshots of a corpus before and after all that can happen to a clip."""
    source = tmp_path / "source"
    for index in range(8):
        write_audio(source / f"{index}.wav", noise(seed=index))
    (source / "t.csv").write_text("path,label,split\n" + "".join(f"{index}.wav,a,train\n" for index in range(8)))
    options = {"source": source, "folder": FolderConfig(table="t.csv"), "max_rejected_share": 0.5}
    before = prepare(request_for("folder", **options)).snapshot
    write_audio(source / "1.wav", noise(seed=100))
    (source / "2.wav").write_bytes(b"")
    (source / "5.wav").rename(source / "five.wav")
    write_audio(source / "new.wav", noise(seed=200))
    names = {0: "0.wav,a,train", 1: "1.wav,a,train", 2: "2.wav,a,train", 3: "3.wav,b,train", 4: "4.wav,a,test"}
    lines = [*names.values(), "five.wav,a,train", "7.wav,a,train", "new.wav,a,train"]
    (source / "t.csv").write_text("path,label,split\n" + "\n".join(lines))
    return before, prepare(request_for("folder", **options)).snapshot


def test_every_clip_is_told(two, tmp_path):
    """Other samples, another status with its reason, labels, split; a new name; here only, there only."""
    common = tmp_path / "common.json"
    request = DiffRequest(before=two[0], after=two[1], common=str(common))
    found = run_stage("pipelines.diff", request, Difference)
    changed = {clip.clip_id: "; ".join(clip.why) for clip in found.changed}
    assert list(changed) == ["1.wav", "2.wav", "3.wav", "4.wav"]
    assert changed["1.wav"].startswith("samples: 8000 of libsndfile")
    assert changed["2.wav"] == "status: kept, now empty (the file has 0 bytes)"
    assert changed["3.wav"] == "labels: a, now b"
    assert changed["4.wav"] == "split: train, now test"
    assert found.renamed == (("5.wav", "five.wav"),)
    assert (found.only_before, found.only_after) == (("6.wav",), ("new.wav",))
    assert (found.same, found.common) == (2, 3)
    clips = read_common(common)
    assert clips.snapshots == (found.before_id, found.after_id)
    assert clips.clips == ("0.wav", "4.wav", "7.wav")
    assert clips.of({"7.wav": 0.5, "1.wav": 0.1, "0.wav": 0.2}) == {"0.wav": 0.2, "7.wav": 0.5}


def test_it_is_the_same_the_other_way_round(two):
    """Sides exchanged, nothing else."""
    there, back = diff(DiffRequest(before=two[0], after=two[1])), diff(DiffRequest(before=two[1], after=two[0]))
    assert (there.only_before, there.only_after) == (back.only_after, back.only_before)
    assert (there.same, there.common) == (back.same, back.common)
    assert [clip.clip_id for clip in there.changed] == [clip.clip_id for clip in back.changed]
    assert there.renamed == tuple((old, new) for new, old in back.renamed)


def test_every_listed_clip_is_counted_once(two):
    """On both sides."""
    found = diff(DiffRequest(before=two[0], after=two[1]))
    both = found.same + len(found.changed) + len(found.renamed)
    assert both + len(found.only_before) == len(read_ledger(Path(two[0], "clips.parquet")))
    assert both + len(found.only_after) == len(read_ledger(Path(two[1], "clips.parquet")))


def test_a_snapshot_is_the_same_as_itself(pristine, snapshot):
    """And as its copy, without a card too."""
    (snapshot / "card.json").unlink()
    found = diff(DiffRequest(before=str(pristine), after=str(snapshot)))
    assert (found.same, found.common, found.changed, found.renamed) == (55, 55, (), ())
    assert found.after_id == ""


def test_copies_are_not_called_renamed(tmp_path, noise, write_audio, request_for):
    """Of two clips with the same samples no one knows which became which."""
    for name, files in {"before": "ab", "after": "cd"}.items():
        for file in files:
            write_audio(tmp_path / name / "x" / f"{file}.wav", noise())
    before, after = (prepare(request_for("folder", source=tmp_path / name)).snapshot for name in ("before", "after"))
    found = diff(DiffRequest(before=before, after=after))
    assert (found.renamed, len(found.only_before), len(found.only_after)) == ((), 2, 2)


def test_what_is_refused(tmp_path, pristine):
    """A folder that is no snapshot, and a list that is none."""
    with pytest.raises(ValueError, match=r"clips\.parquet"):
        diff(DiffRequest(before=str(pristine), after=str(tmp_path)))
    with pytest.raises(ValueError, match="--common"):
        read_common(tmp_path / "nowhere.json")
