"""Features of recordings that are too long for the memory in one piece."""

from typing import Any

import numpy as np
from keras import ops

from frontends import wavegram

PIECE_S = 60.0
_WAVEGRAM_MARGIN = 4  # frames; its convolutions reach 2 of them


def features_of(layer: Any, waveform: np.ndarray, *, piece_s: float = PIECE_S) -> np.ndarray:
    """Features (frames, ...), float32, of one mono waveform (samples,): those of `layer(waveform[None])[0]`.

    A waveform much longer than `piece_s` seconds goes through the filterbank in overlapping pieces of about that
    length; frames that reach over the edge of a piece come from its neighbour. The compression sees all frames, because
    the smoother of PCEN never forgets. Pieces change the order of the arithmetic, so the last digits, and nothing else.
    """
    filterbank = getattr(layer, "filterbank", None)
    if filterbank is None:
        rate, stride, margin = layer.sample_rate, wavegram.STRIDE, _WAVEGRAM_MARGIN
    else:  # a frame reaches as far as a kernel and a pooling window
        rate, stride = filterbank.sample_rate, filterbank.framing.stride
        margin = 2 * filterbank.framing.window // stride + 1
    frames = max(int(piece_s * rate) // stride, 1)
    if len(waveform) <= 2 * (frames + margin) * stride:
        return _numpy(layer(waveform[None], training=False))
    if filterbank is None:
        return _numpy(_by_pieces(layer, waveform, stride=stride, frames=frames, margin=margin))
    waveform = waveform.astype("float64" if layer.compute_dtype == "float64" else "float32")
    energies = _by_pieces(filterbank, waveform, stride=stride, frames=frames, margin=margin)
    return _numpy(layer.compress(energies if layer.floor is None else ops.maximum(energies, layer.floor)))


def _by_pieces(layer: Any, waveform: np.ndarray, *, stride: int, frames: int, margin: int) -> Any:
    """Outputs (1, frames, ...), `frames` of them at a time.

    Pieces begin on a frame and are as long as the whole modulo the stride, so that their frames lie as those of the
    whole do, whatever the padding.
    """
    outputs = []
    for first in range(0, -(-len(waveform) // stride), frames):
        start = max(first - margin, 0)
        stop = (first + frames + margin) * stride + len(waveform) % stride
        outputs.append(layer(waveform[None, start * stride : stop], training=False)[:, first - start :][:, :frames])
    return ops.concatenate(outputs, axis=1)


def _numpy(features: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(features, "float32"))[0])
