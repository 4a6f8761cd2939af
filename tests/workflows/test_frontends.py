"""`leafworks inspect` and `leafworks featurize` on front ends as they start; trained ones: test_main_job.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from infra.environment import QUIET
from workflows.catalog import FRONTENDS, NAMED_FRONTENDS


def leafworks(*arguments: object) -> subprocess.CompletedProcess:
    """Runs one command as a user would."""
    command = [sys.executable, "-m", "workflows.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory) -> Path:
    """What `inspect leaf` leaves behind, with some of the layer's arguments given as flags."""
    folder = tmp_path_factory.mktemp("inspected")
    done = leafworks("inspect", "leaf", "--num-filters", 8, "--scale", "bark", "--out", folder / "leaf")
    assert done.returncode == 0, done.stderr
    (folder / "leaf" / "stdout.txt").write_text(done.stdout)
    return folder / "leaf"


def test_names_are_the_configs_and_mel_pcen():
    """Each kind by its own name."""
    assert set(NAMED_FRONTENDS) == {*FRONTENDS, "mel_pcen"}
    assert {name for name, config in NAMED_FRONTENDS.items() if config.kind == name} == set(FRONTENDS)


def test_it_says_what_it_wrote(inspected):
    """The numbers in short, with units; every file named is there."""
    text = (inspected / "stdout.txt").read_text()
    assert "centre_hz" in text
    assert "movement.png" not in text
    written = text.split(f"Written to {inspected}:")[1].replace(",", "").split()
    assert {"index.html", "filter_responses.png", "filters.csv"} <= set(written)
    assert all((inspected / name).stat().st_size for name in written)
    assert len((inspected / "filters.csv").read_text().splitlines()) == 9


@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_in_a_browser(inspected, browser, width):
    """Draws every picture; nothing is fetched, nothing overflows, no error; a slider goes through the filters."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((inspected / "index.html").as_uri())
    for name in json.loads((inspected / "captions.json").read_text()):
        box = page.locator(f"figure[data-picture={name}] .main-svg").first.bounding_box()
        assert box["width"] > 250
        assert box["height"] > 250
    title = page.locator("figure[data-picture=impulse_responses] .gtitle")
    assert title.inner_html().startswith("Filter 1,")
    page.locator("figure[data-picture=impulse_responses] .slider-rail-touch-rect").first.click()
    page.wait_for_function(
        "() => !document.querySelector('figure[data-picture=impulse_responses] .gtitle').textContent"
        ".startsWith('Filter 1,')"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert len([url for url in requests if not url.startswith("data:")]) == 1
    page.close()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Good and bad ones, two of the same name."""
    folder = tmp_path_factory.mktemp("recordings")
    noise = 0.1 * np.random.default_rng(0).normal(size=16000)
    for name in ("a", "b"):
        (folder / name).mkdir()
    soundfile.write(folder / "a" / "x.wav", noise, 16000, subtype="FLOAT")
    soundfile.write(folder / "b" / "x.wav", noise[:8000], 8000, subtype="PCM_U8")
    soundfile.write(folder / "stereo.flac", np.stack([noise, -0.5 * noise], axis=1), 44100, subtype="PCM_24")
    (folder / "cut.wav").write_bytes((folder / "a" / "x.wav").read_bytes()[:5000])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("these are words\n" * 9)
    return folder


@pytest.fixture(scope="module")
def featurized(recordings, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """The folder that `featurize` wrote, and what it said."""
    out = tmp_path_factory.mktemp("features")
    return out, leafworks("featurize", recordings, "--frontend", "leaf", "--num-filters", 8, "--out", out)


def test_bad_recordings_do_not_stop_good_ones(featurized):
    """Each is named with its reason, and the exit code says that there were some."""
    out, done = featurized
    assert done.returncode == 1
    assert "3 recordings featurized, 3 failed" in done.stdout
    reasons = {line.split(":")[1].split("/")[-1]: line for line in done.stderr.splitlines() if "error: " in line}
    assert set(reasons) == {"cut.wav", "empty.wav", "text.wav"}
    assert "truncated" in reasons["cut.wav"]
    assert "0 bytes" in reasons["empty.wav"]
    assert "text, not audio" in reasons["text.wav"]
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        f"{name}{suffix}" for name in ("a/x.wav", "b/x.wav", "stereo.flac") for suffix in (".npz", ".png")
    ]


def test_features_are_the_layer_s_of_the_decoded_samples(featurized, recordings, tmp_path):
    """To the last bit."""
    code = (
        "import sys, numpy as np, soundfile; from frontends import Leaf\n"
        "waveform, _ = soundfile.read(sys.argv[1], dtype='float32')\n"
        "np.save(sys.argv[2], Leaf(8)(waveform[None])[0])\n"
    )
    places = [recordings / "a" / "x.wav", tmp_path / "expected.npy"]
    subprocess.run([sys.executable, "-c", code, *map(str, places)], check=True, env={**os.environ, **QUIET})
    with np.load(featurized[0] / "a" / "x.wav.npz") as archive:
        np.testing.assert_array_equal(archive["features"], np.load(tmp_path / "expected.npy"))
    with np.load(featurized[0] / "b" / "x.wav.npz") as archive:
        assert archive["features"].shape == (100, 8)  # 1 s at 8 kHz
        assert archive["sample_rate"] == 16000


@pytest.mark.parametrize("command", ["inspect", "featurize"])
def test_help_says_what_is_written_in_which_units(command):
    """With defaults."""
    done = leafworks(command, *(["leaf"] if command == "inspect" else []), "--help")
    assert done.returncode == 0
    for word in ("--num-filters", "(default: 40)", "--sample-rate", "in Hz", ".npz", "--out"):
        assert word in done.stdout
