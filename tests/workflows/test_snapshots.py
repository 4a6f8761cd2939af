"""Looking at snapshots from the command line: show and its page, diff, duplicates, and dropping copies."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

NASTY = "<img src=x onerror=alert(1)>"


def leafworks(*arguments, code: int = 0) -> str:
    """Runs one command as a user would; its standard output, and the error where it fails."""
    command = [sys.executable, "-m", "workflows.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def write(path: Path, seed: int, gain: float = 0.2) -> None:
    """A second of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, gain * np.random.default_rng(seed).uniform(-1, 1, 16_000), 16_000)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Ten recordings; one of train is also in test under another label, another is a quiet copy."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = ["path,label,split"]
    for index in range(8):
        write(folder / f"{index}.wav", index)
        rows.append(f"{index}.wav,{'ab'[index % 2]},{'test' if index > 5 else 'train'}")
    write(folder / f"{NASTY}.wav", 6)
    write(folder / "quiet.wav", 7, gain=0.05)
    rows += [f"{NASTY}.wav,b,train", "quiet.wav,b,train"]
    (folder / "silent.wav").write_bytes((folder / "0.wav").read_bytes()[:44] + bytes(32_000))
    (folder / "t.csv").write_text("\n".join([*rows, "silent.wav,a,train"]))
    return folder


def prepare(corpus: Path, root: Path, *flags: str) -> Path:
    """A snapshot of it."""
    table = ["--folder.table", "t.csv", "--max-rejected-share", "0.2"]
    text = leafworks("prepare", "folder", "--source", corpus, "--root", root, *table, *flags)
    return Path(text.split("snapshot:")[1].strip())


@pytest.fixture(scope="module")
def plain(corpus, tmp_path_factory) -> Path:
    """The snapshot as it is by default."""
    return prepare(corpus, tmp_path_factory.mktemp("plain"))


def test_show_says_that_there_are_copies(plain):
    """And what to do about them."""
    text = leafworks("show", plain)
    assert "Recordings that are there more than once: 1; in more than one split: 1" in text
    assert "--drop" in text
    assert json.loads(leafworks("show", plain, "--json"))["findings"]


def test_duplicates_are_named(plain):
    """Exact and near, leaks first, as text and as JSON."""
    text = leafworks("duplicates", plain)
    assert "10 clips: 1 groups of exact copies, 1 groups of near duplicates" in text
    assert "2 of them across splits, 0 across snapshots, 1 under different labels" in text
    assert f"exact: 6.wav (test; a) = {NASTY}.wav (train; b)" in text
    assert "near (1.00): 7.wav (test; b) = quiet.wav (train; b)" in text
    found = json.loads(leafworks("duplicates", plain, "--no-near", "--json"))
    assert [[clip["clip_id"] for clip in group["clips"]] for group in found["copies"]] == [["6.wav", f"{NASTY}.wav"]]


def test_what_is_dropped_is_what_the_difference_is(corpus, plain, tmp_path):
    """Prepared again without copies: diff says which went, why, and how many clips can be compared."""
    other = prepare(corpus, tmp_path, "--drop", "across-splits", "--drop-near")
    common = tmp_path / "common.json"
    text = leafworks("diff", plain, other, "--common", common)
    assert "9 clips the same, 2 changed, 0 renamed, 0 only in A, 0 only in B; 8 kept in both" in text
    assert (
        f"changed: {NASTY}.wav: status: kept, now duplicate (the same samples as `6.wav` (test), which stays, "
        "under other labels: a)" in text
    )
    assert "changed: quiet.wav: status: kept, now duplicate (nearly the same sound (correlation 1.000) as" in text
    assert json.loads(common.read_text())["clips"] == [f"{index}.wav" for index in range(8)]
    assert json.loads(leafworks("diff", plain, other, "--json"))["common"] == 8
    assert "whole" in leafworks("verify", other)
    assert "groups of exact copies" in leafworks("duplicates", other)
    assert "0 groups of exact copies, 0 groups of near" in leafworks("duplicates", other)


def test_a_folder_that_is_no_snapshot_is_refused(plain, tmp_path):
    """With what one is, exit code 2."""
    assert "A snapshot is a folder with" in leafworks("diff", plain, tmp_path, code=2)
    assert "card.json" in leafworks("duplicates", tmp_path, code=2)
    assert "each once" in leafworks("duplicates", plain, plain, code=2)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_the_page_in_a_browser(corpus, plain, tmp_path, browser, width, scheme):
    """Nothing is fetched or run, nothing overflows; pictures are there, and names are text."""
    path = tmp_path / "page.html"
    leafworks("show", plain, "--page", path, "--source", corpus)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    requests, alarms = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: alarms.append(dialog.message))
    page.on("console", lambda message: alarms.append(message.text))
    page.goto(path.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert page.locator("#kept").inner_text() == "10"
    assert page.locator("#reasons tbody tr").count() == 1
    assert NASTY in page.locator("#copies tbody").inner_text()
    assert "across splits, other labels" in page.locator("#copies tbody").inner_text()
    assert page.locator("img").count() == 11
    loaded = page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 50)")
    assert loaded
    assert page.locator("figure[data-histogram] rect").count() >= 7
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert alarms == []
    page.close()
