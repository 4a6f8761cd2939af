"""LEAF as the original computes it."""

from typing import Any

import tensorflow as tf  # type: ignore[import-untyped]


class Reference:
    """The reference's algorithm: 2 N real kernels of 401 taps at stride 1, squares, Gaussians at stride 160, a scan.

    Written anew for the comparison, after google-research/leaf-audio b130481; its parameters are those of a `Leaf`.
    """

    def __init__(self, leaf: Any) -> None:
        self.trainable_variables = [tf.Variable(weight.numpy()) for weight in leaf.trainable_variables]

    def __call__(self, waveform: Any, training: bool = False) -> Any:
        """Waveforms (batch, samples) at 16 kHz to features (batch, frames, N)."""
        del training
        mu, sigma, width, alpha, delta, root, smooth = self.trainable_variables
        energies = _energies(waveform, mu=mu, sigma=sigma, width=width)
        by_frame = tf.transpose(energies, (1, 0, 2))
        smoother = tf.scan(lambda m, e: smooth * e + (1 - smooth) * m, by_frame, initializer=by_frame[0])
        gained = energies / (1e-12 + tf.transpose(smoother, (1, 0, 2))) ** alpha
        return (gained + delta) ** (1 / root) - delta ** (1 / root)


def _energies(waveform: Any, *, mu: Any, sigma: Any, width: Any) -> Any:
    t = tf.range(-200.0, 201.0)[:, None]
    envelope = tf.exp(-(t**2) / (2 * sigma**2)) / (2.5066283 * sigma)
    kernels = tf.stack([envelope * tf.cos(mu * t), envelope * tf.sin(mu * t)], axis=-1)
    filtered = tf.nn.conv1d(waveform[..., None], tf.reshape(kernels, (401, 1, -1)), 1, "SAME")
    power = tf.square(filtered[..., 0::2]) + tf.square(filtered[..., 1::2])
    window = tf.exp(-0.5 * tf.square(t / (200.0 * width)))
    pooled = tf.nn.depthwise_conv2d(power[:, :, None], window[:, None, :, None], [1, 160, 160, 1], "SAME")
    return tf.maximum(pooled[:, :, 0], 1e-5)
