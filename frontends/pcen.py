"""Per-channel energy normalisation with learned parameters, and no scan over frames."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from frontends.bounds import Bounded, bounded

PCEN_FLOOR = 1e-12
SMALLEST_DELTA = 1e-4  # delta ** (1 / root) has an infinite gradient at zero, and is NaN below
CHUNK = 32


@keras.saving.register_keras_serializable(package="leafworks")
class PCEN(keras.layers.Layer):
    """Per-channel energy normalisation with four learned parameters a channel (the LEAF paper's sPCEN).

        M_0 = x_0,   M_t = s x_t + (1 - s) M_{t-1}
        y_t = (x_t / (1e-12 + M_t)^alpha + delta)^(1 / root) - delta^(1 / root)

    alpha <= 1, root >= 1 and 0 <= s <= 1 hold in the forward pass; after an update the weights are projected
    to 0 <= alpha <= 1, root >= 1, 0 <= s <= 1, delta >= 1e-4, where y and its gradients are finite. Gradients
    are not cut at a bound. M is computed by lower-triangular matrices of powers of 1 - s, not by a scan. The
    arithmetic is float32 (float64 under that policy); the output has the layer's compute dtype.

    Args:
      alpha: float, initial gain exponent. Defaults to 0.96.
      delta: float, initial bias. Defaults to 2.0.
      root: float, initial root. Defaults to 2.0.
      smooth: float, initial smoothing coefficient s a frame. Defaults to 0.04.
      learn_smooth: bool, whether s is learned: yes is sPCEN, no is PCEN with learned gain. Defaults to True.

    Input shape: (batch, frames, channels), energies >= 0. Output shape: the same.

    Source: sPCEN of LEAF (Zeghidour et al., ICLR 2021), as its code computes it; PCEN is from Wang et al., 2017.

    Example:
        >>> tuple(PCEN()(np.ones((2, 100, 40), "float32")).shape)
        (2, 100, 40)
    """

    def __init__(
        self,
        *,
        alpha: float = 0.96,
        delta: float = 2.0,
        root: float = 2.0,
        smooth: float = 0.04,
        learn_smooth: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.initial = {"alpha": alpha, "delta": delta, "root": root, "smooth": smooth}
        self.learn_smooth = learn_smooth

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create alpha, delta, root and smooth, one a channel."""
        bounds = {
            "alpha": Bounded(0.0, 1.0),
            "delta": Bounded(SMALLEST_DELTA, None),
            "root": Bounded(1.0, None),
            "smooth": Bounded(0.0, 1.0),
        }
        for name, constraint in bounds.items():
            weight = self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=keras.initializers.Constant(self.initial[name]),
                constraint=constraint,
                trainable=self.learn_smooth or name != "smooth",
            )
            setattr(self, name, weight)

    def call(self, energies: Any) -> Any:
        """Normalise energies (batch, frames, channels)."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        energies = ops.cast(energies, dtype)
        alpha, delta, root, smooth = (
            ops.cast(weight, dtype) for weight in (self.alpha, self.delta, self.root, self.smooth)
        )
        smoother = smoothed(energies, bounded(smooth, lower=0.0, upper=1.0))
        gain = ops.exp(-bounded(alpha, upper=1.0) * ops.log(PCEN_FLOOR + smoother))
        delta = bounded(delta, lower=SMALLEST_DELTA)
        exponent = 1.0 / bounded(root, lower=1.0)
        # exp(p ln x) rather than x^p: its gradient needs neither again.
        raised = ops.exp(exponent * ops.log(energies * gain + delta))
        compressed = raised - ops.exp(exponent * ops.log(delta))
        return ops.cast(compressed, self.compute_dtype)

    def effective_parameters(self) -> dict[str, np.ndarray]:
        """alpha, delta, root and smooth, (channels,), as the forward pass uses them."""
        limits = {"alpha": (None, 1.0), "delta": (SMALLEST_DELTA, None), "root": (1.0, None), "smooth": (0.0, 1.0)}
        return {
            name: np.clip(np.float64(getattr(self, name).numpy()), low, high) for name, (low, high) in limits.items()
        }

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments the layer was made with."""
        return {**super().get_config(), **self.initial, "learn_smooth": self.learn_smooth}


def smoothed(energies: Any, smooth: Any) -> Any:
    """M_0 = x_0, M_t = s x_t + (1 - s) M_{t-1}, for x (batch, frames, channels) and s (channels,).

    Its gradient is the same recurrence backwards in time: l_t = dM_t + (1 - s) l_{t+1}.
    """
    if energies.shape[1] == 0:
        return energies

    @ops.custom_gradient
    def smoother(x: Any, s: Any) -> tuple[Any, Callable[..., Any]]:
        by_channel = ops.transpose(x, (2, 0, 1))
        decay, weight, first = 1.0 - s, s[:, None, None], by_channel[:, :, :1]
        start = ops.sum(first, axis=2)  # of no frames, too
        state = _recurrence(by_channel * weight, decay=decay, state=start)

        def gradient(*upstreams: Any, upstream: Any = None) -> tuple[Any, Any]:
            upstream = upstreams[0] if upstream is None else upstream
            backwards = ops.transpose(ops.flip(upstream, axis=1), (2, 0, 1))
            adjoint = ops.flip(_recurrence(backwards, decay=decay, state=ops.zeros_like(start)), axis=2)
            before = ops.concatenate([first, state[:, :, :-1]], axis=2)
            # At t = 0 the input counts whole, whatever s.
            d_x = ops.concatenate([adjoint[:, :, :1], weight * adjoint[:, :, 1:]], axis=2)
            return ops.transpose(d_x, (1, 2, 0)), ops.sum(adjoint * (by_channel - before), axis=(1, 2))

        return ops.transpose(state, (1, 2, 0)), gradient

    return smoother(energies, smooth)


def _recurrence(inputs: Any, *, decay: Any, state: Any) -> Any:
    """m_t = u_t + a m_{t-1}, m_{-1} = state: u (channels, batch, frames), a (channels,), state (channels, batch)."""
    frames = inputs.shape[2]
    if frames is None:
        return _chunked(inputs, decay=decay, state=state, frames=ops.shape(inputs)[2])
    if frames <= CHUNK:
        powers = _powers(decay, frames + 1)
        return ops.matmul(inputs, _upper_triangle(powers, frames)) + state[:, :, None] * powers[:, None, 1:]
    return _chunked(inputs, decay=decay, state=state, frames=frames)


def _chunked(inputs: Any, *, decay: Any, state: Any, frames: Any) -> Any:
    """The recurrence inside chunks of frames, and the same recurrence again over the chunks' last values."""
    channels, batch = inputs.shape[0], ops.shape(inputs)[1]
    chunks = (frames + CHUNK - 1) // CHUNK
    padding = ops.zeros((channels, batch, chunks * CHUNK - frames), inputs.dtype)
    inputs = ops.reshape(ops.concatenate([inputs, padding], axis=2), (channels, batch * chunks, CHUNK))
    powers = _powers(decay, CHUNK + 1)
    within = ops.reshape(ops.matmul(inputs, _upper_triangle(powers, CHUNK)), (channels, batch, chunks, CHUNK))
    across = _recurrence if isinstance(chunks, int) else _dense_recurrence
    ends = across(within[..., -1], decay=powers[:, -1], state=state)
    before = ops.concatenate([state[:, :, None], ends[:, :, :-1]], axis=2)
    values = within + before[..., None] * powers[:, None, None, 1:]
    return ops.reshape(values, (channels, batch, chunks * CHUNK))[:, :, :frames]


def _dense_recurrence(inputs: Any, *, decay: Any, state: Any) -> Any:
    """The recurrence as one matrix whose size is known only at run time."""
    steps = ops.arange(ops.shape(inputs)[2])
    lag = steps[None, :] - steps[:, None]
    # A zero to the power zero has a NaN gradient.
    decay = ops.maximum(decay, 1e-30)[:, None, None]
    powers = ops.power(decay, ops.cast(ops.maximum(lag, 0), inputs.dtype))
    matrix = powers * ops.cast(lag >= 0, inputs.dtype)
    from_state = ops.power(decay[:, 0], ops.cast(steps + 1, inputs.dtype))
    return ops.matmul(inputs, matrix) + state[:, :, None] * from_state[:, None, :]


def _powers(decay: Any, count: int) -> Any:
    """a^0 ... a^(count - 1), (channels, count); nothing takes its gradient, which at a = 0 would be NaN."""
    return ops.power(decay[:, None], np.arange(count, dtype="float32"))


def _upper_triangle(powers: Any, size: int) -> Any:
    """(channels, size, size): a^(t - u) at row u and column t >= u, else zero."""
    lag = np.arange(size)[None, :] - np.arange(size)[:, None]
    padded = ops.pad(powers[:, :size], ((0, 0), (1, 0)))
    return ops.take(padded, np.maximum(lag + 1, 0), axis=1)
