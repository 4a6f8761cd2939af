"""Samples that others keep as numbers, as the WAV file that they were before: a header, and not a bit changed."""

import io
from typing import Any

import numpy as np
import soundfile

from pipelines.status import Rejected

_SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}


def as_wav(samples: "np.ndarray[Any, Any]", *, rate: int) -> bytes:
    """`samples` [length] or [length, channels] at `rate` Hz, in a type that WAV has, or that fits one.

    Raises:
      Rejected: integers beyond 16 bits in a wider type, whose full scale nobody has written down.
    """
    if samples.dtype.kind == "i" and samples.dtype.itemsize > 2:
        if samples.size and (samples.min() < -(2**15) or samples.max() >= 2**15):
            raise Rejected("unsupported", f"integers beyond 16 bits as {samples.dtype}, whose full scale is not stored")
        samples = samples.astype(np.int16)
    if samples.dtype.name not in _SUBTYPES:
        raise Rejected("unsupported", f"samples as {samples.dtype}, which no recording has")
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV", subtype=_SUBTYPES[samples.dtype.name])
    return stream.getvalue()
