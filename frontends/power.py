"""Pooled band powers, with gradients written by hand: one complex pass forwards, one backwards, and little is kept.

With z = fft(conj(X E)), a band's time signal up to conjugation and scale, and q = |z|^2, the gradient of a loss at
Y = X E is v = fft(conj(2 z dq)); then dE = conj(X) v, summed over clips, and dX = conj(E) v, summed over filters.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from frontends.edges import all_power_gradient, edge_frames, edge_weights_gradient, regions
from frontends.lowrate import LowRate
from frontends.overlap import stride_sums, weights_gradient
from frontends.pairs import Pair, conjugate, scaled, square, times


def subband_sums(cut: Pair, responses: list[Any], weights: Any, *, rate: LowRate) -> Any:
    """What `overlap.assembled` makes frames of, for bands that are cut out of a spectrum.

    Args:
      cut: bins around each filter's centre, (N or 1, buffers, bins).
      responses: at those bins, each (N, bins): the real part, and the imaginary part where there is one.
      weights: of the whole window and of those of the frames at edges, (N, 1 + edges, rows, per_stride).
      rate: where the frames are.

    Returns:
      (N, rows + 1, buffers * strides): the sums by stride of the whole window, as if the signal went on behind the
      clip's edges; in the last row the frames at the edges, pooled inside the clip.
    """
    at_edges = [region.weights(weights) for region in regions(rate)]

    @ops.custom_gradient
    def sums(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        real, imag, main, *others = tensors
        cut_, edges, responses_ = (real, imag), others[: len(at_edges)], others[len(at_edges) :]
        signal = ops.fft(conjugate(_filtered(cut_, responses_)))
        power = square(signal)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = upstreams[0] if upstream is None else upstream
            again = square(signal)  # kept, it would be a third of what is
            d_main = weights_gradient(again, upstream[:, :-1], main)
            d_edges = edge_weights_gradient(again, upstream[:, -1:], rate)
            d_power = all_power_gradient(upstream, 2.0 * main, [2.0 * each for each in edges], rate)
            v = ops.fft(conjugate(scaled(signal, d_power)))
            d_cut = _filtered(v, [responses_[0], *(-each for each in responses_[1:])])
            if real.shape[0] < main.shape[0]:
                d_cut = tuple(ops.sum(part, axis=0, keepdims=True) for part in d_cut)
            return (*d_cut, d_main, *d_edges, *_responses_gradient(cut_, v, len(responses_)))

        return ops.concatenate([stride_sums(power, main), edge_frames(power, edges, rate)], axis=1), gradient

    return sums(*cut, weights[:, 0], *at_edges, *responses)


def _filtered(value: Pair, responses: list[Any]) -> Pair:
    """X E, with E real where it has one part."""
    parts = [response[:, None] for response in responses]
    return scaled(value, parts[0]) if len(parts) == 1 else times(value, (parts[0], parts[1]))


def _responses_gradient(cut: Pair, v: Pair, count: int) -> list[Any]:
    """Real part, and where asked for the imaginary part, of conj(X) v summed over clips."""
    real = cut[0] * v[0] + cut[1] * v[1]
    return [ops.sum(part, axis=1) for part in (real, cut[0] * v[1] - cut[1] * v[0])[:count]]
