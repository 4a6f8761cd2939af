"""The clips that a trial gets most wrong, to be heard and seen: one self-contained HTML page."""

import base64
import io
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import keras
import numpy as np

from frontends.inspect import inspect
from infra.files import write_atomically
from infra.predictions import Predictions
from training.figures import draw_features

WORST_CLIPS = 10
_MOST_SECONDS = 10.0
_LABELS = 5

Read = Callable[[str, int], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """One clip on the page."""

    id: str
    true: str
    predicted: str
    loss: float
    wav: str
    picture: str


def clip_losses(predictions: Predictions) -> np.ndarray:
    """Each clip's loss in nats, [clips]: cross-entropy of a softmax, or the mean over classes of binary ones."""
    position = {name: index for index, name in enumerate(predictions.task.classes)}
    logits = predictions.logits.astype(np.float64)
    targets = np.zeros_like(logits)
    for row, labels in enumerate(predictions.labels):
        targets[row, [position[label] for label in labels]] = 1.0
    if predictions.task.objective == "multi_label":
        # log(1 + exp(x)) - t x, without overflow.
        return (np.logaddexp(0.0, logits) - targets * logits).mean(axis=1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    return -(targets * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))).sum(axis=1)


def write_worst_clips(
    path: Path, predictions: Predictions, *, read: Read, frontend: keras.layers.Layer, sample_rate: int, title: str
) -> None:
    """Writes the page.

    Args:
      path: of the page.
      predictions: of the test split.
      read: (clip id, most samples) -> int16 [samples] from the clip's beginning.
      frontend: waveform [batch, samples] to features; trained.
      sample_rate: in Hz.
      title: of the page.
    """
    losses = clip_losses(predictions)
    worst = np.argsort(-losses, kind="stable")[:WORST_CLIPS]
    heard = [read(predictions.clip_ids[index], round(_MOST_SECONDS * sample_rate)) for index in worst]
    features = [_features(frontend, samples) for samples in heard]
    centre_hz = inspect(frontend).parameters.get("centre_hz")
    clips = []
    for index, samples, seen in zip(worst, heard, features, strict=True):
        time_s = (np.arange(len(seen)) + 0.5) * len(samples) / sample_rate / max(1, len(seen))
        clips.append(
            _Shown(
                id=predictions.clip_ids[index],
                true=", ".join(predictions.labels[index]) or "none",
                predicted=_predicted(predictions, int(index)),
                loss=float(losses[index]),
                wav=base64.b64encode(_wav(samples, sample_rate)).decode(),
                picture=base64.b64encode(_picture(seen, time_s, centre_hz, predictions.clip_ids[index])).decode(),
            )
        )
    source = Path(__file__).with_suffix(".html").read_text()
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    write_atomically(path, template.render(title=title, clips=clips, seconds=f"{_MOST_SECONDS:g}"))


def _predicted(predictions: Predictions, index: int) -> str:
    logits, classes = predictions.logits[index], predictions.task.classes
    if predictions.task.objective != "multi_label":
        return classes[int(logits.argmax())]
    highest = np.argsort(-logits, kind="stable")[:_LABELS]
    return ", ".join(f"{classes[i]} {1 / (1 + np.exp(-float(logits[i]))):.2f}" for i in highest)


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return stream.getvalue()


def _features(frontend: keras.layers.Layer, samples: np.ndarray) -> np.ndarray:
    """[frames, filters]; of a Wavegram, the mean over its maps."""
    waveform = (samples.astype(np.float32) / 32768.0)[None]
    features = np.asarray(keras.ops.convert_to_tensor(frontend(waveform, training=False)), np.float32)[0]
    return features.mean(axis=2) if features.ndim == 3 else features


def _picture(features: np.ndarray, time_s: np.ndarray, centre_hz: np.ndarray | None, name: str) -> bytes:
    """PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.png")
        draw_features(path, features, time_s=time_s, centre_hz=centre_hz, title=name, unit="feature")
        return path.read_bytes()
