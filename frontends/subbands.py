"""Pooled Gabor energies by sub-bands: the clip's spectrum once, then small FFTs at low rates.

For a filter of centre mu and decimation h, with L the buffer's length: L / h bins around mu are cut out of the
spectrum X, multiplied by the response E(w - mu) of the truncated kernel (real, as the envelope is even), and
taken back to time, which gives y at 1 / h of the rate up to a phase; |y|^2 is pooled there. The cut moves with the
centre in blocks of bins, without gradient; the rest of the centre is in E, with gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from frontends.blocks import Blocks, lay_out
from frontends.framing import Framing
from frontends.fullband import full_band_frames, gabor_kernels
from frontends.lowrate import SIDE, LowRate, at_edges, masked_windows
from frontends.plan import Plan
from frontends.power import subband_frames
from frontends.response import Waves, baseband_taps, lone_tap, minus_bins
from frontends.spectrum import Spectrum


def pooled_energies(
    waveform: Any, *, mu: Any, sigma: Any, width: Any, windows: Any, framing: Framing, plan: Plan
) -> Any:
    """Energies (batch, frames, N) of waveforms (batch, T).

    mu [rad/sample], sigma [samples] and the pooling width s, (N,), are within their bounds; windows (N, K) pool.
    Filters inside their boxes of `plan` go by sub-bands. The others, and all where T is known only at run time or
    shorter than a window, are computed at the full rate.
    """
    num_samples, groups = waveform.shape[1], plan.groups()
    # In a clip shorter than a window, a mask may leave a single sample, and interpolation is for sums.
    if num_samples is None or num_samples < framing.window:
        blocks = lay_out(framing, num_samples=num_samples or ops.shape(waveform)[1], reach=0)
        spectrum = Spectrum.of(blocks.cut(waveform), bins=0)
        frames = _at_full_rate(spectrum, mu, sigma, windows, chosen=ops.ones_like(mu), blocks=blocks)
        return ops.transpose(frames, (0, 2, 1))
    decimations = [h for h, _ in groups]
    blocks = lay_out(framing, num_samples=num_samples, reach=SIDE * max(decimations))
    bins = max((blocks.length // h for h in decimations if h > 1), default=0)
    spectrum = Spectrum.of(blocks.cut(waveform), bins=bins)
    held = plan.holds(mu=mu, sigma=sigma, width=width)
    chosen = 1.0 - ops.cast(held, mu.dtype)
    frames = ops.where(
        held[:, None],
        _by_groups(spectrum, mu, sigma, windows, groups=groups, blocks=blocks),
        _at_full_rate(spectrum, mu, sigma, windows, chosen=chosen, blocks=blocks),
    )
    return ops.transpose(frames, (0, 2, 1))


def _at_full_rate(spectrum: Spectrum, mu: Any, sigma: Any, windows: Any, *, chosen: Any, blocks: Blocks) -> Any:
    """Frames (batch, N, frames) of the chosen filters; zeros for the others."""
    kernels, rate = gabor_kernels(mu, sigma, window=blocks.framing.window), LowRate(blocks, 1)
    return full_band_frames(spectrum.half, kernels, weights=rate.full_rate_weights(windows), chosen=chosen, rate=rate)


def _by_groups(
    spectrum: Spectrum, mu: Any, sigma: Any, windows: Any, *, groups: list[tuple[int, np.ndarray]], blocks: Blocks
) -> Any:
    """Frames (batch, N, frames), group by group."""
    length, window = blocks.length, blocks.framing.window
    members = np.concatenate([some for _, some in groups])
    # Taken on axis 1, as the gradient of `take` on axis 0 is sparse in TensorFlow, and not every optimizer takes that.
    parameters = ops.take(ops.stack([mu, sigma]), members, axis=1)
    windows = masked_windows(ops.transpose(ops.take(ops.transpose(windows), members, axis=1)), blocks)
    all_bins = [length // h for h, some in groups for _ in some]
    start, middle = spectrum.place(ops.stop_gradient(parameters[0]), bins=all_bins)
    offset = minus_bins(parameters[0], middle, length=length)
    taps = baseband_taps(offset, parameters[1], window=window) / length
    waves = Waves.of(half=window // 2, length=length, bins=max(all_bins), like=mu)
    frames, done = [], 0
    ends = np.cumsum([len(some) for _, some in groups])[:-1].tolist()
    parts = [ops.split(each, ends, axis=0) if ends else [each] for each in (taps, windows, start)]
    for (decimation, some), taps_, windows_, start_ in zip(groups, *parts, strict=True):
        bins, lone = length // decimation, None
        if window % 2 == 0:
            here = slice(done, done + len(some))
            lone = lone_tap(offset[here], parameters[1][here], window=window, length=length, bins=bins) / length
        ready = taps_ + _once_there(frames[-1]) if frames else taps_
        cut = spectrum.cut(start_, bins=bins)
        frames.append(subband_frames(cut, ready, lone, waves=waves, windows=windows_, rate=LowRate(blocks, decimation)))
        done += len(some)
    # Frames at the clip's edges come behind all others.
    place, edges = np.arange(blocks.num_frames), at_edges(blocks)
    place[edges] = blocks.num_frames + np.arange(len(edges))
    return ops.take(ops.take(ops.concatenate(frames, axis=1), place, axis=2), np.argsort(members), axis=1)


def _once_there(values: Any) -> Any:
    """A zero that is there only after `values`, and whose gradient is there before theirs.

    It lets one group follow another: a graph would else hold all groups' spectra and signals at once.
    """

    def zero(value: Any) -> Any:
        return ops.cast(ops.logical_and(value > 0.0, value < 0.0), values.dtype)

    @ops.custom_gradient
    def there(tensor: Any) -> tuple[Any, Callable[..., Any]]:
        def gradient(*upstreams: Any, upstream: Any = None) -> Any:
            return ops.zeros_like(tensor) + zero(upstreams[0] if upstream is None else upstream)

        return zero(tensor[0, 0, 0]), gradient

    return there(values)
