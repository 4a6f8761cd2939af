"""Samples of a WebDataset: files of one key in a tar."""

import io
import tarfile

import pytest

from pipelines.config import PrepareConfig
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import WebDatasetConfig


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        ({"json": b'{"labels": ["b", "a", "b"]}', "cls": b"c"}, ("b", "a")),
        ({"json": b'{"mine": "x", "label": "y"}'}, ("y",)),
        ({"json": b"{", "cls": b" c\n"}, ("c",)),
        ({"cls": b"1"}, ("one",)),
        ({"cls": b"7"}, ("7",)),
        ({"txt": b"a text\n"}, ("a text",)),
        ({"txt": b"two\nlines"}, ()),
        ({"npy": b"1"}, ()),
    ],
)
def test_labels_of_a_sample(tmp_path, files, labels):
    """JSON before `.cls` before `.txt`; numbers become names where there are some."""
    (tmp_path / "classes.txt").write_text("zero\none\n")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for suffix, content in {"seg1.flac": b"audio", **files}.items():
            info = tarfile.TarInfo(f"below/key.{suffix}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (clip,) = list_corpus(PrepareConfig(corpus="webdataset"), str(tmp_path)).clips
    assert (clip.clip_id, clip.labels, clip.member) == ("below/key", labels, "below/key.seg1.flac")
    chosen = PrepareConfig(corpus="webdataset", webdataset=WebDatasetConfig(label="mine"))
    if "json" in files and b"mine" in files["json"]:
        assert list_corpus(chosen, str(tmp_path)).clips[0].labels == ("x",)
