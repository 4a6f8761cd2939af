"""Pooled Gabor energies by sub-bands: the clip's spectrum once, then small FFTs at low rates.

For a filter of centre mu and decimation h, with L the buffer's length: L / h bins around mu are cut out of the
spectrum X, multiplied by the response E(w - mu) of the truncated kernel (real, as the envelope is even), and
taken back to time, which gives y at 1 / h of the rate up to a phase; |y|^2 is pooled there. The cut moves with the
centre in blocks of bins, without gradient; the rest of the centre is in E, with gradient.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from frontends.blocks import Blocks, lay_out
from frontends.framing import Framing
from frontends.fullband import full_band_frames, gabor_kernels
from frontends.lowrate import SIDE, LowRate, Span, masked_windows
from frontends.outside import inner_share, outside_power
from frontends.overlap import assembled
from frontends.plan import Plan, outside_decimation
from frontends.power import pooled_sums, subband_sums
from frontends.response import baseband_taps, constant, lone_tap, minus_bins, responses
from frontends.spectrum import Spectrum

# Windows. All frames of a shorter clip are at an edge, where a mask may leave a single sample, and interpolation is for
# sums; and by chance its bands may hold as little as a cut leaves out.
SHORTEST = 2
PIECE_SAMPLES = 2**20  # of a clip's signals at low rates that are there at once; a group of filters has at least one
MOST_KEPT = 2**23  # samples of a long clip's signals that are kept for the gradient; the rest are computed again


def pooled_energies(
    waveform: Any, *, mu: Any, sigma: Any, width: Any, windows: Any, framing: Framing, plan: Plan
) -> Any:
    """Energies (batch, frames, N) of waveforms (batch, T).

    mu [rad/sample], sigma [samples] and the pooling width s, (N,), are within their bounds; windows (N, K) pool.
    Filters inside their boxes of `plan` go by sub-bands. The others, and all where T is known only at run time or
    shorter than two windows, are computed at the full rate.
    """
    num_samples = waveform.shape[1]
    if num_samples is None or num_samples < SHORTEST * framing.window:
        blocks = lay_out(framing, num_samples=num_samples or ops.shape(waveform)[1], reach=0)
        spectrum = Spectrum.of(blocks.cut(waveform), bins=0)
        frames = _at_full_rate(spectrum, mu, sigma, windows, chosen=ops.ones_like(mu), blocks=blocks)
        return ops.transpose(frames, (1, 2, 0))
    coarsest = max(plan.decimations)
    if any(plan.leaky):
        coarsest = max(coarsest, outside_decimation(framing))
    blocks = lay_out(framing, num_samples=num_samples, reach=SIDE * coarsest)
    bins = max((blocks.length // h for h in plan.decimations if h > 1), default=0)
    spectrum = Spectrum.of(blocks.cut(waveform), bins=bins)
    held = plan.holds(mu=mu, sigma=sigma, width=width)
    chosen = 1.0 - ops.cast(held, mu.dtype)
    frames = _by_groups(spectrum, mu, sigma, windows, plan=plan, blocks=blocks)
    if any(plan.leaky):
        frames = frames + _outside(spectrum, mu, sigma, windows, plan=plan, blocks=blocks, after=frames)
    return ops.where(
        held,
        frames,
        ops.transpose(_at_full_rate(spectrum, mu, sigma, windows, chosen=chosen, blocks=blocks), (1, 2, 0)),
    )


def _at_full_rate(spectrum: Spectrum, mu: Any, sigma: Any, windows: Any, *, chosen: Any, blocks: Blocks) -> Any:
    """Frames (N, batch, frames) of the chosen filters; zeros for the others."""
    kernels, rate = (
        gabor_kernels(mu, sigma, window=blocks.framing.window),
        LowRate.full(blocks),
    )
    return full_band_frames(spectrum.half, kernels, weights=rate.weights(windows), chosen=chosen, rate=rate)


def _by_groups(spectrum: Spectrum, mu: Any, sigma: Any, windows: Any, *, plan: Plan, blocks: Blocks) -> Any:
    """Frames (batch, frames, N), group by group."""
    length, window, groups = blocks.length, blocks.framing.window, _pieces(plan.groups(), blocks)
    members = np.concatenate([some for _, some in groups])
    # Taken on axis 1, as the gradient of `take` on axis 0 is sparse in TensorFlow, and not every optimizer takes that.
    parameters = ops.take(ops.stack([mu, sigma]), members, axis=1)
    windows = masked_windows(ops.transpose(ops.take(ops.transpose(windows), members, axis=1)), blocks)
    bins, counts = [length // h for h, _ in groups], [len(some) for _, some in groups]
    start, middle = spectrum.place(ops.stop_gradient(parameters[0]), bins=np.repeat(bins, counts).tolist())
    offset = minus_bins(parameters[0], middle, length=length)
    taps = baseband_taps(offset, parameters[1], window=window) / length
    real = responses(taps, length=length, bins=bins, counts=counts)
    span, sums, done = Span.of(blocks.framing, [h for h, _ in groups]), [], 0
    kept = _kept(groups, blocks)
    for (decimation, _), count, response, is_kept in zip(groups, counts, real, kept, strict=True):
        here = slice(done, done + count)
        ready, begin = [response], ops.cast(start[here], response.dtype)
        if sums:
            there = _once_there(sums[-1])
            ready[0] = response + there
            begin = begin + ops.stop_gradient(there) if blocks.is_long else begin
        leaky = np.array(plan.leaky)[members[here], None]
        if leaky.any():
            ready[0] = ready[0] * constant(np.where(leaky, inner_share(length // decimation), 1.0), response)
        if window % 2 == 0:
            lone = lone_tap(offset[here], parameters[1][here], window=window, length=length, bins=response.shape[1])
            ready.append(lone / length)
        rate = LowRate(blocks, decimation, span)
        weights = rate.all_weights(windows[here])
        cut, source = spectrum.cut(response.shape[1])
        sums.append(subband_sums(source, cut, begin, ready, weights, rate=rate, is_kept=is_kept))
        done += count
    frames = ops.transpose(assembled(ops.concatenate(sums, axis=0), blocks=blocks, span=span), (1, 2, 0))
    return ops.take(frames, np.argsort(members), axis=2)


def _pieces(groups: list[tuple[float, np.ndarray]], blocks: Blocks) -> list[tuple[float, np.ndarray]]:
    """The groups, in pieces where a long clip's signals of all their filters would be many samples."""
    samples = blocks.count * blocks.length

    def count(h: float, filters: int) -> int:
        return min(filters, math.ceil(filters * samples / (h * PIECE_SAMPLES)))

    return [(h, piece) for h, members in groups for piece in np.array_split(members, count(h, len(members)))]


def _kept(groups: list[tuple[float, np.ndarray]], blocks: Blocks) -> list[bool]:
    """Whether the signals of each group are kept: all of a short clip, of a long one those of the lowest rates."""
    samples = [blocks.count * blocks.length * len(members) / h for h, members in groups]
    return [not blocks.is_long or sum(samples[i:]) <= MOST_KEPT for i in range(len(groups))]


def _outside(spectrum: Spectrum, mu: Any, sigma: Any, windows: Any, *, plan: Plan, blocks: Blocks, after: Any) -> Any:
    """Frames (batch, frames, N) of what the cuts of leaky filters leave outside; zeros for the others."""
    length, framing, leaky = blocks.length, blocks.framing, np.flatnonzero(plan.leaky)
    mu, sigma = ops.unstack(ops.take(ops.stack([mu, sigma]), leaky, axis=1))
    windows = ops.transpose(ops.take(ops.transpose(windows), leaky, axis=1))
    bins = length // np.array(plan.decimations)[leaky]
    _, middle = spectrum.place(ops.stop_gradient(mu), bins=bins.tolist())
    taps = baseband_taps(mu, sigma, window=framing.window) / length
    (response,) = responses(taps, length=length, bins=[length], counts=[len(leaky)])
    decimation = outside_decimation(framing)
    rate, sums = LowRate(blocks, decimation, Span.of(framing, [decimation])), []
    weights = rate.all_weights(masked_windows(windows, blocks))
    # Positive and negative frequencies make two signals of a filter.
    for _, piece in _pieces([(decimation / 2, np.arange(len(leaky)))], blocks):
        here = slice(piece[0], piece[-1] + 1)
        ready = response[here] + _once_there(sums[-1] if sums else after) if blocks.is_long else response[here]
        power = outside_power(spectrum.circle(), ready, middle=middle[here], bins=bins[here], decimation=decimation)
        sums.append(pooled_sums(power, weights[here], rate=rate))
    frames = ops.transpose(assembled(ops.concatenate(sums, axis=0), blocks=blocks, span=rate.span), (1, 2, 0))
    places = np.full(len(plan.leaky), len(leaky))
    places[leaky] = np.arange(len(leaky))
    return ops.take(ops.pad(frames, ((0, 0), (0, 0), (0, 1))), places, axis=2)


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
