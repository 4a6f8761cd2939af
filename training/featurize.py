"""`python -m training.featurize request.json`: decoded waveforms to features, one recording after another."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from frontends.inspect import frame_times_s, physical_parameters
from frontends.pieces import features_of
from infra.stage import report_progress, serve
from training.export import Features, feature_writer
from training.figures import draw_features
from training.load import load_frontend
from training.requests import FeatureFile, Featurized, FeaturizeRequest, WaveformFile

_UNITS = {
    "log": "ln(energy + 1e-5)",
    "power": "energy^(1 / root)",
    "pcen": "PCEN of the energy",
    "spcen": "PCEN of the energy",
    "layer_norm": "normalised energy",
    None: "energy",
}


def featurize(request: FeaturizeRequest) -> Featurized:
    """Writes the features and a picture of every recording; one that fails does not stop the others.

    Raises:
      ValueError: the front end cannot be loaded.
    """
    layer, folder = load_frontend(request.source), Path(request.folder)
    common = _common(layer, request.source.sample_rate)
    written: list[FeatureFile] = []
    failed: dict[str, str] = {}
    with feature_writer(folder, request.format, common) as write:
        for done, recording in enumerate(request.recordings, start=1):
            try:
                features = _features(layer, recording, request.source.sample_rate)
                (folder / recording.name).parent.mkdir(parents=True, exist_ok=True)
                path = write(features)
                if request.pictures:
                    _draw(folder, features, layer, common.get("centre_hz"))
                written.append(_written(path, features, recording))
            except Exception as error:  # whatever it is, it costs this recording only
                failed[recording.source] = str(error).strip() or repr(error)
            report_progress(done, len(request.recordings), "recordings featurized")
    return Featurized(written=tuple(written), failed=failed)


def _features(layer: keras.layers.Layer, recording: WaveformFile, rate: int) -> Features:
    """Of the whole recording as one clip; removes the waveform's file."""
    path = Path(recording.path)
    waveform = np.load(path)
    path.unlink()
    values = features_of(layer, waveform)
    if not len(values):
        raise ValueError(f"{len(waveform)} samples at {rate} Hz are too few for one frame of this front end")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} of {values.size} features are NaN or infinite")
    return Features(
        clip=recording.name,
        source=recording.source,
        values=values,
        time_s=frame_times_s(layer, num_frames=len(values), num_samples=len(waveform)),
    )


def _draw(folder: Path, features: Features, layer: keras.layers.Layer, centre_hz: np.ndarray | None) -> None:
    maps = features.values.reshape(*features.values.shape[:2], -1)  # a Wavegram has several for each bin
    draw_features(
        folder / f"{features.clip}.png",
        maps.mean(axis=2),
        time_s=features.time_s,
        centre_hz=centre_hz,
        title=f"{features.clip}: {type(layer).__name__}",
        unit=_UNITS[layer.compression] if hasattr(layer, "compression") else "mean activation",
    )


def _written(path: Path, features: Features, recording: WaveformFile) -> FeatureFile:
    return FeatureFile(
        source=recording.source,
        path=str(path),
        seconds=recording.seconds,
        frames=len(features.values),
        features=features.values[0].size,
        note=recording.note,
    )


def _common(layer: keras.layers.Layer, rate: int) -> dict[str, Any]:
    """What is the same for all recordings: the front end as Keras describes it, its rate, its centres if it has any."""
    frontend = json.dumps(keras.saving.serialize_keras_object(layer))
    centres = {name: values for name, values in physical_parameters(layer).items() if name == "centre_hz"}
    return {"sample_rate": rate, "frontend": frontend, **centres}


if __name__ == "__main__":
    serve(FeaturizeRequest, featurize)
