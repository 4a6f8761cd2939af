"""The page of a snapshot: every number is the ledger's, nothing is fetched, no file name becomes markup."""

import html.parser
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from infra.stage import run_stage
from pipelines.page import make_page
from pipelines.prepare import prepare
from pipelines.requests import Page, PageRequest

NASTY = ["<img src=x onerror=alert(1)>.wav", "\"quoted\" & 'single'.wav", "{{ 7 * 7 }} {% if %}.wav", "&lt;b&gt;.wav"]


class Reader(html.parser.HTMLParser):
    """Collects the tags, what they refer to, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.references, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [name for name, _ in attributes if name.startswith("on")]
        self.references += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def source(tmp_path, noise, write_audio) -> Path:
    """Recordings with names that would be markup, two of them the same, and some that are rejected."""
    folder = tmp_path / "source"
    for index, name in enumerate(NASTY):
        write_audio(folder / "<script>x<" / name, noise(seed=max(1, index)), format="WAV")
    write_audio(folder / "b/long.flac", noise(32_000, seed=9), 44_100)
    write_audio(folder / "b/<i>silent.wav", np.zeros(8_000))
    (folder / "b/empty.wav").write_bytes(b"")
    whole = write_audio(folder / "b/cut.wav").read_bytes()
    (folder / "b/cut.wav").write_bytes(whole[:5_000])
    return folder


@pytest.fixture
def nasty(source, request_for) -> str:
    """Their snapshot."""
    return prepare(request_for("folder", source=source, max_rejected_share=0.5)).snapshot


def test_it_says_what_the_ledger_says(nasty, source, tmp_path):
    """Counts, reasons and names as text; pictures of kept and rejected clips; nothing is referred to but data."""
    path = tmp_path / "new/folder/page.html"
    made = run_stage("pipelines.page", PageRequest(snapshot=nasty, page=str(path), source=str(source)), Page)
    reader = Reader(path.read_text())
    assert "script" not in reader.tags
    assert "i" in reader.tags  # ours, on the pictures
    assert all(reference.startswith("data:") for reference in reader.references)
    words = re.sub(r"\s+", " ", reader.text)
    cells = reader.text.replace("\n", "")
    for name in NASTY:
        assert f"<script>x</{name}" in words
    assert "5 of 8 clips kept" in words
    assert "b/<i>silent.wav" in words
    for reason in ("empty1the file has 0 bytes", "silent1digital silence", "truncated1"):
        assert reason in cells
    assert "1 recordings are there more than once" in words
    # 5 kept; of the rejected, the silent one and what is left of the cut one.
    assert made.pictures == 7 == path.read_text().count("data:image/png")


def test_without_the_recordings(nasty, tmp_path):
    """Kept clips come from the snapshot; the page says how to see the others."""
    path = tmp_path / "page.html"
    assert make_page(PageRequest(snapshot=nasty, page=str(path))).pictures == 5
    assert "--source FOLDER" in path.read_text()


def test_the_same_snapshot_gives_the_same_page(nasty, source, tmp_path):
    """Byte for byte."""
    pages = [tmp_path / name for name in ("1.html", "2.html")]
    for page in pages:
        make_page(PageRequest(snapshot=nasty, page=str(page), source=str(source)))
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_every_kept_clip_is_in_every_histogram(pristine, tmp_path):
    """Once, or among those without a value."""
    path = tmp_path / "page.html"
    make_page(PageRequest(snapshot=str(pristine), page=str(path)))
    figures = re.findall(r'<figure data-histogram="([^"]*)">(.*?)</figure>', path.read_text(), re.DOTALL)
    assert len(figures) == 7
    for name, figure in figures:
        bars = sum(int(number) for number in re.findall(r": (\d+) clips</title>", figure))
        without = sum(int(number) for number in re.findall(r"(\d+) without a value", figure))
        assert bars + without == 55, name


def test_bars_are_where_the_values_are(tmp_path, request_for):
    """Clips of 1 s and one of 3 s; a source of 8 kHz has its bandwidth at 4."""
    folder = tmp_path / "source/a"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for index, seconds in enumerate([1, 1, 1, 3]):
        soundfile.write(folder / f"{index}.wav", 0.1 * random.standard_normal(8_000 * seconds), 8_000)
    snapshot = prepare(request_for("folder", source=folder.parent)).snapshot
    make_page(PageRequest(snapshot=snapshot, page=str(tmp_path / "page.html")))
    page = (tmp_path / "page.html").read_text()
    duration = re.search(r'data-histogram="Duration, s">(.*?)</figure>', page, re.DOTALL)[1]
    assert re.findall(r"<title>(.*?)</title>", duration) == ["1 to 1.08: 3 clips", "2.92 to 3: 1 clips"]
    bandwidth = re.search(r'data-histogram="Bandwidth of the source, kHz">(.*?)</figure>', page, re.DOTALL)[1]
    assert re.findall(r"<title>(.*?)</title>", bandwidth) == ["4 to 4.33: 4 clips"]
    assert "an upsampled corpus" in page


def test_what_is_refused(tmp_path, pristine):
    """A folder without a card; a page that cannot be written."""
    with pytest.raises(ValueError, match="card"):
        make_page(PageRequest(snapshot=str(tmp_path), page=str(tmp_path / "page.html")))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="A page is written to a file"):
        make_page(PageRequest(snapshot=str(pristine), page=str(tmp_path / "file/page.html")))
