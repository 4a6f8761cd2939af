"""WAV files of samples that a packing holds."""

import io

import numpy as np
import soundfile

from pipelines.wav import as_wav

SAMPLES = np.random.default_rng(0).integers(-9_000, 9_000, 1_600).astype(np.int16)


def test_samples_become_the_wav_file_that_they_were():
    """Bit by bit, for every type that WAV has."""
    for dtype in (np.int16, np.int32, np.float32):
        samples = SAMPLES.astype(dtype) / (dtype(32768) if dtype is np.float32 else dtype(1))
        read, rate = soundfile.read(io.BytesIO(as_wav(samples.astype(dtype), rate=24_414)), dtype="float64")
        np.testing.assert_array_equal(read, SAMPLES / 32768.0)
        assert rate == 24_414
