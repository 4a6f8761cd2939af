"""Pooled Gabor energies by sub-bands: the clip's spectrum once, then small inverse FFTs at low rates.

For a filter of centre mu and decimation h, with L the buffer's length: L / h bins around mu are cut out of the
spectrum X, multiplied by the response E(w - mu) of the truncated kernel (real, as the envelope is even), and
taken back to time, which gives y at 1 / h of the rate up to a phase; |y|^2 is pooled there. The cut moves with the
centre in blocks of bins, without gradient; the rest of the centre is in E, with gradient.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from keras import ops

from frontends import pooling
from frontends.blocks import Blocks, lay_out
from frontends.filters import gabor_taps
from frontends.framing import Framing
from frontends.plan import Plan
from frontends.spectrum import Complex, Spectrum

FILTERS_AT_ONCE = 16  # on the full-band path


def subband_energies(waveform: Any, *, mu: Any, sigma: Any, width: Any, framing: Framing, plan: Plan) -> Any:
    """Energies (batch, frames, N) of waveforms (batch, T) of known T, for parameters in the boxes of `plan`.

    mu [rad/sample] and sigma [samples] are within their bounds; width is the pooling width s; all (N,).
    """
    groups = plan.groups()
    reach = pooling.SIDE * max(h for h, _ in groups)
    blocks = lay_out(framing, num_samples=waveform.shape[1], reach=reach)
    spectrum = Spectrum.of(blocks.cut(waveform), bins=max((blocks.length // h for h, _ in groups if h > 1), default=0))
    windows = pooling.gaussian_windows(width, window=framing.window)
    frames = []
    for decimation, members in groups:
        parameters = {"mu": ops.take(mu, members), "sigma": ops.take(sigma, members), "blocks": blocks}
        if decimation == 1:
            power = full_band_power(spectrum.full(), **parameters)
        else:
            power = subband_power(spectrum, decimation=decimation, **parameters)
        frames.append(_frames(power, ops.take(windows, members, axis=0), blocks, decimation))
    order = np.argsort(np.concatenate([members for _, members in groups]))
    return ops.transpose(ops.take(ops.concatenate(frames, axis=1), order, axis=1), (0, 2, 1))


def full_band_energies(waveform: Any, *, mu: Any, sigma: Any, width: Any, framing: Framing) -> Any:
    """As `subband_energies`, for any parameters and any T, also one known only at run time; slow.

    A few filters at a time go through an FFT convolution at the full rate.
    """
    num_samples = waveform.shape[1]
    num_samples = ops.shape(waveform)[1] if num_samples is None else num_samples
    blocks = lay_out(framing, num_samples=num_samples, reach=0)
    buffers = blocks.cut(waveform)
    spectrum = ops.fft((buffers, ops.zeros_like(buffers)))
    windows = pooling.gaussian_windows(width, window=framing.window)
    inside = blocks.inside(buffers.dtype)
    frames = []
    for first in range(0, windows.shape[0], FILTERS_AT_ONCE):
        some = slice(first, first + FILTERS_AT_ONCE)
        power = full_band_power(spectrum, mu=mu[some], sigma=sigma[some], blocks=blocks)
        power = ops.reshape(power, (-1, blocks.count, power.shape[1], blocks.length)) * inside[:, None]
        power = ops.reshape(power, (-1, power.shape[2], blocks.length))
        frames.append(blocks.join(pooling.pool(power, weights=windows[some], blocks=blocks, decimation=1)))
    return ops.transpose(ops.concatenate(frames, axis=1), (0, 2, 1))


def _frames(power: Any, windows: Any, blocks: Blocks, decimation: int) -> Any:
    """(batch, N, frames): all frames alike, then those at the clip's edges with what is outside masked."""
    framing, total = blocks.framing, blocks.num_frames
    edges = [i for i in range(total) if framing.touches_edge(i, num_samples=blocks.num_samples)]
    masks = [[True] * framing.window] + [framing.inside(i, num_samples=blocks.num_samples) for i in edges]
    masked = windows[:, None] * ops.cast(np.array(masks), windows.dtype)
    operator = ops.cast(pooling.interpolation(framing.window, decimation), windows.dtype)
    weights = ops.matmul(ops.reshape(masked, (-1, framing.window)), operator)
    weights = ops.reshape(weights, (-1, len(masks), operator.shape[1]))
    layout = {"blocks": blocks, "decimation": decimation}
    frames = blocks.join(pooling.pool(power, weights=weights[:, 0], **layout))
    if not edges:
        return frames
    at_edges = pooling.pool_some(power, frames=edges, weights=weights[:, 1:], **layout)
    first = sum(1 for position, frame in enumerate(edges) if position == frame)  # edges 0 ... first - 1 are in front
    kept = frames[..., first : total - len(edges) + first]
    return ops.concatenate([at_edges[..., :first], kept, at_edges[..., first:]], axis=-1)


def full_band_power(spectrum: Complex, *, mu: Any, sigma: Any, blocks: Blocks) -> Any:
    """|y|^2 at every sample of the buffers, (buffers, N, length), from their full spectrum."""
    taps = gabor_taps(blocks.framing.window)
    t, negative = ops.cast(taps, sigma.dtype), -int(taps[0])
    mu = mu[:, None]
    envelope = _envelope(t, sigma[:, None])
    gap = ops.zeros((sigma.shape[0], blocks.length - len(taps)), sigma.dtype)

    def wrapped(kernel: Any) -> Any:
        return ops.concatenate([kernel[:, negative:], gap, kernel[:, :negative]], axis=1)

    k_real, k_imag = ops.fft((wrapped(envelope * ops.cos(mu * t)), wrapped(envelope * ops.sin(mu * t))))
    real, imag = (part[:, None] for part in spectrum)
    # Correlation: y = ifft(X conj(K)) = conj(fft(conj(X) K)) / length.
    y_real, y_imag = ops.fft((real * k_real + imag * k_imag, real * k_imag - imag * k_real))
    return (ops.square(y_real) + ops.square(y_imag)) / blocks.length**2


def subband_power(spectrum: Spectrum, *, mu: Any, sigma: Any, decimation: int, blocks: Blocks) -> Any:
    """|y|^2 at 1 / h of the rate, (buffers, N, length / h)."""
    length = blocks.length
    bins = length // decimation
    (real, imag), first = spectrum.cut(ops.stop_gradient(mu), bins=bins)
    center = ops.cast(first + bins // 2, mu.dtype) * (2.0 * np.pi / length)
    response, lone = kernel_response(
        offset=mu - center, sigma=sigma, window=blocks.framing.window, length=length, bins=bins
    )
    response = response / length
    y_real, y_imag = real * response, imag * response
    if lone is not None:
        lone = lone / length
        y_real, y_imag = y_real - imag * lone, y_imag + real * lone
    # |ifft(y)| = |fft(conj y)| up to the scale.
    y_real, y_imag = ops.fft((y_real, -y_imag))
    return ops.square(y_real) + ops.square(y_imag)


def kernel_response(*, offset: Any, sigma: Any, window: int, length: int, bins: int) -> tuple[Any, Any]:
    """E(2 pi m / length - offset) of the truncated envelope, for m = -(bins // 2) ..., (N, bins): real, imaginary.

    The imaginary part is None for odd windows; for even ones it comes from the lone tap at -K / 2.
    """
    half = window // 2
    tau = ops.cast(np.arange(half + 1), sigma.dtype)
    count = np.full(half + 1, 2.0)
    count[0] = 1.0
    if window % 2 == 0:
        count[-1] = 1.0
    offset = offset[:, None]
    envelope = _envelope(tau, sigma[:, None])
    taps = envelope * ops.cast(count, sigma.dtype)
    cosines, sines = (ops.cast(part, sigma.dtype) for part in _waves(half, length, bins // 2 + 1))
    even = ops.matmul(taps * ops.cos(offset * tau), cosines)
    odd = ops.matmul(taps * ops.sin(offset * tau), sines)
    negative, positive = even - odd, even + odd
    response = ops.concatenate([ops.flip(negative[:, 1:], axis=1), positive[:, : bins - bins // 2]], axis=1)
    if window % 2:
        return response, None
    angle = ops.cast(np.arange(bins) - bins // 2, sigma.dtype) * (2.0 * np.pi / length) - offset
    return response, -envelope[:, -1:] * ops.sin(angle * half)


def _envelope(t: Any, sigma: Any) -> Any:
    return ops.exp(-ops.square(t / sigma) / 2.0) / (np.sqrt(2.0 * np.pi) * sigma)


@lru_cache(maxsize=16)
def _waves(half: int, length: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2 pi m t / length, (half + 1, bins)."""
    phase = np.outer(np.arange(half + 1), np.arange(bins)) % length * (2.0 * np.pi / length)
    return np.cos(phase), np.sin(phase)
