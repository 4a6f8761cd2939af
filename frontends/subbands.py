"""Pooled Gabor energies by sub-bands: the clip's spectrum once, then small inverse FFTs at low rates.

For a filter of centre mu and decimation h, with L the buffer's length: the L / h bins around mu are cut out of the
spectrum X, multiplied by the response E(w - mu) of the truncated kernel (real, as the envelope is even), and
taken back to time, which gives y at 1 / h of the rate up to a phase; |y|^2 is pooled there. The cut moves with the
centre in whole bins, without gradient; the rest of the centre is in E, with gradient.
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


def subband_energies(waveform: Any, *, mu: Any, sigma: Any, width: Any, framing: Framing, plan: Plan) -> Any:
    """Energies (batch, frames, N) of waveforms (batch, T) of known T, for parameters in the boxes of `plan`.

    mu [rad/sample] and sigma [samples] are within their bounds; width is the pooling width s; all (N,).
    """
    groups = plan.groups()
    reach = pooling.SIDE * max(h for h, _ in groups)
    blocks = lay_out(framing, num_samples=waveform.shape[1], reach=reach)
    spectrum = ops.rfft(blocks.cut(waveform))
    windows = pooling.gaussian_windows(width, window=framing.window)
    frames = []
    for decimation, members in groups:
        power = subband_power(
            spectrum,
            mu=ops.take(mu, members),
            sigma=ops.take(sigma, members),
            decimation=decimation,
            blocks=blocks,
        )
        frames.append(_frames(power, ops.take(windows, members, axis=0), blocks, decimation))
    order = np.argsort(np.concatenate([members for _, members in groups]))
    return ops.transpose(ops.take(ops.concatenate(frames, axis=1), order, axis=1), (0, 2, 1))


def _frames(power: Any, windows: Any, blocks: Blocks, decimation: int) -> Any:
    """(batch, N, frames): all frames alike, then those at the clip's edges with what is outside masked."""
    framing, total = blocks.framing, blocks.num_frames
    operator = ops.cast(pooling.interpolation(framing.window, decimation), windows.dtype)
    weights = ops.matmul(windows, operator)
    frames = blocks.join(pooling.pool(power, weights=weights, blocks=blocks, decimation=decimation))
    edges = [i for i in range(total) if framing.touches_edge(i, num_samples=blocks.num_samples)]
    if not edges:
        return frames
    masked = {}
    for frame in edges:
        inside = ops.cast(framing.inside(frame, num_samples=blocks.num_samples), windows.dtype)
        weights = ops.matmul(windows * inside, operator)
        masked[frame] = pooling.pool_one(
            power, frame=frame, weights=weights, blocks=blocks, decimation=decimation
        )
    kept = [i for i in range(total) if i not in masked]
    first, last = (kept[0], kept[-1] + 1) if kept else (total, total)
    parts = [masked[i][..., None] for i in range(first)] + [frames[..., first:last]]
    return ops.concatenate(parts + [masked[i][..., None] for i in range(last, total)], axis=-1)


def subband_power(spectrum: tuple[Any, Any], *, mu: Any, sigma: Any, decimation: int, blocks: Blocks) -> Any:
    """|y|^2 at 1 / h of the rate, (buffers, N, length / h), from rfft of the buffers, (real, imaginary)."""
    length = blocks.length
    bins = length // decimation
    center = ops.round(mu * (length / (2.0 * np.pi)))
    offset = mu - center * (2.0 * np.pi / length)
    index = ops.cast(ops.stop_gradient(center), "int32")[:, None] + np.arange(bins, dtype="int32")
    real, imag = (ops.take(part, index, axis=1) for part in _mirrored(spectrum, bins))
    response, lone = kernel_response(
        offset=offset, sigma=sigma, window=blocks.framing.window, length=length, bins=bins
    )
    response = response / length
    y_real, y_imag = real * response, imag * response
    if lone is not None:
        lone = lone / length
        y_real, y_imag = y_real - imag * lone, y_imag + real * lone
    # |ifft(y)| = |fft(conj y)| up to the scale.
    y_real, y_imag = ops.fft((y_real, -y_imag))
    return ops.square(y_real) + ops.square(y_imag)


def _mirrored(spectrum: tuple[Any, Any], bins: int) -> tuple[Any, Any]:
    """The spectrum from bin -(bins // 2) to length / 2 + bins - bins // 2, by its conjugate symmetry."""
    below, above = bins // 2, bins - bins // 2
    real, imag = spectrum
    last = real.shape[1] - 1

    def extend(part: Any, sign: float) -> Any:
        low = ops.flip(part[:, 1 : below + 1], axis=1) * sign
        high = ops.flip(part[:, last - above : last], axis=1) * sign
        return ops.concatenate([low, part, high], axis=1)

    return extend(real, 1.0), extend(imag, -1.0)


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
    sigma, offset = sigma[:, None], offset[:, None]
    envelope = ops.exp(-ops.square(tau / sigma) / 2.0) / (np.sqrt(2.0 * np.pi) * sigma)
    taps = envelope * ops.cast(count, sigma.dtype)
    cosines, sines = (ops.cast(part, sigma.dtype) for part in _waves(half, length, bins // 2 + 1))
    even = ops.matmul(taps * ops.cos(offset * tau), cosines)
    odd = ops.matmul(taps * ops.sin(offset * tau), sines)
    response = _two_sided(even - odd, even + odd, bins)
    if window % 2:
        return response, None
    angle = ops.cast(np.arange(bins) - bins // 2, sigma.dtype) * (2.0 * np.pi / length) - offset
    return response, -envelope[:, -1:] * ops.sin(angle * half)


def _two_sided(negative: Any, positive: Any, bins: int) -> Any:
    """Bins -(bins // 2) ... bins - bins // 2 - 1 from the values at 0, -1, -2 ... and 0, 1, 2 ..."""
    return ops.concatenate([ops.flip(negative[:, 1:], axis=1), positive[:, : bins - bins // 2]], axis=1)


@lru_cache(maxsize=32)
def _waves(half: int, length: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2 pi m t / length, (half + 1, bins)."""
    phase = np.outer(np.arange(half + 1), np.arange(bins)) % length * (2.0 * np.pi / length)
    return np.cos(phase).astype("float32"), np.sin(phase).astype("float32")


def full_band_energies(waveform: Any, *, mu: Any, sigma: Any, width: Any, framing: Framing) -> Any:
    """As `subband_energies`, for any parameters and any T, also one known only at run time; slow.

    One filter after another goes through an FFT convolution at the full rate.
    """
    num_samples = waveform.shape[1]
    num_samples = ops.shape(waveform)[1] if num_samples is None else num_samples
    blocks = lay_out(framing, num_samples=num_samples, reach=0)
    buffers = blocks.cut(waveform)
    spectrum = ops.fft((buffers, ops.zeros_like(buffers)))
    windows = pooling.gaussian_windows(width, window=framing.window)
    inside = _inside(blocks, buffers.dtype)

    def energies(parameters: tuple[Any, Any, Any]) -> Any:
        mu_n, sigma_n, window_n = parameters
        power = _full_band_power(spectrum, mu=mu_n, sigma=sigma_n, blocks=blocks)
        power = ops.reshape(ops.reshape(power, (-1, blocks.count, blocks.length)) * inside, (-1, 1, blocks.length))
        pooled = pooling.pool(power, weights=window_n[None], blocks=blocks, decimation=1)
        return blocks.join(pooled)[:, 0]

    return ops.transpose(ops.map(energies, (mu, sigma, windows)), (1, 2, 0))


def _full_band_power(spectrum: tuple[Any, Any], *, mu: Any, sigma: Any, blocks: Blocks) -> Any:
    """|y|^2 at every sample of the buffers, (buffers, length), for one filter."""
    taps = gabor_taps(blocks.framing.window)
    t = ops.cast(taps, sigma.dtype)
    envelope = ops.exp(-ops.square(t / sigma) / 2.0) / (np.sqrt(2.0 * np.pi) * sigma)
    negative = -int(taps[0])
    gap = ops.zeros((blocks.length - len(taps),), sigma.dtype)

    def wrapped(kernel: Any) -> Any:
        return ops.concatenate([kernel[negative:], gap, kernel[:negative]])

    k_real, k_imag = ops.fft((wrapped(envelope * ops.cos(mu * t)), wrapped(envelope * ops.sin(mu * t))))
    real, imag = spectrum
    # Correlation: y = ifft(X conj(K)) = conj(fft(conj(X) K)) / length.
    y_real, y_imag = ops.fft((real * k_real + imag * k_imag, real * k_imag - imag * k_real))
    return (ops.square(y_real) + ops.square(y_imag)) / blocks.length**2


def _inside(blocks: Blocks, dtype: str) -> Any:
    """1 where a sample of a buffer lies inside the clip, else 0; (count, length)."""
    hop = blocks.frames * blocks.framing.stride
    first = blocks.lead * blocks.framing.stride + blocks.framing.lead(blocks.num_samples)
    position = ops.arange(blocks.count)[:, None] * hop + np.arange(blocks.length)[None, :] - first
    if isinstance(blocks.count, int) and blocks.count == 1:
        position = position % blocks.length
    return ops.cast(ops.logical_and(position >= 0, position < blocks.num_samples), dtype)
