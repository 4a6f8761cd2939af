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
