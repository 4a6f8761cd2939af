"""Any recordings to waveforms in files: names, formats, and what is said of those that cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.requests import Waveforms, WaveformsRequest
from pipelines.waveforms import _distinct, decode


def decoded(*recordings: Path, folder: Path, sample_rate: int = 16000) -> Waveforms:
    """What the stage answers."""
    folder.mkdir(exist_ok=True)
    names = tuple(map(str, recordings))
    return decode(WaveformsRequest(recordings=names, sample_rate=sample_rate, folder=str(folder)))


def write(path: Path, samples: np.ndarray, rate: int = 16000, **how: str) -> Path:
    """A recording, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)
    return path


@pytest.fixture
def noise() -> np.ndarray:
    """A second of it."""
    return 0.1 * np.random.default_rng(0).normal(size=16000)


@pytest.mark.parametrize(("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0)])
def test_samples_are_the_file_s(subtype, step, noise, tmp_path):
    """Unquantised: to the step of the file, in float32."""
    found = decoded(write(tmp_path / "x.wav", noise, subtype=subtype), folder=tmp_path / "out")
    waveform = np.load(found.decoded[0].path)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, noise, atol=step + 1e-8)
    assert found.decoded[0].described == f"WAV/{subtype}, 16000 Hz, 1 channel"
    assert found.decoded[0].seconds == 1.0


def test_channels_are_averaged_and_rates_converted(noise, tmp_path):
    """A tone of 1 kHz on one of two channels at 44.1 kHz has half its amplitude at 16 kHz."""
    time = np.arange(44100) / 44100
    stereo = np.stack([0.5 * np.sin(2 * np.pi * 1000 * time), 0 * time], axis=1)
    found = decoded(write(tmp_path / "x.flac", stereo, 44100), folder=tmp_path / "out")
    waveform = np.load(found.decoded[0].path)
    expected = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    np.testing.assert_allclose(waveform[100:-100], expected[100:-100], atol=1e-4)


def test_bad_recordings_are_named_with_their_reasons(noise, tmp_path):
    """And do not stop the good ones; what is silent is not rejected, but noted."""
    good, silent = write(tmp_path / "good.wav", noise), write(tmp_path / "silent.wav", 0 * noise)
    write(tmp_path / "nan.wav", np.full(16000, np.nan), subtype="FLOAT")
    write(tmp_path / "none.wav", noise[:0])
    (tmp_path / "cut.wav").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("these are words\n" * 9)
    bad = ["nan.wav", "none.wav", "cut.wav", "empty.wav", "text.wav", "nowhere.wav"]
    found = decoded(good, *(tmp_path / name for name in bad), silent, folder=tmp_path / "out")
    assert [(waveform.name, waveform.note) for waveform in found.decoded] == [
        ("good.wav", ""),
        ("silent.wav", "digital silence or a constant"),
    ]
    assert {Path(clip.clip_id).name: clip.status for clip in found.rejected} == {
        "nan.wav": "non_finite",
        "none.wav": "too_short",
        "cut.wav": "truncated",
        "empty.wav": "empty",
        "text.wav": "unsupported",
        "nowhere.wav": "missing",
    }
    assert all(clip.reason for clip in found.rejected)


def test_folders_are_searched_and_names_stay_apart(noise, tmp_path):
    """Names are paths below the folder given; equal ones get as many more folders as tell them apart."""
    for name in ("one/a/x.wav", "one/x.flac", "two/a/x.wav", "two/b/y.wav"):
        write(tmp_path / name, noise)
    (tmp_path / "one" / "notes.txt").write_text("not a recording")
    one = decoded(tmp_path / "one", folder=tmp_path / "out")
    assert [waveform.name for waveform in one.decoded] == ["x.flac", "a/x.wav"]
    assert one.ignored == 1
    both = decoded(tmp_path / "one", tmp_path / "two", tmp_path / "one" / "x.flac", folder=tmp_path / "out")
    assert [waveform.name for waveform in both.decoded] == ["x.flac", "one/a/x.wav", "two/a/x.wav", "b/y.wav"]
    assert len({waveform.path for waveform in both.decoded}) == 4
    files = decoded(tmp_path / "one/a/x.wav", tmp_path / "two/a/x.wav", folder=tmp_path / "out")
    assert [waveform.name for waveform in files.decoded] == ["one/a/x.wav", "two/a/x.wav"]


def test_names_stay_below_the_output_folder():
    """Even those of recordings at the root of the file system."""
    names = _distinct({"/x.wav": "x.wav", "/a/x.wav": "x.wav", "/b/a/x.wav": "x.wav", "/y.wav": "y.wav"})
    assert list(names.values()) == ["x.wav", "a/x.wav", "b/a/x.wav", "y.wav"]


def test_nothing_to_decode_is_refused(tmp_path):
    """With what was given."""
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match="recordings are audio files, or folders that hold some"):
        decoded(tmp_path / "in", folder=tmp_path / "out")


def test_a_name_of_any_bytes(noise, tmp_path):
    """Is printable, and below the output folder."""
    path = write(tmp_path / "x.wav", noise)
    strange = path.rename(path.with_name("a\nb\udcff.wav"))
    found = decoded(strange, folder=tmp_path / "out")
    assert found.decoded[0].name == r"a\x0ab\xff.wav"
