"""A fingerprint that outlives re-encoding: triples of spectral peaks, hashed, with their times (after Wang, 2003).

Of the peaks of a spectrogram at 8 kHz, each is joined with two of the next eight; their frequencies and the time
between them make a hash, and the 256 smallest hashes of a clip are its sketch. Clips of which at least 4 hashes agree
at one shift between them are candidates; they are near duplicates if their waveforms correlate by 0.96. Gain, sign and
what surrounds them do not matter. It costs 1.4 ms a second of sound, and 2 kB of memory a clip.

Error rates on real recordings (tests/pipelines/test_fingerprint.py repeats them on a part). Missed, of:

  altered by                     digits, 0.4 s   ESC-10, 5 s   speech, 3 s   drums and piano, 0.1 to 4 s
  gain; at 8 or 22 kHz; padded   0 of 200        0 of 80       0 of 98       0 of 132
  MP3 at 64 kb/s                 2               0             0             about a third
  10 ms cut off the beginning    0               0             0             42 (it takes the stroke away)
  37 ms                          1               0             0             69
  100 ms                         11 of 197       0             0             74 of 112
  500 ms                         (too short)     1             0             5 of 13
  white noise 30 dB below        0               0             3             32
  white noise 40 dB below        0               0             0             1

Different recordings called the same: none of 4,498,500 pairs of digits, none of 4,753 of speech, 1 of 79,003 of ESC-10
(which is one crackling fire under two names), 2 of 34,453 strokes of drums.
"""

import math
from collections.abc import Sequence

import numpy as np
import soxr
from scipy import fft
from scipy.ndimage import maximum_filter

from pipelines.audio import Samples, Waveform

FEWEST_VOTES = 4  # hashes of two clips that agree at one shift make them a candidate
SAME = 0.96  # candidates that correlate so well are near duplicates
SKETCH = 256  # hashes that are kept of a clip

_RATE = 8_000
_WINDOW, _HOP = 512, 64
_BINS = slice(8, 232)  # 125 to 3625 Hz: what telephones and old corpora have too
_AROUND = (9, 11)  # frames and bins in which a peak is the highest
_FLOOR = 10.0**-4.5  # of the highest peak, in power
_NEXT = 8  # peaks that a peak is joined with
_FARTHEST = 255  # frames
_FRAMES = 4  # are one step of time in a hash
_MOST_ALIKE = 64  # a hash of more clips says nothing about any
_FINER = 4
_LEAST_COMMON = 0.5  # of the shorter clip
_SPREAD = np.uint64(0x9E3779B97F4A7C15)

Hashes = np.ndarray[tuple[int], np.dtype[np.uint32]]
Places = np.ndarray[tuple[int], np.dtype[np.int64]]
Times = np.ndarray[tuple[int], np.dtype[np.int32]]
Sketch = tuple[Hashes, Times]


def sketch(samples: Samples, *, rate: int) -> Sketch:
    """Up to 256 hashes of int16 [samples] at `rate` Hz, sorted, and the frame (8 ms) of each one's first peak."""
    times, bins = _peaks(samples, rate)
    hashes, begins = [np.zeros(0, np.uint32)], [np.zeros(0, np.int32)]
    for second in range(1, _NEXT):
        for third in range(second + 1, _NEXT + 1):
            triples = max(0, len(times) - third)
            first = slice(0, triples)
            steps = [times[by : by + triples] - times[first] for by in (second, third)]
            rises = [bins[by : by + triples] - bins[first] + 256 for by in (second, third)]
            near = steps[1] <= _FARTHEST
            parts = (bins[first], rises[0], rises[1], steps[0] // _FRAMES, steps[1] // _FRAMES)
            hashes.append(_hash([part[near] for part in parts]))
            begins.append(times[first][near])
    found, where = np.unique(np.concatenate(hashes), return_index=True)
    return found[:SKETCH], np.concatenate(begins)[where][:SKETCH].astype(np.int32)


def candidates(sketches: Sequence[Sketch]) -> list[tuple[int, int]]:
    """Pairs that are worth listening to: positions of the two, the smaller first."""
    hashes = np.concatenate([found for found, _ in sketches] or [np.zeros(0, np.uint32)])
    times = np.concatenate([begins for _, begins in sketches] or [np.zeros(0, np.int32)])
    clips = np.repeat(np.arange(len(sketches)), [len(found) for found, _ in sketches])
    order = np.argsort(hashes, kind="stable")  # clips of one hash stay in their order
    hashes, times, clips = hashes[order], times[order], clips[order]
    begins = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else np.zeros(0, int)
    sizes = np.diff(np.append(begins, len(hashes)))
    telling = np.repeat((sizes > 1) & (sizes <= _MOST_ALIKE), sizes)
    hashes, times, clips = hashes[telling], times[telling], clips[telling]
    pairs, shifts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for apart in range(1, _MOST_ALIKE):
        same = np.flatnonzero(hashes[apart:] == hashes[: max(0, len(hashes) - apart)])
        if not len(same):
            break
        pairs.append(clips[same] * len(sketches) + clips[same + apart])
        shifts.append(times[same].astype(np.int64) - times[same + apart])
    return _elect(np.concatenate(pairs), np.concatenate(shifts), len(sketches))


def correlation(one: Waveform, other: Waveform) -> float:
    """Of two waveforms at 8 kHz where both are, 0 to 1, sign ignored, at the best lag that keeps half of one."""
    size, least = len(one) + len(other) - 1, math.ceil(_LEAST_COMMON * min(len(one), len(other)))
    length = 2 * fft.next_fast_len(-(-size // 2), real=True)
    spectrum = fft.rfft(one, length) * np.conj(fft.rfft(other, length))
    spectrum[-1] /= 2.0  # half the rate is one frequency here, and two of the longer transform
    # A copy is later by any fraction of a sample: the products are interpolated, four to a sample.
    products = fft.irfft(spectrum, _FINER * length) * _FINER
    lags = np.arange(least - len(other), len(one) - least + 1)
    begins, ends = np.maximum(lags, 0), np.minimum(len(one), len(other) + lags)
    energy = _energy(one, begins, ends) * _energy(other, begins - lags, ends - lags)
    heard = energy > 0.0
    strengths = np.abs(products.reshape(-1, _FINER)[lags[heard]]).max(axis=1, initial=0.0) / np.sqrt(energy[heard])
    return min(1.0, float(np.max(strengths, initial=0.0)))


def _energy(waveform: Waveform, begins: Places, ends: Places) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    sums = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    return np.asarray(sums[ends] - sums[begins])


def _elect(pairs: Places, shifts: Places, clips: int) -> list[tuple[int, int]]:
    """Pairs that have enough votes for one shift, to a frame more or less."""
    order = np.lexsort((shifts, pairs))
    pairs, shifts = pairs[order], shifts[order]
    names, begins, votes = np.unique(pairs, return_index=True, return_counts=True)
    elected = []
    for name, begin, number in zip(names, begins, votes, strict=True):
        mine = shifts[begin : begin + number]
        if np.max(np.searchsorted(mine, mine + 2, side="right") - np.arange(number)) >= FEWEST_VOTES:
            elected.append((int(name) // clips, int(name) % clips))
    return elected


def _peaks(samples: Samples, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames and bins of the peaks, in the order of time."""
    padded = np.pad(at_low_rate(samples, rate), (_WINDOW // 2, _WINDOW // 2 + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32))[:, _BINS]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    highest = maximum_filter(power, size=_AROUND, mode="constant")
    frames_of, bins_of = np.nonzero((power == highest) & (power > _FLOOR * power.max()))
    return frames_of, bins_of


def at_low_rate(samples: Samples, rate: int) -> Waveform:
    """float32 [samples] at 8 kHz, full scale 32768."""
    waveform = samples.astype(np.float32)
    return waveform if rate == _RATE else np.asarray(soxr.resample(waveform, rate, _RATE, quality="MQ"))


def _hash(parts: list[np.ndarray]) -> Hashes:
    """32 bits of five small numbers, evenly spread."""
    code = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        code = code * np.uint64(512) + part.astype(np.uint64)
    return ((code * _SPREAD) >> np.uint64(32)).astype(np.uint32)
