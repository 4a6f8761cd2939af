"""The corpora of music: NSynth in both forms, and the tags of MagnaTagATune."""

import collections
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tfrecord import TFRecordWriter

from pipelines.config import PrepareConfig, PrepareRequest, VerifyRequest
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import MagnaTagATuneConfig, NSynthConfig
from pipelines.ledger import read_ledger
from pipelines.prepare import prepare
from pipelines.sources import members, read_source
from pipelines.status import Rejected
from pipelines.verify import verify

NSYNTH = PrepareConfig(corpus="nsynth")
NOTE = {
    "note": 201034,
    "note_str": "bass_synthetic_033-022-050",
    "instrument_str": "bass_synthetic_033",
    "pitch": 22,
    "velocity": 50,
    "sample_rate": 16000,
    "instrument_family_str": "bass",
    "qualities": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    "qualities_str": ["dark"],
}


def test_nsynth_is_the_same_in_both_forms(tmp_path, miniature):
    """Ids, labels, splits and groups of TFRecords are those of the WAV files."""
    wav = list_corpus(NSYNTH, str(miniature("nsynth").write(tmp_path / "wav")))
    records = list_corpus(NSYNTH, str(miniature("nsynth_records").write(tmp_path / "records")))
    assert [(clip.clip_id, clip.labels, clip.split, clip.group) for clip in records.clips] == [
        (clip.clip_id, clip.labels, clip.split, clip.group) for clip in wav.clips if clip.stamp
    ]
    assert records.clips[-1].split == "validation"
    assert {clip.source for clip in records.clips} == {f"nsynth-{part}.tfrecord" for part in ("train", "valid", "test")}


def test_nsynth_records_may_be_in_parts(tmp_path, miniature):
    """A split in several files, named as TensorFlow Datasets names them."""
    folder = miniature("nsynth_records").write(tmp_path)
    whole = list_corpus(NSYNTH, str(folder))
    for part in ("train", "valid", "test"):
        (folder / f"nsynth-{part}.tfrecord").rename(folder / f"nsynth-{part}.tfrecord-00000-of-00001")
    assert [clip.clip_id for clip in list_corpus(NSYNTH, str(folder)).clips] == [clip.clip_id for clip in whole.clips]


def test_nsynth_pitch_classes_are_midi_numbers(tmp_path, miniature):
    """128 classes whose position is the note's number; or the 88 of a piano, without the notes beyond."""
    folder = str(miniature("nsynth").write(tmp_path))
    midi = list_corpus(PrepareConfig(corpus="nsynth", nsynth=NSynthConfig(target="pitch")), folder)
    assert midi.labels == tuple(str(number) for number in range(128))
    pitches = {clip.clip_id: clip.labels[0] for clip in midi.clips}
    assert all(clip_id.endswith(f"-{int(pitch):03d}-{clip_id[-3:]}") for clip_id, pitch in pitches.items())
    piano = list_corpus(PrepareConfig(corpus="nsynth", nsynth=NSynthConfig(target="pitch", pitches="piano")), folder)
    assert len(piano.labels) == 88
    assert pitches.keys() - {clip.clip_id for clip in piano.clips} == {"train/bass_synthetic_033-009-050"}
    assert "nsynth-train/audio/bass_synthetic_033-009-050.wav" in piano.ignored


def test_nsynth_fields_as_published(tmp_path, write_files):
    """A note with all of its fields; a family or pitch that there is none of is refused."""
    name = NOTE["note_str"]
    write_files(tmp_path, {"nsynth-train/examples.json": json.dumps({name: NOTE}).encode()})
    (clip,) = list_corpus(NSYNTH, str(tmp_path)).clips
    assert (clip.clip_id, clip.labels, clip.group) == (f"train/{name}", ("bass",), "bass_synthetic_033")
    for field, value in {"instrument_family_str": "kazoo", "pitch": 128}.items():
        write_files(tmp_path, {"nsynth-train/examples.json": json.dumps({name: {**NOTE, field: value}}).encode()})
        with pytest.raises(ValueError, match=str(value)):
            list_corpus(NSYNTH, str(tmp_path))
    for content in (b"[1]", b"{", b'{"a": 1}'):
        write_files(tmp_path, {"nsynth-train/examples.json": content})
        with pytest.raises(ValueError, match=r"examples\.json"):
            list_corpus(NSYNTH, str(tmp_path))


@pytest.fixture
def note_file(tmp_path) -> tuple[Path, np.ndarray]:
    """Two notes as NSynth packs them, written by the library `tfrecord`, and the audio of the second."""
    random = np.random.default_rng(1)
    path = tmp_path / "nsynth-valid.tfrecord"
    writer = TFRecordWriter(str(path))
    for number in (1, 2):
        audio = random.uniform(-0.5, 0.5, 64_000).astype(np.float32)
        writer.write(
            {
                "note_str": (f"organ_electronic_00{number}-060-075".encode(), "byte"),
                "pitch": (60, "int"),
                "velocity": (75, "int"),
                "audio": (audio.tolist(), "float"),
                "qualities": ([0] * 10, "int"),
                "instrument_family_str": (b"organ", "byte"),
            }
        )
    writer.close()
    return path, audio


def test_notes_in_records_are_kept_whole(note_file, tmp_path):
    """All 64,000 floats of a record, as they are, and a snapshot of both."""
    path, audio = note_file
    names = [name for name, _ in members(path)]
    assert [clip.member for clip in list_corpus(NSYNTH, str(tmp_path)).clips] == names
    (tmp_path / "note.wav").write_bytes(read_source(path, names[1]))
    samples, rate = soundfile.read(tmp_path / "note.wav", dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, audio)
    prepared = prepare(PrepareRequest(config=NSYNTH, source=str(tmp_path), root=str(tmp_path / "root")))
    rows = read_ledger(Path(prepared.snapshot, "clips.parquet"))
    assert [(row.status, row.num_samples, row.source_rate) for row in rows] == [("kept", 64_000, 16_000)] * 2


def test_a_damaged_record_costs_itself(note_file, tmp_path):
    """A flipped bit in the audio is found by the checksum; a file that is cut off is refused with the place."""
    path, _ = note_file
    content = bytearray(path.read_bytes())
    second = int(members(path)[1][0])
    content[second - 1_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(Rejected, match="checksum"):
        read_source(path, "0")
    assert len(list_corpus(NSYNTH, str(tmp_path)).clips) == 2
    path.write_bytes(content[:-5_000])
    with pytest.raises(ValueError, match=rf"at byte {second}.*cut off"):
        list_corpus(NSYNTH, str(tmp_path))
    path.write_bytes(b"no records, but something else that is long enough")
    with pytest.raises(ValueError, match="at byte 0"):
        list_corpus(NSYNTH, str(tmp_path))


def test_listing_records_reads_no_audio(note_file, monkeypatch, tmp_path):
    """Of two records of 256 KB, under 4 KB are looked at."""
    import mmap

    looked = []

    class Counting(mmap.mmap):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            looked.append(len(found) if isinstance(found, bytes) else 1)
            return found

    monkeypatch.setattr("pipelines.example_files.mmap.mmap", Counting)
    assert len(list_corpus(NSYNTH, str(tmp_path)).clips) == 2
    assert 0 < sum(looked) < 4_000


TAGS = ["beat", "beats", "guitar", "no vocal", "no vocals", "rare"]
USES = {"0": [1, 0, 1, 0, 1, 0], "1": [0, 1, 1, 1, 0, 0], "c": [0, 1, 1, 0, 0, 0], "d": [0, 0, 0, 0, 0, 1]}


@pytest.fixture
def tagged(tmp_path, write_files):
    """Lists MagnaTagATune with the tags above: (fields of its config)."""
    rows = [["clip_id", *TAGS, "mp3_path"]]
    rows += [
        [str(index), *map(str, uses), f"{folder}/artist-album-01-a_song-0-29.mp3"]
        for index, (folder, uses) in enumerate(USES.items())
    ]
    content = "".join("\t".join(f'"{value}"' for value in row) + "\n" for row in rows)
    write_files(tmp_path, {"annotations_final.csv": content.encode()})

    def run(**fields):
        config = PrepareConfig(corpus="magnatagatune", magnatagatune=MagnaTagATuneConfig(**fields))
        return list_corpus(config, str(tmp_path))

    return run


def test_the_most_frequent_tags_are_the_classes(tagged):
    """guitar 3 times, beats 2; equals in the order of the table; a clip without any of them is left out."""
    listed = tagged(num_tags=2)
    assert listed.labels == ("beats", "guitar")
    assert {clip.clip_id[0]: clip.labels for clip in listed.clips} == {
        "0": ("guitar",),
        "1": ("beats", "guitar"),
        "c": ("beats", "guitar"),
    }
    assert tagged(num_tags=3).labels == ("beat", "beats", "guitar")
    assert len(tagged().labels) == 6


def test_clips_without_a_tag_are_said_and_may_be_kept(tmp_path, miniature, tagged):
    """Left out, they are counted in a note; kept, they are records without a label, and the snapshot verifies."""
    assert tagged(num_tags=2).facts == {
        "notes": ["1 clips have none of the 2 tags; magnatagatune.untagged: leave_out."]
    }
    assert [clip.clip_id[0] for clip in tagged(num_tags=2, untagged="keep").clips] == ["0", "1", "c", "d"]
    config = PrepareConfig(corpus="magnatagatune", magnatagatune=MagnaTagATuneConfig(untagged="keep"))
    tree = miniature("magnatagatune").write(tmp_path / "tree")
    prepared = prepare(PrepareRequest(config=config, source=str(tree), root=str(tmp_path / "root")))
    rows = {row.clip_id: row for row in read_ledger(Path(prepared.snapshot, "clips.parquet"))}
    untagged = rows["0/artist-album-02-untagged-0-29.mp3"]
    assert (untagged.status, untagged.labels) == ("kept", ())
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()


def test_synonyms_make_another_fifty(tagged):
    """beat and beats 3 times together, both kinds of no vocals twice."""
    assert tagged(num_tags=3, merge_synonyms=True).labels == ("beat", "guitar", "no singer")
    clips = {clip.clip_id[0]: clip.labels for clip in tagged(num_tags=3, merge_synonyms=True).clips}
    assert clips["1"] == ("beat", "guitar", "no singer")


def test_folders_are_splits_and_songs_are_groups(tagged):
    """0 to b train, c validates, d to f test; the offsets in a song are not its name."""
    found = {clip.clip_id[0]: (clip.split, clip.group) for clip in tagged().clips}
    assert {folder: split for folder, (split, _) in found.items()} == {
        "0": "train",
        "1": "train",
        "c": "validation",
        "d": "test",
    }
    assert found["d"][1] == "d/artist-album-01-a_song"


def test_empty_mp3s_are_in_the_ledger(tmp_path, miniature):
    """A file of 0 bytes, of which the corpus has three, is listed and rejected as empty."""
    tree = miniature("magnatagatune").write(tmp_path / "tree")
    empty = tree / "mp3/0/artist-album-01-song_0-0-29.mp3"
    empty.write_bytes(b"")
    config = PrepareConfig(corpus="magnatagatune")
    prepared = prepare(
        PrepareRequest(config=config, source=str(tree), root=str(tmp_path / "root"), max_rejected_share=0.5)
    )
    rows = read_ledger(Path(prepared.snapshot, "clips.parquet"))
    assert [row.clip_id for row in rows if row.status == "empty"] == ["0/artist-album-01-song_0-0-29.mp3"]
    assert collections.Counter(row.status for row in rows)["kept"] == len(rows) - 1
