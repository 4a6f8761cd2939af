"""Features of waveforms in files: the layer's own, whatever the format of the result."""

import json
from pathlib import Path

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

from frontends import Leaf
from frontends.config import LeafConfig, MelFilterbankConfig, WavegramConfig
from frontends.inspect import physical_parameters
from training.config import EncoderConfig
from training.featurize import featurize
from training.model import build_model
from training.requests import FeaturizeRequest, InitialFrontend, SavedFrontend, WaveformFile

# Keras's way to write weights, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LEAF = InitialFrontend(config=LeafConfig(num_filters=5), sample_rate=16000)


def waveform(name: str, samples: int, folder: Path, value: float | None = None) -> WaveformFile:
    """Noise, or a constant, in a file."""
    path = folder / f"{name.replace('/', '_')}.npy"
    noise = 0.1 * np.random.default_rng(samples).normal(size=samples)
    np.save(path, (noise if value is None else np.full(samples, value)).astype("float32"))
    return WaveformFile(name=name, path=str(path), source=f"/there/{name}", seconds=samples / 16000, note="")


def asked(source, recordings, folder: Path, *, kind: str = "npz", pictures: bool = False) -> FeaturizeRequest:
    """A request."""
    return FeaturizeRequest(
        source=source, recordings=tuple(recordings), folder=str(folder), format=kind, pictures=pictures
    )


def test_features_are_those_of_the_layer_in_the_model(tmp_path):
    """Bit for bit, of a whole classifier whose front end has been trained; and the archive says what they are."""
    model = build_model(
        LeafConfig(num_filters=8), EncoderConfig(width=0.05), sample_rate=16000, window=16000, classes=2, seed=0
    )
    layer = model.get_layer("frontend")
    layer.filterbank.center.assign(0.9 * np.asarray(keras.ops.convert_to_tensor(layer.filterbank.center)))
    model.save(tmp_path / "model.keras")
    recording = waveform("a/x.wav", 12345, tmp_path)
    expected = np.asarray(layer(np.load(recording.path)[None]))[0]
    done = featurize(
        asked(SavedFrontend(path=str(tmp_path / "model.keras"), sample_rate=16000), [recording], tmp_path / "out")
    )
    assert done.failed == {}
    assert [(file.frames, file.features) for file in done.written] == [(78, 8)]
    with np.load(tmp_path / "out" / "a" / "x.wav.npz") as archive:
        np.testing.assert_array_equal(archive["features"], expected)
        np.testing.assert_array_equal(archive["centre_hz"], physical_parameters(layer)["centre_hz"])
        np.testing.assert_allclose(np.diff(archive["time_s"]), 0.01)
        assert archive["sample_rate"] == 16000
        assert archive["source"] == "/there/a/x.wav"
        again = keras.saving.deserialize_keras_object(json.loads(str(archive["frontend"])))
    assert isinstance(again, Leaf)
    assert again.get_config() == layer.get_config()


def test_one_parquet_for_all_recordings(tmp_path):
    """A row per frame; the same numbers as in the archives; units and centres in the metadata."""
    for kind in ("npz", "parquet"):
        recordings = [waveform("b/x.wav", 16000, tmp_path), waveform("a/x.wav", 8000, tmp_path)]
        featurize(asked(LEAF, recordings, tmp_path / "out", kind=kind))
    table = pq.read_table(tmp_path / "out" / "features.parquet")
    assert table.column_names == ["clip", "time_s", *(f"feature_{index:03d}" for index in range(5))]
    assert table.column("clip").to_pylist() == ["b/x.wav"] * 100 + ["a/x.wav"] * 50
    with np.load(tmp_path / "out" / "a" / "x.wav.npz") as archive:
        np.testing.assert_array_equal(table.column("feature_003").to_numpy()[100:], archive["features"][:, 3])
        np.testing.assert_array_equal(table.column("time_s").to_numpy()[100:], archive["time_s"])
        assert json.loads(table.schema.metadata[b"centre_hz"]) == archive["centre_hz"].tolist()


def test_one_bad_recording_costs_itself_only(tmp_path):
    """Each with its reason; nothing is written for it; waveforms are removed once read."""
    valid = InitialFrontend(
        config=MelFilterbankConfig(num_filters=5, compression=None),
        sample_rate=16000,
    )
    recordings = [
        waveform("good.wav", 1600, tmp_path),
        waveform("huge.wav", 1600, tmp_path, value=1e30),
        WaveformFile(name="gone", path=str(tmp_path / "gone.npy"), source="/there/gone", seconds=1.0, note=""),
        waveform("also.wav", 800, tmp_path),
    ]
    done = featurize(asked(valid, recordings, tmp_path / "out", pictures=True))
    assert [file.source for file in done.written] == ["/there/good.wav", "/there/also.wav"]
    assert set(done.failed) == {"/there/huge.wav", "/there/gone"}
    assert "50 of 50 features are NaN or infinite" in done.failed["/there/huge.wav"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "also.wav.npz",
        "also.wav.png",
        "good.wav.npz",
        "good.wav.png",
    ]
    assert not list(tmp_path.glob("*.npy"))


def test_a_parquet_of_nothing_is_not_written(tmp_path):
    """Where no recording has features."""
    done = featurize(asked(LEAF, [waveform("nan.wav", 1600, tmp_path, value=np.nan)], tmp_path / "out", kind="parquet"))
    assert list(done.failed) == ["/there/nan.wav"]
    assert not (tmp_path / "out" / "features.parquet").exists()


def test_a_front_end_without_bands(tmp_path):
    """A Wavegram has maps of bins, at 25 frames a second, and no centres."""
    source = InitialFrontend(config=WavegramConfig(), sample_rate=16000)
    done = featurize(asked(source, [waveform("x.wav", 16000, tmp_path)], tmp_path / "out", pictures=True))
    assert [(file.frames, file.features) for file in done.written] == [(25, 32 * 64)]
    with np.load(tmp_path / "out" / "x.wav.npz") as archive:
        assert archive["features"].shape == (25, 32, 64)
        assert archive["time_s"][0] == pytest.approx(0.02)
        assert "centre_hz" not in archive
    assert (tmp_path / "out" / "x.wav.png").is_file()
