"""Pooled band powers, with gradients written by hand: one complex pass forwards, one backwards, and little is kept.

With z = fft(i conj(X E)), a band's time signal up to conjugation and scale, and q = |z|^2, the gradient of a loss at
Y = X E is v = fft(i conj(2 z dq)); then dE = conj(X) v, summed over clips, and dX = conj(E) v, summed over filters.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from frontends.cuts import BlockCut, WholeCut
from frontends.edges import all_power_gradient, edge_frames, edge_weights_gradient, regions
from frontends.lowrate import LowRate
from frontends.overlap import stride_sums, weights_gradient
from frontends.pairs import Pair, scaled, square, swapped, times


def subband_sums(
    source: Pair,
    cut: WholeCut | BlockCut,
    start: Any,
    responses: list[Any],
    weights: Any,
    *,
    rate: LowRate,
    is_kept: bool,
) -> Any:
    """What `overlap.assembled` makes frames of, for bands that are cut out of a spectrum.

    Args:
      source: the spectrum, (buffers, bins).
      cut: how the bins around each filter's centre are taken out of it.
      start: where each filter's begin, see `Spectrum.place`, (N,).
      responses: at those bins, each (N, bins): the real part, and the imaginary part where there is one.
      weights: of the whole window and of those of the frames at edges, (N, 1 + edges, rows, per_stride).
      rate: where the frames are.
      is_kept: whether the signals are kept for the gradient, or computed again.

    Returns:
      (N, rows + 1, buffers * strides): the sums by stride of the whole window, as if the signal went on behind the
      clip's edges; in the last row the frames at the edges, pooled inside the clip.
    """
    at_edges = [region.weights(weights) for region in regions(rate)]

    @ops.custom_gradient
    def sums(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        real, imag, start_, main, *others = tensors
        edges, responses_ = others[: len(at_edges)], others[len(at_edges) :]

        def analysed(begin: Any, filters: list[Any]) -> tuple[Pair, Pair]:
            """The bins of each band, and its signal."""
            bins = cut.take((real, imag), begin)
            return bins, ops.fft(swapped(_filtered(bins, filters)))

        bins, signal = analysed(start_, responses_)
        power = square(signal)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, ...]:
            upstream = upstreams[0] if upstream is None else upstream
            bins_, signal_ = bins, signal
            if not is_kept:
                bins_, signal_ = analysed(_later(start_, upstream), [_later(each, upstream) for each in responses_])
            # Squared again: kept, it would be a third of what is; the bins of several buffers another.
            hurried = is_kept and rate.blocks.is_long
            again = square((_later(signal_[0], upstream), _later(signal_[1], upstream)) if hurried else signal_)
            d_main = weights_gradient(again, upstream[:, :-1], main)
            d_edges = edge_weights_gradient(again, upstream[:, -1:], rate)
            d_power = all_power_gradient(upstream, 2.0 * main, [2.0 * each for each in edges], rate)
            v = ops.fft(swapped(scaled(signal_, d_power)))
            if is_kept and rate.blocks.count > 1:
                bins_ = cut.take((real, imag), _later(start_, v[0]))
            d_responses = _responses_gradient(bins_, v, len(responses_))
            d_cut = _filtered(v, [responses_[0], *(-each for each in responses_[1:])])
            if isinstance(cut, WholeCut):
                d_cut = tuple(ops.sum(part, axis=0, keepdims=True) for part in d_cut)
            d_source = cut.transpose(d_cut, start_)
            return (*d_source, ops.zeros_like(start_), d_main, *d_edges, *d_responses)

        return ops.concatenate([stride_sums(power, main), edge_frames(power, edges, rate)], axis=1), gradient

    return sums(*source, ops.cast(start, weights.dtype), weights[:, 0], *at_edges, *responses)


def pooled_sums(power: Any, weights: Any, *, rate: LowRate) -> Any:
    """What `subband_sums` returns, from the power itself, (N, buffers, samples)."""
    at_edges = [region.weights(weights) for region in regions(rate)]
    return ops.concatenate([stride_sums(power, weights[:, 0]), edge_frames(power, at_edges, rate)], axis=1)


def _later(value: Any, than: Any) -> Any:
    """The value, once `than` (..., three axes) is there: else a graph computes at once what is needed late."""
    first = than[0, 0, 0]
    return value + ops.cast(ops.logical_and(first > 0.0, first < 0.0), value.dtype)


def _filtered(value: Pair, responses: list[Any]) -> Pair:
    """X E, with E real where it has one part."""
    parts = [response[:, None] for response in responses]
    return scaled(value, parts[0]) if len(parts) == 1 else times(value, (parts[0], parts[1]))


def _responses_gradient(cut: Pair, v: Pair, count: int) -> list[Any]:
    """Real part, and where asked for the imaginary part, of conj(X) v summed over clips."""
    real = cut[0] * v[0] + cut[1] * v[1]
    return [ops.sum(part, axis=1) for part in (real, cut[0] * v[1] - cut[1] * v[0])[:count]]
