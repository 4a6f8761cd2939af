"""Filter mathematics in NumPy float64: mel triangles, Gabor parameters and kernels.

Symbols: sr sample rate [Hz], N filters, K window [samples], mu centre [rad/sample], sigma standard
deviation of a Gabor filter's envelope [samples].
"""

from typing import Any

import numpy as np

from frontends.scales import ScaleName, band_edges, hz_to_mel

REFERENCE_FFT = 512


def check_band(*, sample_rate: int, num_filters: int, min_hz: float, max_hz: float) -> None:
    """Refuse bands that are empty or reach above the Nyquist frequency."""
    if num_filters < 1:
        raise ValueError(f"Rule: `num_filters` >= 1. Received: num_filters={num_filters!r}.")
    if not 0 <= min_hz < max_hz:
        raise ValueError(f"Rule: 0 <= `min_hz` < `max_hz`. Received: min_hz={min_hz!r}, max_hz={max_hz!r}.")
    if max_hz > sample_rate / 2:
        raise ValueError(
            f"Rule: `max_hz` <= sample_rate / 2 = {sample_rate / 2:g} Hz. Received: max_hz={max_hz!r} at "
            f"sample_rate={sample_rate!r}. Pass a lower one, e.g. max_hz={0.4875 * sample_rate:g}."
        )


def mel_matrix(*, num_filters: int, sample_rate: int, num_fft: int, min_hz: float, max_hz: float) -> np.ndarray:
    """Mel triangles, (num_fft // 2 + 1, N): linear in mel, peak 1, N + 2 equally spaced edges, no DC."""
    edges = np.linspace(hz_to_mel(min_hz), hz_to_mel(max_hz), num_filters + 2)
    mel = hz_to_mel(np.linspace(0.0, sample_rate / 2, num_fft // 2 + 1))[:, None]
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((mel - lower) / (center - lower), (upper - mel) / (upper - center)))
    weights[0] = 0.0
    return weights


def mel_fft_length(*, num_filters: int, sample_rate: int, window: int, min_hz: float, max_hz: float) -> int:
    """The smallest power of two that holds the window and leaves no mel band without a bin."""
    num_fft = 1 << (window - 1).bit_length()
    while (
        not mel_matrix(num_filters=num_filters, sample_rate=sample_rate, num_fft=num_fft, min_hz=min_hz, max_hz=max_hz)
        .any(axis=0)
        .all()
    ):
        num_fft *= 2
    return num_fft


def sigma_bounds(window: int) -> tuple[float, float]:
    """Bounds of sigma [samples], 4 sqrt(2 ln 2) / pi and K sqrt(2 ln 2) / pi: FWHM in [2 pi / K, pi / 2]."""
    half = np.sqrt(2.0 * np.log(2.0)) / np.pi
    return float(4.0 * half), float(window * half)


def initial_gabor(
    *, scale: ScaleName, num_filters: int, sample_rate: int, window: int, min_hz: float, max_hz: float, seed: int = 0
) -> np.ndarray:
    """Initial Gabor parameters, (N, 2): mu [rad/sample] and sigma [samples].

    On the mel scale each filter copies a mel band: its centre is the band's highest bin, its full width at half
    maximum the number of bins whose amplitude (square root of the triangle) is at least half the highest. The
    reference reads them off a 512-point FFT; that is kept while it gives usable filters. Where it gives equal centres
    or bands of no bin (more filters, higher rates), the FFT is lengthened until the narrowest band spans
    several bins. Those sigmas are clipped to `sigma_bounds`; the reference's own are left to the forward clip.

    On the other scales (`seed` is for "random") the same in closed form: N + 2 edges, mu at the middle of three,
    full width at half maximum 3 / 4 of the outer two's distance; sigma clipped to `sigma_bounds`.
    """
    check_band(sample_rate=sample_rate, num_filters=num_filters, min_hz=min_hz, max_hz=max_hz)
    if scale == "mel":
        return _gabor_from_mel(
            num_filters=num_filters, sample_rate=sample_rate, window=window, min_hz=min_hz, max_hz=max_hz
        )
    edges = band_edges(scale, count=num_filters + 2, min_hz=min_hz, max_hz=max_hz, seed=seed)
    edges = edges * (2.0 * np.pi / sample_rate)
    sigma = 2.0 * np.sqrt(2.0 * np.log(2.0)) / (0.75 * (edges[2:] - edges[:-2]))
    return np.stack([edges[1:-1], np.clip(sigma, *sigma_bounds(window))], axis=1)


def _gabor_from_mel(*, window: int, **band: float) -> np.ndarray:
    num_fft = _gabor_fft_length(**band)
    parameters = _read_off_mel(num_fft=num_fft, **band)
    if num_fft > REFERENCE_FFT:
        parameters[:, 1] = np.clip(parameters[:, 1], *sigma_bounds(window))
    return parameters


def _gabor_fft_length(**band: Any) -> int:
    num_fft, fewest = REFERENCE_FFT, 0
    while not _usable(_read_off_mel(num_fft=num_fft, **band), num_fft=num_fft, fewest=fewest):
        num_fft, fewest = 2 * num_fft, 3
    return num_fft


def _read_off_mel(*, num_fft: int, **band: float) -> np.ndarray:
    amplitude = np.sqrt(mel_matrix(num_fft=num_fft, **band))
    bins = (amplitude >= 0.5 * amplitude.max(axis=0)).sum(axis=0)
    empty = amplitude.max(axis=0) == 0.0
    mu = np.argmax(amplitude, axis=0) * 2.0 * np.pi / num_fft
    sigma = np.sqrt(2.0 * np.log(2.0)) * num_fft / (np.pi * bins)
    return np.stack([np.where(empty, 0.0, mu), sigma], axis=1)


def _bins(parameters: np.ndarray, num_fft: int) -> np.ndarray:
    return np.sqrt(2.0 * np.log(2.0)) * num_fft / (np.pi * parameters[:, 1])


def _usable(parameters: np.ndarray, *, num_fft: int, fewest: int) -> bool:
    mu = parameters[:, 0]
    return bool(mu[0] > 0.0 and (np.diff(mu) > 0.0).all() and _bins(parameters, num_fft).min() >= fewest)


def gabor_taps(window: int) -> np.ndarray:
    """Times t of a kernel's taps, -(K // 2) ... ceil(K / 2) - 1."""
    return np.arange(window) - window // 2


def gabor_kernels(*, mu: np.ndarray, sigma: np.ndarray, window: int) -> np.ndarray:
    """Complex kernels (N, K): exp(i mu t) exp(-t^2 / (2 sigma^2)) / (sqrt(2 pi) sigma)."""
    t = gabor_taps(window)
    mu, sigma = np.asarray(mu, np.float64)[:, None], np.asarray(sigma, np.float64)[:, None]
    envelope = np.exp(-(t**2) / (2.0 * sigma**2)) / (np.sqrt(2.0 * np.pi) * sigma)
    return envelope * np.exp(1j * mu * t)


def time_domain_kernels(
    *, scale: ScaleName, num_filters: int, sample_rate: int, window: int, min_hz: float, max_hz: float, seed: int = 0
) -> np.ndarray:
    """Complex kernels (N, K) that time-domain filterbanks start from: Gabor filters with the energies of bands.

    g_n(t) sqrt(2 sqrt(pi) sigma_n A_n), with mu and sigma of `initial_gabor`; A_n is the area under the band
    [rad/sample], and the energy of the kernel where its window does not cut it. On the mel scale A is read off
    the bins as the reference does, (highest weight) (number of bins > 0, and 2) pi / num_fft; on the others it is
    that of the triangle, half the distance of its outer edges.
    """
    band: dict[str, Any] = {
        "num_filters": num_filters,
        "sample_rate": sample_rate,
        "min_hz": min_hz,
        "max_hz": max_hz,
    }
    mu, sigma = initial_gabor(scale=scale, window=window, seed=seed, **band).T
    if scale == "mel":
        num_fft = _gabor_fft_length(**band)
        matrix = mel_matrix(num_fft=num_fft, **band)
        area = matrix.max(axis=0) * ((matrix > 0.0).sum(axis=0) + 2) * np.pi / num_fft
    else:
        edges = band_edges(scale, count=num_filters + 2, min_hz=min_hz, max_hz=max_hz, seed=seed)
        area = (edges[2:] - edges[:-2]) * np.pi / sample_rate
    gain = np.sqrt(2.0 * np.sqrt(np.pi) * sigma * area)
    return gabor_kernels(mu=mu, sigma=sigma, window=window) * gain[:, None]


def time_domain_lowpass(window: int) -> np.ndarray:
    """The low-pass (K,) that time-domain filterbanks start from, a squared Hann window, one sample late.

    (0.5 - 0.5 cos(2 pi (k - 1) / (K - 1)))^2: the reference's index is off by one, and is kept.
    """
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(window) - 1) / (window - 1))) ** 2


def hamming(window: int) -> np.ndarray:
    """The window of SincNet's kernels (K,): 0.54 - 0.46 cos(2 pi k / K), of period K."""
    return 0.54 - 0.46 * np.cos(2.0 * np.pi * np.arange(window) / window)
