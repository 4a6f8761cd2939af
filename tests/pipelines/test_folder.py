"""Any folder of recordings: odd names, links, depths, and tables that decide."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from pipelines.clip import printable
from pipelines.config import PrepareConfig
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import FolderConfig

FOLDER = PrepareConfig(corpus="folder")
WITH_TABLE = PrepareConfig(corpus="folder", folder=FolderConfig(table="t.csv"))
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


def test_a_folder_gives_every_recording_its_first_folder(tmp_path, write_files):
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


def test_links_to_themselves_cost_themselves_only(tmp_path, write_files):
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


@pytest.fixture
def list_table(tmp_path, write_files) -> Callable[[bytes], list[tuple]]:
    """Lists a folder with a table of that content."""

    def run(table: bytes) -> list[tuple]:
        write_files(tmp_path, {"t.csv": table, "x/1.wav": b"x", "x/2 #ä.wav": b"x", "x/more.wav": b"x"})
        listed = list_corpus(WITH_TABLE, str(tmp_path))
        return [(clip.clip_id, clip.labels, clip.split, clip.group, clip.stamp is None) for clip in listed.clips]

    return run


def test_a_table_decides_labels_splits_and_groups(tmp_path, list_table):
    """A byte order mark, CRLF, quotes and an absent file; what it does not name is ignored by name."""
    table = (
        '\ufeffpath,label,split,group\r\nx/1.wav,"dog, large",test,g\r\nx/2 #ä.wav,cat,,\r\n./gone.wav,cat,train,\r\n'
    )
    rows = list_table(table.encode())
    assert ("x/1.wav", ("dog, large",), "test", "g", False) in rows
    assert ("gone.wav", ("cat",), "train", "gone.wav", True) in rows
    assert [row[3] for row in rows if row[0] == "x/2 #ä.wav"] == ["x/2 #ä.wav"]
    assert list_corpus(WITH_TABLE, str(tmp_path)).ignored == ("x/more.wav",)
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
def test_a_bad_table_is_refused_with_its_line(list_table, table, message):
    """What, where, and what was received."""
    with pytest.raises(ValueError, match=message):
        list_table(table)


def test_a_table_that_is_not_there(tmp_path, write_files):
    """Its path is in the message."""
    write_files(tmp_path, {"x/1.wav": b"x"})
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="no.csv"))
    with pytest.raises(ValueError, match=r"no\.csv"):
        list_corpus(config, str(tmp_path))


def test_moving_a_corpus_keeps_its_listing(tmp_path, write_files):
    """Ids, splits and stamps do not hold the folder."""
    write_files(tmp_path / "here", {"a/1.wav": b"x", "b/2.wav": b"y"})
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert list_corpus(FOLDER, str(tmp_path / "here")).clips == list_corpus(FOLDER, str(tmp_path / "there")).clips
