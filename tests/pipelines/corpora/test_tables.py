"""Tables in their dialects, and files under other names than their lists say."""

import pytest

from pipelines.corpora.tables import read_lines, read_table
from pipelines.corpora.tree import Tree, locate


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"a,b\n1,2\n3,4\n", {}),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4", {}),
        (b'"a"\t"b"\n"1"\t"2"\n\n3\t4\n', {"delimiter": "\t"}),
        (b"b,c,a\n2,x,1\n4,y,3\n", {}),
        (b"1, 2 \n3,4\n", {"header": False}),
        (b" a , b\n 1,2\n3 ,4\n", {}),
    ],
)
def test_dialects_hold_the_same_rows(tmp_path, content, options):
    """Marks, line ends, quotes, blanks, order and a missing last line end change nothing."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    rows = read_table(path, ("a", "b"), **options)
    assert [(row["a"], row["b"]) for row in rows] == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n1\n", r"t\.csv.*missing.*b"),
        (b"", "missing"),
        (b"a,b\n1,2\n1,2,3\n", "line 3.*2 fields.*3"),
        (b'a,b\n"1,2\n', "line .*not a row"),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path, content, message):
    """The file, the line, and what was received."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_table(path, ("a", "b"))


def test_absent_lists_are_refused(tmp_path):
    """Their path is in the message."""
    with pytest.raises(ValueError, match=r"no\.csv"):
        read_table(tmp_path / "no.csv", ("a",))
    with pytest.raises(ValueError, match=r"no\.txt"):
        read_lines(tmp_path / "no.txt")


def test_a_list_is_lines(tmp_path):
    """Without blank ones, marks, carriage returns, or breaks that are none in a list."""
    (tmp_path / "l.txt").write_bytes("\ufeffa b\r\n\n c\u2028d\x0b \nlast".encode())
    assert read_lines(tmp_path / "l.txt") == ["a b", "c\u2028d", "last"]


def test_files_are_found_under_similar_names(tmp_path, write_files):
    """Other case, another format, a doubled extension; the exact name first, and none if two are similar."""
    files = ["a/One.WAV", "a/two.flac", "a/three.wav.wav", "a/four.wav", "a/four.flac", "a/five.mp3", "a/five.ogg"]
    files += ["a/._six.wav", "a/seven.txt"]
    tree = Tree(write_files(tmp_path, dict.fromkeys(files, b"x")))
    found = {name: tree.find(f"a/{name}.wav") for name in ("one", "two", "three", "four", "five", "six", "seven")}
    assert found == {
        "one": "a/One.WAV",
        "two": "a/two.flac",
        "three": "a/three.wav.wav",
        "four": "a/four.wav",
        "five": None,
        "six": None,
        "seven": None,
    }


def test_names_that_differ_in_case_alone_are_two(tmp_path, write_files):
    """Identifiers of videos do: neither stands for the other, nor for a third."""
    tree = Tree(write_files(tmp_path, {"x/v/aB/1.wav": b"x", "y/v/Ab/1.wav": b"y"}), tail=3)
    assert tree.find("v/aB/1.wav") == "x/v/aB/1.wav"
    assert tree.find("v/Ab/1.wav") == "y/v/Ab/1.wav"
    assert tree.find("v/AB/1.wav") is None


def test_a_corpus_is_the_source_or_one_folder_in_it(tmp_path, write_files):
    """Two copies are refused by name, because either could be meant."""
    assert locate(tmp_path, "meta.csv") is None
    write_files(tmp_path, {"one/meta.csv": b"x"})
    assert locate(tmp_path, "meta.csv") == tmp_path / "one"
    assert locate(tmp_path / "one", "meta.csv") == tmp_path / "one"
    write_files(tmp_path, {"two/meta.csv": b"x"})
    with pytest.raises(ValueError, match=r"one.*two"):
        locate(tmp_path, "meta.csv")


def test_a_clip_is_listed_once(tmp_path):
    """The second of an id is refused by name."""
    tree = Tree(tmp_path)
    tree.clip("a.wav", labels=("x",), split="train", group="g")
    with pytest.raises(ValueError, match=r"a\.wav"):
        tree.clip("a.wav", labels=("x",), split="test", group="g")
