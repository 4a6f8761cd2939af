"""Features inside a tf.data pipeline, from the bytes of WAV files to batches."""

import tensorflow as tf

from frontends import MelFilterbank

SAMPLES = 16000
front_end = MelFilterbank(64, compression="log")


def waveform(wav: tf.Tensor) -> tf.Tensor:
    """The bytes of a mono WAV file to one second in [-1, 1], (samples,)."""
    decoded, _ = tf.audio.decode_wav(wav, desired_channels=1, desired_samples=SAMPLES)
    return decoded[:, 0]


def features(waveforms: tf.Tensor) -> tf.Tensor:
    """(batch, samples) to (batch, frames, 64), no gradient."""
    return front_end(tf.ensure_shape(waveforms, (None, SAMPLES)))


tone = tf.sin(tf.range(SAMPLES, dtype=tf.float32) * 0.2)[:, None] * [[0.5]]
wavs = tf.data.Dataset.from_tensors(tf.audio.encode_wav(tone, 16000)).repeat(10)
batches = wavs.map(waveform, num_parallel_calls=tf.data.AUTOTUNE).batch(4).map(features).prefetch(tf.data.AUTOTUNE)
for batch in batches:
    print(*batch.shape)
