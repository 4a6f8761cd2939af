"""AudioSet: the published lists as they are, audio under every habit, everything listed in the ledger."""

import collections
import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from infra.card import read_card
from pipelines import ledger
from pipelines.config import PrepareConfig, SplitConfig, VerifyRequest
from pipelines.corpora.audioset_files import video_and_span
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import AudioSetConfig
from pipelines.prepare import prepare
from pipelines.verify import verify

HEAD = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids={0}, num_segs={0}\n# YTID, start_seconds, ...\n"
EVAL = [
    '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"',
    '__abcdefg_1, 0.000, 10.000, "/m/012xff"',
    'Yabcdefghij, 12.500, 20.000, "/m/09x0r"',
]
BALANCED = ['-0DLPzsiXXE, 30.000, 40.000, "/m/04rlf,/m/07qwdck"', '2_3_4_5_6_7, 0.000, 6.000, "/m/04rlf"']
CLASSES = {
    "/m/09x0r": "Speech",
    "/m/05zppz": "Male speech, man speaking",
    "/t/dd00088": "Gush",
    "/m/04rlf": "Music",
    "/m/07qwdck": "Middle Eastern music",
    "/m/012xff": "Toothbrush",
}


def csv_of(rows):
    """A list as it is published."""
    return (HEAD.format(len(rows)) + "".join(f"{row}\n" for row in rows)).encode()


def class_file(classes):
    """`class_labels_indices.csv`."""
    lines = [f'{index},{mid},"{name}"\n' for index, (mid, name) in enumerate(classes.items())]
    return ("index,mid,display_name\n" + "".join(lines)).encode()


def node(mid, children=(), restrictions=()):
    """An entry of the ontology."""
    return {"id": mid, "name": f"name of {mid}", "child_ids": list(children), "restrictions": list(restrictions)}


TABLES = {
    "eval_segments.csv": csv_of(EVAL),
    "balanced_train_segments.csv": csv_of(BALANCED),
    "class_labels_indices.csv": class_file(CLASSES),
}


@pytest.fixture
def listed(tmp_path, write_files):
    """Lists a source made of the small tables and these files: (files, and fields of the config)."""

    def run(files, *, split=None, **config):
        write_files(tmp_path / "source", {**TABLES, **files})
        whole = PrepareConfig(corpus="audioset", split=split or SplitConfig(), audioset=AudioSetConfig(**config))
        return list_corpus(whole, str(tmp_path / "source"))

    return run


def sources_of(listed):
    """clip id -> source and member, of those that have one."""
    return {clip.clip_id: clip.source for clip in listed.clips if clip.stamp}


def test_the_lists_are_read_as_they_are(listed):
    """Comments, a blank behind the comma, several labels in one field; ids that begin with - and _."""
    clips = {clip.clip_id: clip for clip in listed({}).clips}
    assert sorted(clips) == ["--PJHxphWEs", "-0DLPzsiXXE", "2_3_4_5_6_7", "Yabcdefghij", "__abcdefg_1"]
    assert clips["--PJHxphWEs"].labels == ("Speech", "Gush")
    assert clips["-0DLPzsiXXE"].labels == ("Music", "Middle Eastern music")
    assert {clip.clip_id for clip in clips.values() if clip.split == "test"} == {row.split(",")[0] for row in EVAL}
    assert all(clip.group == clip.clip_id and clip.stamp is None for clip in clips.values())


@pytest.mark.parametrize("folder", ["metadata", "csv"])
def test_the_tables_may_lie_in_a_folder(tmp_path, write_files, folder):
    """Beside the audio or below it."""
    write_files(tmp_path, {f"{folder}/{name}": content for name, content in TABLES.items()})
    listed = list_corpus(PrepareConfig(corpus="audioset"), str(tmp_path))
    assert len(listed.clips) == 5
    assert listed.labels == tuple(CLASSES.values())
    assert listed.ignored == ()


def test_labels_have_the_order_of_the_class_file(listed):
    """All classes, with or without a clip; by their ids where that is asked for; strangers come last."""
    assert listed({}).labels == tuple(CLASSES.values())
    assert listed({}, labels="mids").labels == tuple(CLASSES)
    files = {"balanced_train_segments.csv": csv_of([*BALANCED, 'aaaaaaaaaaa, 0.0, 9.0, "/m/zzz,/m/012xff"'])}
    stranger = listed(files)
    assert stranger.labels == (*CLASSES.values(), "/m/zzz")
    assert {clip.clip_id: clip.labels for clip in stranger.clips}["aaaaaaaaaaa"] == ("Toothbrush", "/m/zzz")
    assert [row["mid"] for row in stranger.facts["classes"]] == [*CLASSES, "/m/zzz"]


@pytest.mark.parametrize(
    ("name", "video", "span"),
    [
        ("Y--PJHxphWEs.wav", "--PJHxphWEs", ""),
        ("--PJHxphWEs.wav", "--PJHxphWEs", ""),
        ("--PJHxphWEs.wav.wav", "--PJHxphWEs", ""),
        ("Yabcdefghij.FLAC", "Yabcdefghij", ""),
        ("YYabcdefghij.m4a", "Yabcdefghij", ""),
        ("--PJHxphWEs_30.opus", "--PJHxphWEs", "_30"),
        ("--PJHxphWEs_30000_40000.flac", "--PJHxphWEs", "_30000_40000"),
        ("Y--PJHxphWEs_30.000_40.000.wav", "--PJHxphWEs", "_30.000_40.000"),
        ("Yabcdefghij_12.500.wav", "Yabcdefghij", "_12.500"),
        ("YYabcdefghij_12500_20000.wav", "Yabcdefghij", "_12500_20000"),
        ("__abcdefg_1.wav", "__abcdefg_1", ""),
        ("Y__abcdefg_1_0_10.wav", "__abcdefg_1", "_0_10"),
        ("2_3_4_5_6_7_0.wav", "2_3_4_5_6_7", "_0"),
        ("a song.wav", "a song", ""),
    ],
)
def test_names_of_files_are_understood(name, video, span):
    """One leading Y goes if an id of 11 characters is behind it; numbers behind the id are its span."""
    assert video_and_span(name) == (video, span)


@pytest.mark.parametrize(
    "path",
    [
        "Y--PJHxphWEs.wav",
        "--PJHxphWEs.flac",
        "audios/eval_segments/Y--PJHxphWEs.wav",
        "audios/unbalanced_train_segments/unbalanced_train_segments_part07/Y--PJHxphWEs.wav",
        "deep/er/--PJHxphWEs_30.mp3",
        "--PJHxphWEs_30.000.ogg",
        "--PJHxphWEs_30000.m4a",
        "--PJHxphWEs_30000_40000.flac",
        "Y--PJHxphWEs_30_40.webm",
    ],
)
def test_a_segment_finds_its_file(listed, path):
    """In any folder, under any habit; it is used whole, as it holds the segment."""
    found = listed({path: b"x"})
    assert sources_of(found) == {"--PJHxphWEs": path}
    clip = found.clips[0]
    assert (clip.clip_id, clip.start, clip.end, clip.member) == ("--PJHxphWEs", None, None, None)
    assert found.ignored == ()
    assert found.facts["lists"]["eval"] == {"segments": 3, "with_audio": 1, "listed_before": 0}


@pytest.mark.parametrize("path", ["--PJHxphWEs_31.wav", "--PJHxphWEs_30_41.wav", "--pjhxphwes.wav", "PJHxphWEs.wav"])
def test_a_file_of_another_segment_is_not_taken(listed, path):
    """Other seconds, or an id that differs in case; it is counted and named."""
    found = listed({path: b"x"})
    assert sources_of(found) == {}
    assert found.facts["audio_of_no_segment"] == {"count": 1, "names": [path]}


def test_of_several_files_the_one_that_names_the_span_is_taken(listed):
    """The others are counted as audio of no segment; leftovers of downloads are no audio."""
    files = dict.fromkeys(("Y--PJHxphWEs.wav", "a/--PJHxphWEs_30.wav", "b/--PJHxphWEs.wav", "x.wav.part"), b"x")
    found = listed(files)
    assert sources_of(found) == {"--PJHxphWEs": "a/--PJHxphWEs_30.wav"}
    assert found.facts["audio_of_no_segment"]["names"] == ["Y--PJHxphWEs.wav", "b/--PJHxphWEs.wav"]
    assert found.ignored == ("x.wav.part",)


def test_a_video_with_several_segments(listed):
    """Later ones have their start in their id; each takes its own file; one listed twice counts once, in eval."""
    rows = [*BALANCED, '-0DLPzsiXXE, 60.000, 70.000, "/m/04rlf"', EVAL[0]]
    files = {"balanced_train_segments.csv": csv_of(rows), "-0DLPzsiXXE_60_70.wav": b"x", "Y-0DLPzsiXXE.wav": b"x"}
    found = listed(files)
    assert sources_of(found) == {"-0DLPzsiXXE": "Y-0DLPzsiXXE.wav", "-0DLPzsiXXE_60000": "-0DLPzsiXXE_60_70.wav"}
    clips = {clip.clip_id: clip for clip in found.clips}
    assert clips["-0DLPzsiXXE_60000"].group == "-0DLPzsiXXE"
    assert clips["--PJHxphWEs"].split == "test"
    assert len(clips) == 6
    assert found.facts["lists"]["balanced_train"]["listed_before"] == 1
    assert "listed twice" in " ".join(found.facts["notes"])


def test_audio_in_tar_and_parquet(tmp_path, listed):
    """Members by their names, rows by their video ids; a table without audio is one more file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("eval/--PJHxphWEs.flac", "eval/README", "eval/Y__abcdefg_1.wav"):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"abcd"))
    audio = [{"bytes": b"fLaC", "path": None}, {"bytes": b"fLaC", "path": None}]
    labels = pa.array([["/m/04rlf"], ["/m/04rlf"]])
    table = pa.table({"video_id": ["2_3_4_5_6_7", "-0DLPzsiXXE"], "audio": audio, "labels": labels})
    parquet.write_table(table, tmp_path / "00.parquet")
    parquet.write_table(pa.table({"video_id": ["-0DLPzsiXXE"]}), tmp_path / "clips.parquet")
    found = listed(
        {
            "data/eval00.tar": stream.getvalue(),
            "data/bal_train/00.parquet": (tmp_path / "00.parquet").read_bytes(),
            "metadata/clips.parquet": (tmp_path / "clips.parquet").read_bytes(),
            "data/broken.tar": b"no tar",
        }
    )
    assert {clip.clip_id: (clip.source, clip.member) for clip in found.clips if clip.stamp} == {
        "--PJHxphWEs": ("data/eval00.tar", "eval/--PJHxphWEs.flac"),
        "__abcdefg_1": ("data/eval00.tar", "eval/Y__abcdefg_1.wav"),
        "2_3_4_5_6_7": ("data/bal_train/00.parquet", "0"),
        "-0DLPzsiXXE": ("data/bal_train/00.parquet", "1"),
    }
    assert found.ignored == ("data/broken.tar", "metadata/clips.parquet")


def test_archives_become_a_snapshot(tmp_path, write_files, write_audio, request_for):
    """Recordings in a tar and in a table are kept like loose ones."""
    source = write_files(tmp_path / "source", TABLES)
    wave = write_audio(tmp_path / "a.flac").read_bytes()
    with tarfile.open(source / "eval.tar", "w") as tar:
        tar.add(tmp_path / "a.flac", "x/--PJHxphWEs.flac")
    parquet.write_table(
        pa.table({"video_id": ["-0DLPzsiXXE"], "audio": [{"bytes": wave, "path": "-0DLPzsiXXE.flac"}]}),
        source / "0.parquet",
    )
    write_audio(source / "2_3_4_5_6_7.wav")
    prepared = prepare(request_for("audioset", source=source))
    assert prepared.clips == {"kept": 3, "missing": 2}
    rows = {row.clip_id: row for row in ledger.read_ledger(Path(prepared.snapshot, "clips.parquet"))}
    assert (rows["--PJHxphWEs"].source, rows["--PJHxphWEs"].member) == ("eval.tar", "x/--PJHxphWEs.flac")
    assert (rows["-0DLPzsiXXE"].source, rows["-0DLPzsiXXE"].member) == ("0.parquet", "0")
    assert rows["-0DLPzsiXXE"].sha256 == rows["--PJHxphWEs"].sha256
    assert read_card(Path(prepared.snapshot)).labels == tuple(CLASSES.values())
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()


def test_labels_propagate_along_the_ontology(listed):
    """To all ancestors that are classes, through those that are not; abstract and blacklisted ones are never added."""
    ontology = [
        node("/m/root", ["/m/09x0r", "/m/abstract"], ["abstract"]),
        node("/m/abstract", ["/m/black"], ["abstract"]),
        node("/m/09x0r", ["/m/05zppz", "/m/black"]),
        node("/m/05zppz", ["/m/012xff"], ["blacklist"]),
        node("/m/black", ["/m/012xff"], ["blacklist"]),
        node("/m/04rlf", ["/m/012xff", "/m/07qwdck"]),
        node("/m/012xff"),
        node("/m/07qwdck"),
        node("/t/dd00088"),
    ]
    files = {"ontology.json": json.dumps(ontology).encode()}
    labels = {clip.clip_id: clip.labels for clip in listed(files, propagate=True).clips}
    assert labels["__abcdefg_1"] == ("Speech", "Music", "Toothbrush")
    assert labels["--PJHxphWEs"] == ("Speech", "Gush")
    assert {clip.clip_id: clip.labels for clip in listed(files).clips}["__abcdefg_1"] == ("Toothbrush",)


def test_propagation_needs_the_ontology(listed):
    """Without it the labels would be others than asked for."""
    with pytest.raises(ValueError, match=r"ontology\.json"):
        listed({}, propagate=True)


def test_quality_counts_are_in_the_statistics(tmp_path, write_files, write_audio, request_for):
    """Beside every class, with its index; none where nobody rated it."""
    quality = b"label_id,num_rated,num_true\n/m/09x0r,10,10\n/m/05zppz,10,9\n"
    source = write_files(tmp_path / "source", {**TABLES, "qa_true_counts.csv": quality})
    write_audio(source / "Y--PJHxphWEs.wav")
    prepared = prepare(request_for("audioset", source=source))
    classes = json.loads(Path(prepared.snapshot, "stats.json").read_text())["corpus"]["classes"]
    expected = {"index": 1, "mid": "/m/05zppz", "name": "Male speech, man speaking", "num_rated": 10, "num_true": 9}
    assert classes[1] == expected
    assert classes[3] == {"index": 3, "mid": "/m/04rlf", "name": "Music", "num_rated": None, "num_true": None}


def test_validation_is_taken_from_the_training_lists(tmp_path, write_files):
    """A tenth, by a hash of the video; another share or seed takes others; eval is always the test set."""
    rows = [f'{number:011d}, 0.000, 10.000, "/m/04rlf"' for number in range(3000)]
    write_files(tmp_path, {**TABLES, "unbalanced_train_segments.csv": csv_of(rows)})

    def splits(**shares):
        config = PrepareConfig(corpus="audioset", split=SplitConfig(**shares))
        return {clip.clip_id: clip.split for clip in list_corpus(config, str(tmp_path)).clips}

    counts = collections.Counter(splits().values())
    assert counts["test"] == 3
    assert counts["validation"] == pytest.approx(300, abs=60)
    assert "validation" not in splits(validation_share=0.0).values()
    assert splits() != splits(seed=1)
    assert splits() == splits(test_share=0.5)


def test_the_lists_that_are_wanted(listed):
    """Named ones only; one that is named and absent is refused."""
    assert len(listed({}, lists=("eval",)).clips) == 3
    with pytest.raises(ValueError, match=r"unbalanced_train_segments\.csv"):
        listed({}, lists=("eval", "unbalanced_train"))


def test_a_list_that_went_through_a_spreadsheet(listed):
    """Quotes gone, labels in several columns, commas at the end of the line; the head counts other rows."""
    rows = ["-0DLPzsiXXE,30,40,/m/04rlf,/m/07qwdck,,", "2_3_4_5_6_7,0,6,/m/04rlf,,,"]
    content = (HEAD.format(7) + "\r\n".join(rows)).encode()
    found = listed({"balanced_train_segments.csv": content}, lists=("balanced_train",))
    assert [clip.labels for clip in found.clips] == [("Music", "Middle Eastern music"), ("Music",)]
    assert found.facts["notes"] == ["balanced_train_segments.csv: its head announces 7 segments, it has 2"]


@pytest.mark.parametrize("row", ["--PJHxphWEs", "--PJHxphWEs, 3, 2, /m/04rlf", "--PJHxphWEs, a, b, /m/04rlf", ",1,2,x"])
def test_a_row_that_is_no_segment_is_refused(listed, row):
    """With the list and the row in the text."""
    with pytest.raises(ValueError, match=r"eval_segments\.csv.*Received"):
        listed({"eval_segments.csv": csv_of([EVAL[0], row])})


def test_without_the_class_file_labels_are_mids(tmp_path, listed):
    """In their order, and a note says so."""
    listed({})
    (tmp_path / "source/class_labels_indices.csv").unlink()
    found = list_corpus(PrepareConfig(corpus="audioset"), str(tmp_path / "source"))
    assert found.labels == ("/m/012xff", "/m/04rlf", "/m/07qwdck", "/m/09x0r", "/t/dd00088")
    assert "class_labels_indices.csv" in found.facts["notes"][0]


def test_the_key_follows_the_order_of_the_classes(tmp_path, write_files, write_audio, request_for):
    """A position in the card's labels is in every record."""
    source = write_files(tmp_path / "source", TABLES)
    write_audio(source / "--PJHxphWEs.wav")
    first = prepare(request_for("audioset", source=source)).snapshot
    (source / "class_labels_indices.csv").write_bytes(class_file(dict(reversed(CLASSES.items()))))
    second = prepare(request_for("audioset", source=source)).snapshot
    assert first != second
    assert read_card(Path(second)).labels == tuple(reversed(CLASSES.values()))


def test_missing_clips_have_a_budget_of_their_own(tmp_path, write_files, write_audio, request_for):
    """Nobody has all: missing ones are no error; a bad file among few is; the missing can be limited."""
    source = write_files(tmp_path / "source", TABLES)
    write_audio(source / "Y--PJHxphWEs.wav")
    assert prepare(request_for("audioset", source=source)).clips == {"kept": 1, "missing": 4}
    (source / "Y__abcdefg_1.wav").write_text("<html>")
    with pytest.raises(ValueError, match=r"1 of 2 \(50.0%\)") as refused:
        prepare(request_for("audioset", source=source))
    assert "Rejected: 1 unsupported. The first:\n  __abcdefg_1: unsupported" in str(refused.value)
    assert ": missing: " not in str(refused.value)
    request = request_for("audioset", source=source, max_rejected_share=0.5, max_missing_share=0.5)
    with pytest.raises(ValueError, match=r"3 of 5 \(60.0%\) have no file.*--max-missing-share 0.6"):
        prepare(request)
    assert prepare(request_for("audioset", source=source, max_rejected_share=0.5, max_missing_share=0.6)).clips == {
        "kept": 1,
        "missing": 3,
        "unsupported": 1,
    }


def test_the_official_lists_become_a_snapshot(tmp_path, shared, write_audio, request_for):
    """All 22,160 + 20,371 rows are in the ledger, with the right status, beside a few clips."""
    source = tmp_path / "source"
    source.mkdir()
    for path in (shared / "corpora/audioset_lists").iterdir():
        shutil.copyfile(path, source / path.name)
    recordings = sorted((shared / "corpora/esc10").glob("*/1-*.ogg"))
    for recording, name in zip(
        recordings,
        ("Y--ZhevVpy1s.ogg", "audio/--aE2O5G5WE.wav", "eval_segments/Y--i-y1v8Hy8_0_9000.ogg", "-0CamVQdP_Y_0.flac"),
        strict=False,
    ):
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(recording, source / name)
    (source / "Y--U7joUcTCo.wav").write_text("<html>")
    prepared = prepare(request_for("audioset", source=source, max_rejected_share=0.2))
    rows = {row.clip_id: row for row in ledger.read_ledger(Path(prepared.snapshot, "clips.parquet"))}
    assert len(rows) == 22_160 + 20_371
    kept = {"--ZhevVpy1s", "--aE2O5G5WE", "--i-y1v8Hy8", "-0CamVQdP_Y"}
    assert {name for name, row in rows.items() if row.status == "kept"} == kept
    assert {name for name, row in rows.items() if row.status not in ("kept", "missing")} == {"--U7joUcTCo"}
    assert rows["--U7joUcTCo"].status == "unsupported"
    assert prepared.clips == {"kept": 4, "missing": 42_526, "unsupported": 1}
    statistics = json.loads(Path(prepared.snapshot, "stats.json").read_text())
    assert statistics["splits"]["test"]["listed"] == 20_371
    assert statistics["corpus"]["lists"]["balanced_train"] == {"segments": 22_160, "with_audio": 2, "listed_before": 0}
    assert statistics["corpus"]["notes"] == []
    card = read_card(Path(prepared.snapshot))
    assert len(card.labels) == 527
    assert (card.labels[0], card.labels[1]) == ("Speech", "Male speech, man speaking")
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()
    labels = collections.Counter(label for row in rows.values() if row.split != "test" for label in row.labels)
    assert (labels["Music"], labels["Speech"]) == (6_244, 5_735)
    assert sum(labels.values()) == 52_882
