"""LEAF and PCEN in float64 NumPy, by direct convolution from the formulas; shares no code with `frontends`."""

import numpy as np


def leaf_energies(
    x: np.ndarray, *, mu: np.ndarray, sigma: np.ndarray, width: np.ndarray, window: int, stride: int
) -> np.ndarray:
    """Pooled energies (batch, frames, N) of x (batch, T), parameters clipped as the LEAF code clips them."""
    upper = window * np.sqrt(2 * np.log(2)) / np.pi
    mu = np.clip(np.float64(mu), 0, np.pi)
    sigma = np.clip(np.float64(sigma), 4 * np.sqrt(2 * np.log(2)) / np.pi, upper)
    width = np.clip(np.float64(width), 2 / window, 0.5)
    t = np.arange(-(window // 2), (window + 1) // 2)
    half = (window - 1) / 2
    position = np.arange(window)
    out = []
    for m, s, w in zip(mu, sigma, width, strict=True):
        kernel = np.exp(1j * m * t) * np.exp(-(t**2) / (2 * s**2)) / (np.sqrt(2 * np.pi) * s)
        weights = np.exp(-0.5 * ((position - half) / (w * half)) ** 2)
        out.append([_pooled(np.abs(_same(row, kernel)) ** 2, weights, stride) for row in np.float64(x)])
    return np.moveaxis(np.array(out), 0, -1)


def _same(row: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Cross-correlation, stride 1, zeros outside: (K - 1) // 2 on the left and K // 2 on the right."""
    size = len(kernel)
    padded = np.concatenate([np.zeros((size - 1) // 2), row, np.zeros(size // 2)])
    # np.convolve would be slow for minutes of audio; an FFT of twice the length is exact to 1e-15.
    length = len(padded) + size
    spectrum = np.fft.fft(padded, length) * np.fft.fft(kernel[::-1], length)
    return np.fft.ifft(spectrum)[size - 1 : size - 1 + len(row)]


def _pooled(power: np.ndarray, weights: np.ndarray, stride: int) -> np.ndarray:
    frames = -(-len(power) // stride)
    total = max((frames - 1) * stride + len(weights) - len(power), 0)
    padded = np.concatenate([np.zeros(total // 2), power, np.zeros(total - total // 2)])
    return np.array([padded[i * stride : i * stride + len(weights)] @ weights for i in range(frames)])


def pcen(x: np.ndarray, *, alpha: np.ndarray, delta: np.ndarray, root: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """PCEN of x (batch, frames, channels), smoother started at the first frame."""
    x, s = np.float64(x), np.clip(np.float64(smooth), 0, 1)
    alpha, power = np.minimum(np.float64(alpha), 1), 1 / np.maximum(np.float64(root), 1)
    smoother = [x[:, 0]]
    for t in range(1, x.shape[1]):
        smoother.append(s * x[:, t] + (1 - s) * smoother[-1])
    gained = x / (1e-12 + np.stack(smoother, axis=1)) ** alpha
    return (gained + delta) ** power - np.float64(delta) ** power


def relative(got: object, wanted: np.ndarray) -> float:
    """Norm of the difference over the norm of what is wanted; 0 where both are 0."""
    difference = np.linalg.norm(np.float64(got) - wanted)
    return float(difference / np.linalg.norm(wanted)) if difference else 0.0


def time_domain_energies(
    x: np.ndarray, *, kernels: np.ndarray, lowpass: np.ndarray, stride: int, padding: str
) -> np.ndarray:
    """Pooled energies (batch, frames, N) of x (batch, T) by complex kernels (N, K) and one low-pass (K,)."""
    power = [[np.abs(_same(row, kernel)) ** 2 for kernel in np.complex128(kernels)] for row in np.float64(x)]
    if padding == "same":
        pooled = [[_pooled(band, np.float64(lowpass), stride) for band in bands] for bands in power]
        return np.moveaxis(np.array(pooled), 1, -1)
    starts = range(0, x.shape[1] - len(lowpass) + 1, stride)
    pooled = [[[band[i : i + len(lowpass)] @ np.float64(lowpass) for i in starts] for band in bands] for bands in power]
    return np.moveaxis(np.array(pooled).reshape(*x.shape[:1], len(kernels), len(starts)), 1, -1)


def sinc_kernels(edges: np.ndarray, *, window: int, sample_rate: int) -> np.ndarray:
    """SincNet's kernels (N, K) as differences of low-passes, over their maximum, under a Hamming window."""
    t = np.arange(-(window // 2), (window + 1) // 2) / sample_rate
    low = np.minimum(50 + np.abs(np.float64(edges[:, :1])), sample_rate / 2 - 50)
    high = np.clip(low + 50 + np.abs(np.float64(edges[:, 1:])), 50, sample_rate / 2)
    bands = 2 * high * np.sinc(2 * high * t) - 2 * low * np.sinc(2 * low * t)
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(window) / window)
    return bands / bands.max(axis=1, keepdims=True) * hamming


def sinc_outputs(x: np.ndarray, *, kernels: np.ndarray, stride: int, width: np.ndarray | None = None) -> np.ndarray:
    """Pooled outputs (batch, frames, N) of x (batch, T): maxima, or sums under Gaussian windows of width (N,)."""
    window = kernels.shape[1]
    half, position = (window - 1) / 2, np.arange(window)
    out = []
    for n, kernel in enumerate(kernels):
        rows = [_same(row, kernel).real for row in np.float64(x)]
        rows = [np.where(row > 0, row, 0.2 * row) for row in rows]
        if width is None:
            out.append([_maxima(row, window, stride) for row in rows])
        else:
            weights = np.exp(-0.5 * ((position - half) / (np.clip(np.float64(width[n]), 2 / window, 0.5) * half)) ** 2)
            out.append([_pooled(row, weights, stride) for row in rows])
    return np.moveaxis(np.array(out), 0, -1)


def _maxima(row: np.ndarray, window: int, stride: int) -> np.ndarray:
    frames = -(-len(row) // stride)
    start = np.arange(frames) * stride - max((frames - 1) * stride + window - len(row), 0) // 2
    return np.array([row[max(i, 0) : i + window].max() for i in start])


def wavegram(x: np.ndarray, weights: list[dict[str, np.ndarray]], *, form: str) -> np.ndarray:
    """Wavegram (batch, frames, 32, 64) or (batch, frames, 64) of x (batch, T), T a multiple of 640, not training.

    weights: of its nine convolutions in order, each with kernel, gamma, beta, moving_mean, moving_variance, epsilon.
    """
    pads = (5, 5) if form == "panns" else (3, 3)
    first, *blocks = weights[:7]
    x = _normalised(_convolved(np.float64(x)[:, :, None], first["kernel"], pads=pads, stride=5), first)
    for i, block in enumerate(blocks):
        dilation = 1 + i % 2
        x = _normalised(_convolved(x, block["kernel"], pads=(dilation, dilation), dilation=dilation), block)
        if dilation == 2:
            times = x.shape[1] // 4
            x = x[:, : 4 * times].reshape(len(x), times, 4, -1).max(axis=2)
    # PyTorch's (batch, 128, T) -> (batch, 4, 32, T), then (batch, T, 32, 4)
    maps = x.transpose(0, 2, 1).reshape(len(x), 4, 32, -1).transpose(0, 3, 2, 1)
    x = maps if form == "panns" else x[:, :, None]
    for block in weights[7:]:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        cut = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = _normalised(np.einsum("btwcij,ijcd->btwd", cut, np.float64(block["kernel"])), block)
    x = x.reshape(len(x), -1, 2, *x.shape[2:]).mean(axis=2)
    return x if form == "panns" else x[:, :, 0]


def _convolved(
    x: np.ndarray, kernel: np.ndarray, *, pads: tuple[int, int], stride: int = 1, dilation: int = 1
) -> np.ndarray:
    padded = np.pad(x, ((0, 0), pads, (0, 0)))
    span = (len(kernel) - 1) * dilation + 1
    cut = np.lib.stride_tricks.sliding_window_view(padded, span, axis=1)[:, ::stride, :, ::dilation]
    return np.einsum("btck,kcd->btd", cut, np.float64(kernel))


def _normalised(x: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    scale = np.float64(weights["gamma"]) / np.sqrt(np.float64(weights["moving_variance"]) + weights["epsilon"])
    return np.maximum((x - weights["moving_mean"]) * scale + weights["beta"], 0)
