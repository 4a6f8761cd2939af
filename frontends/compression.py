"""Compression of band energies: the logarithm, and PCEN with learned parameters and no scan over frames."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from frontends.bounds import Bounded, bounded

LOG_OFFSET = 1e-5
PCEN_FLOOR = 1e-12
SMALLEST_DELTA = 1e-4  # delta ** (1 / root) has an infinite gradient at zero, and is NaN below
CHUNK = 32


def log_compress(energies: Any) -> Any:
    """ln(x + 1e-5)."""
    return ops.log(energies + LOG_OFFSET)


def make_compression(compression: str | None, *, dtype: Any) -> Callable[[Any], Any]:
    """The compression of that name, new: "log", "pcen" or None for none."""
    if compression == "pcen":
        return PCEN(dtype=dtype, name="pcen")
    if compression == "log":
        return log_compress
    if compression is None:
        return _identity
    raise ValueError(f'Rule: `compression` is "log", "pcen" or None. Received: compression={compression!r}.')


def _identity(energies: Any) -> Any:
    return energies


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
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.initial = {"alpha": alpha, "delta": delta, "root": root, "smooth": smooth}

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
        compressed = ops.power(energies * gain + delta, exponent) - ops.power(delta, exponent)
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
        return {**super().get_config(), **self.initial}


def smoothed(energies: Any, smooth: Any) -> Any:
    """M_0 = x_0, M_t = s x_t + (1 - s) M_{t-1}, for x (batch, frames, channels) and s (channels,)."""
    if energies.shape[1] == 0:
        return energies
    by_channel = ops.transpose(energies, (2, 0, 1))
    decay = 1.0 - smooth
    inputs = by_channel * smooth[:, None, None]
    return ops.transpose(_recurrence(inputs, decay=decay, state=by_channel[:, :, 0]), (1, 2, 0))


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
    """a^0 ... a^(count - 1), (channels, count): by doubling, whose gradient is right at a = 0 too."""
    powers, square = ops.ones_like(decay)[:, None], decay[:, None]
    while powers.shape[1] < count:
        powers = ops.concatenate([powers, powers * square], axis=1)
        square = square * square
    return powers[:, :count]


def _upper_triangle(powers: Any, size: int) -> Any:
    """(channels, size, size): a^(t - u) at row u and column t >= u, else zero."""
    lag = np.arange(size)[None, :] - np.arange(size)[:, None]
    padded = ops.pad(powers[:, :size], ((0, 0), (1, 0)))
    return ops.take(padded, np.maximum(lag + 1, 0), axis=1)
