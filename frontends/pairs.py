"""Complex numbers as pairs of real tensors, real and imaginary parts, as Keras has them."""

from typing import Any

from keras import ops

Pair = tuple[Any, Any]


def conjugate(value: Pair) -> Pair:
    """Complex conjugates."""
    return value[0], -value[1]


def swapped(value: Pair) -> Pair:
    """i times the complex conjugates: they without a change of sign."""
    return value[1], value[0]


def times(a: Pair, b: Pair) -> Pair:
    """Products."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def scaled(value: Pair, by: Any) -> Pair:
    """Products with real numbers."""
    return value[0] * by, value[1] * by


def square(value: Pair) -> Any:
    """|z|^2."""
    return ops.square(value[0]) + ops.square(value[1])


def mirrored(half: Pair, *, first: int, last: int) -> Pair:
    """The bins -last ... -first of the spectra of real signals, from their bins 0 ... (rows, bins)."""
    real, imag = (ops.flip(part[:, first : last + 1], axis=1) for part in half)
    return real, -imag


def side_by_side(*values: Pair) -> Pair:
    """One behind the other along axis 1."""
    real, imag = (ops.concatenate(parts, axis=1) for parts in zip(*values, strict=True))
    return real, imag
