"""waveform -> front end -> encoder -> one head per task."""

from collections.abc import Mapping

import keras

from frontends.build import build
from frontends.config import FrontendConfig
from training.encoders.build import build_encoder
from training.encoders.config import EncoderConfig

FRONTEND, ENCODER, HEAD = "frontend", "encoder", "head"


def build_model(
    frontend_config: FrontendConfig,
    encoder_config: EncoderConfig,
    *,
    sample_rate: int,
    window: int,
    classes: int | Mapping[str, int],
    seed: int,
) -> keras.Model:
    """A classifier of waveforms, as the original LEAF code composes it.

    Args:
      frontend_config: of `frontends.config`.
      encoder_config: which network stands behind it.
      sample_rate: in Hz, from the snapshot's card.
      window: samples of one excerpt.
      classes: outputs (logits); of several tasks, name of the task -> outputs.
      seed: of the initial weights and of dropout.

    Returns:
      A model from float [batch, window] in [-1, 1) to logits float32 [batch, classes]; of several tasks to a
      dictionary of them.
    """
    keras.utils.set_random_seed(seed)
    frontend = build(frontend_config, sample_rate=sample_rate)
    frontend.name = FRONTEND
    waveform = keras.Input((window,), name="waveform")
    features = frontend(waveform)
    frames, num_filters, *maps = features.shape[1:]
    (channels,) = maps or (1,)  # Wavegram has maps of its own
    encoder = build_encoder(encoder_config, frames=frames, num_filters=num_filters, channels=channels, seed=seed)
    x = keras.layers.Reshape((frames, num_filters, channels))(features)
    x = encoder(x)
    if isinstance(classes, int) or len(classes) == 1:
        (outputs,) = (classes,) if isinstance(classes, int) else classes.values()
        logits = keras.layers.Dense(outputs, name=HEAD, dtype="float32")(x)
    else:
        heads = {task: keras.layers.Dense(n, name=f"{HEAD}_{task}", dtype="float32") for task, n in classes.items()}
        logits = {task: head(x) for task, head in heads.items()}
    return keras.Model(waveform, logits, name="classifier")


def of_one_task(model: keras.Model, task: str) -> keras.Model:
    """The part of the model that a task uses: all of it but the other tasks' heads, on the same weights."""
    outputs = model.output
    return keras.Model(model.input, outputs[task]) if isinstance(outputs, dict) else model
