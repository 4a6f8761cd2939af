"""What the corpora list, and that listing decides nothing by chance."""

import collections
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.card import SPLITS
from pipelines.clip import printable
from pipelines.config import FolderConfig, PrepareConfig, SplitConfig, SyntheticConfig
from pipelines.corpora.catalog import CATALOG, list_corpus
from pipelines.splits import hashed_split

FOLDER = PrepareConfig(corpus="folder")
ODD_NAMES = [
    "plain.wav",
    "with space.WAV",
    "Äpfel #3.wav",
    "--help.wav",
    "-.wav",
    "twice.wav.wav",
    "[a-z]*?.wav",
    "line\nbreak.wav",
    "back\\slash.wav",
    "日本語.flac",
    "quote'\"s.wav",
    os.fsdecode(b"latin\xe9.wav"),
    "latin\\xe9.wav",
]


def sources(shared: Path, tmp_path: Path) -> dict[str, str | None]:
    """Where each corpus of the catalog is."""
    write_files(tmp_path / "folder", {"a/1.wav": b"x", "b/2.wav": b"y"})
    return {
        "synthetic": None,
        "folder": str(tmp_path / "folder"),
        "fsdd": str(shared / "corpora/fsdd"),
        "esc10": str(shared / "corpora/esc10"),
    }


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Writes relative path -> content."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", CATALOG)
def test_every_corpus_conforms(shared, tmp_path, name):
    """Sorted unique printable ids, known splits, a label, an existing source; the same a second time."""
    corpus, source = CATALOG[name], sources(shared, tmp_path)[name]
    assert corpus.name == name
    assert corpus.licence
    assert corpus.citation
    assert corpus.source_page
    listed = list_corpus(PrepareConfig(corpus=name), source)
    ids = [clip.clip_id for clip in listed.clips]
    assert ids == sorted(set(ids))
    assert listed == list_corpus(PrepareConfig(corpus=name), source)
    for clip in listed.clips:
        assert clip.split in SPLITS
        assert clip.labels
        clip.clip_id.encode()
        assert source is None or Path(listed.folder, clip.source).is_file()


@pytest.mark.parametrize("name", ["folder", "fsdd", "esc10"])
def test_a_source_that_is_not_the_corpus_is_refused(tmp_path, name):
    """No folder, an empty one, and one of other files: the error says what the corpus looks like."""
    config = PrepareConfig(corpus=name)
    (tmp_path / "file").write_bytes(b"")
    for source in (None, "", str(tmp_path / "nowhere"), str(tmp_path / "file"), str(tmp_path / ("x" * 300))):
        with pytest.raises(ValueError, match="--source"):
            list_corpus(config, source)
    write_files(tmp_path, {"notes.txt": b"hello"})
    with pytest.raises(ValueError, match=r"holds none|neither"):
        list_corpus(config, str(tmp_path))


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


def test_esc10_is_found_in_the_layout_of_esc50(tmp_path):
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


def test_a_folder_gives_every_recording_its_first_folder(tmp_path):
    """Odd names and deep folders are clips; hidden names, links to folders and other files are named."""
    files = {f"a class/{name}": b"x" for name in ODD_NAMES}
    files |= {
        "b/deep/er/1.mp3": b"x",
        "b/no suffix": b"OggS" + bytes(60),
        "b/notes.txt": b"hello",
        "b/.hidden.wav": b"x",
        ".git/1.wav": b"x",
        "loose.wav": b"x",
    }
    write_files(tmp_path, files)
    (tmp_path / "link").symlink_to(tmp_path / "b")
    (tmp_path / "b/broken.wav").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "b/pipe.wav")
    listed = list_corpus(FOLDER, str(tmp_path))
    labels = {clip.clip_id: clip.labels for clip in listed.clips}
    assert {labels[printable(f"a class/{name}")] for name in ODD_NAMES} == {("a class",)}
    assert labels["b/deep/er/1.mp3"] == labels["b/no suffix"] == labels["b/broken.wav"] == ("b",)
    assert labels["loose.wav"] == ()
    assert len(labels) == len(ODD_NAMES) + 4
    assert listed.ignored == (".git", "b/.hidden.wav", "b/notes.txt", "b/pipe.wav", "link")


def test_links_to_themselves_cost_themselves_only(tmp_path):
    """Links in a circle, through a file, of a name that is too long: listed by suffix, and missing."""
    write_files(tmp_path, {"a/1.wav": b"x"})
    for name, target in {"loop": "loop", "long": "x" * 300, "through": "1.wav/x", "up": ".."}.items():
        (tmp_path / f"a/{name}").symlink_to(target)
        (tmp_path / f"a/{name}.wav").symlink_to(target if target != "loop" else "loop.wav")
    listed = list_corpus(FOLDER, str(tmp_path))
    stamps = {clip.clip_id: clip.stamp is not None for clip in listed.clips}
    assert stamps == {"a/1.wav": True, "a/long.wav": False, "a/loop.wav": False, "a/through.wav": False}
    assert listed.ignored == ("a/long", "a/loop", "a/through", "a/up", "a/up.wav")


def test_folders_nested_a_thousand_deep(tmp_path):
    """A recording at the bottom is a clip; what lies deeper than the system reads is named."""
    here = os.open(tmp_path, os.O_RDONLY)
    for depth in range(2_100):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
        if depth == 1_500:
            os.close(os.open("1.wav", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    listed = list_corpus(FOLDER, str(tmp_path))
    assert [clip.clip_id for clip in listed.clips] == ["d/" * 1_501 + "1.wav"]
    assert len(listed.ignored) == 1
    subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # too deep for the rest of us


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\x85b", "a\u2028b", "a\u202eb", "a\x7fb", "a\tb"])
def test_an_id_is_one_line_of_harmless_text(name):
    """No name ends a line of a report or moves the cursor; its escape is another name."""
    shown = printable(name)
    assert shown.isprintable()
    assert shown == "a" + "".join(f"\\x{byte:02x}" for byte in name[1].encode()) + name[2:]
    assert printable(shown) != shown


def test_ids_of_names_that_are_not_utf_8_do_not_collide():
    """The byte 0xe9 and the four characters of its escape are two names."""
    assert printable(os.fsdecode(b"a\xe9")) == "a\\xe9"
    assert printable("a\\xe9") == "a\\\\xe9"


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


def table_corpus(tmp_path: Path, table: bytes) -> list[tuple]:
    """Lists a folder with a table of that content."""
    write_files(tmp_path, {"t.csv": table, "x/1.wav": b"x", "x/2 #ä.wav": b"x", "x/more.wav": b"x"})
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="t.csv"))
    listed = list_corpus(config, str(tmp_path))
    return [(clip.clip_id, clip.labels, clip.split, clip.group, clip.stamp is None) for clip in listed.clips]


def test_a_table_decides_labels_splits_and_groups(tmp_path):
    """A byte order mark, CRLF, quotes and an absent file; what it does not name is ignored by name."""
    table = (
        '\ufeffpath,label,split,group\r\nx/1.wav,"dog, large",test,g\r\nx/2 #ä.wav,cat,,\r\n./gone.wav,cat,train,\r\n'
    )
    rows = table_corpus(tmp_path, table.encode())
    assert ("x/1.wav", ("dog, large",), "test", "g", False) in rows
    assert ("gone.wav", ("cat",), "train", "gone.wav", True) in rows
    assert [row[3] for row in rows if row[0] == "x/2 #ä.wav"] == ["x/2 #ä.wav"]
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="t.csv"))
    assert list_corpus(config, str(tmp_path)).ignored == ("x/more.wav",)
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="x/.././t.csv"))
    assert list_corpus(config, str(tmp_path)).ignored == ("x/more.wav",)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"file,label\nx/1.wav,a\n", "line 1.*path"),
        (b"", "line 1.*path"),
        (b"path,label\nx/1.wav,a\nx/1.wav,b\n", "line 3.*also line 2"),
        (b"path,label\nx/1.wav,a\n./x/1.wav,b\n", "line 3.*also line 2"),
        (b"path,label,split\nx/1.wav,a,dev\n", "line 2.*'dev'"),
        (b"path,label\nx/1.wav,\n", "line 2.*label"),
        (b"path,label\nx/1.wav\n", "line 2.*fields"),
        (b"path,label\nx/1.wav,a,b\n", "line 2.*fields"),
        (b"path,label\n/etc/1.wav,a\n", "line 2.*relative"),
        (b"path,label\n../1.wav,a\n", "line 2.*relative"),
        (b'path,label\n"x/1.wav,a\n', "line .*not a CSV row"),
        (b"path,label\nx/1\0.wav,a\n", "line 2.*zero byte"),
        (b"path,label\n", "holds none"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, table, message):
    """What, where, and what was received."""
    with pytest.raises(ValueError, match=message):
        table_corpus(tmp_path, table)


def test_a_table_that_is_not_there(tmp_path):
    """Its path is in the message."""
    write_files(tmp_path, {"x/1.wav": b"x"})
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="no.csv"))
    with pytest.raises(ValueError, match=r"no\.csv"):
        list_corpus(config, str(tmp_path))


def test_listing_does_not_depend_on_the_process(tmp_path):
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


def test_moving_a_corpus_keeps_its_listing(tmp_path):
    """Ids, splits and stamps do not hold the folder."""
    write_files(tmp_path / "here", {"a/1.wav": b"x", "b/2.wav": b"y"})
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert list_corpus(FOLDER, str(tmp_path / "here")).clips == list_corpus(FOLDER, str(tmp_path / "there")).clips
