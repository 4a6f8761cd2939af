"""Finds the layer in which numbers stop being finite: one batch, layer by layer, neither compiled nor learned from."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where it begins.

    Attributes:
      layer: path of the layer, e.g. "conv_net/conv2d_3"; empty: everything was finite.
      what: "weight" (before the step), "output", "gradient", or "update" (all of these are finite, its result is not).
      others: paths of more layers and variables of the same kind that are not finite, the first few.
    """

    layer: str
    what: str
    others: tuple[str, ...]


_SHOWN = 8


def examine(
    model: keras.Model, strategy: tf.distribute.Strategy, gradients: Callable[..., Any], inputs: tuple[Any, ...]
) -> Finding:
    """The first thing that is not finite: a weight; else an output, in the order of computation; else a gradient.

    Gradients come from the loss, so the first of them is the one nearest to it.

    Args:
      model: whose layers are watched.
      strategy: that `gradients` runs under.
      gradients: computes one replica's gradients, eagerly, as (variable, gradient or None) pairs.
      inputs: of `gradients`, distributed.

    Returns:
      The finding; "update" where everything is finite in every replica.
    """
    broken = [variable.path for variable in model.variables if not finite([variable])]
    if broken:
        return Finding(layer=_owner(broken[0]), what="weight", others=tuple(broken[:_SHOWN]))
    outputs: dict[int, list[str]] = {}
    paths: dict[int, list[str]] = {}

    def one_replica(*inputs: Any) -> tf.Tensor:
        replica = int(tf.distribute.get_replica_context().replica_id_in_sync_group)
        calls: list[tuple[str, Any]] = []
        with _watched(model, calls):
            pairs = [(variable, gradient) for variable, gradient in gradients(*inputs) if gradient is not None]
        outputs[replica], paths[replica] = [path for path, _ in calls], [variable.path for variable, _ in pairs]
        flags = [finite(value) for _, value in calls] + [finite([gradient]) for _, gradient in pairs]
        return tf.cast(tf.stack(flags), tf.float32)

    # The mean over replicas and workers: below 1 where one of them has found something.
    flags = (
        strategy.reduce(tf.distribute.ReduceOp.MEAN, strategy.run(one_replica, args=inputs), axis=None).numpy() < 1.0
    )
    names, variables = next(iter(outputs.values())), next(iter(paths.values()))
    bad_outputs = [name for name, bad in zip(names, flags[: len(names)], strict=True) if bad]
    if bad_outputs:
        return Finding(layer=bad_outputs[0], what="output", others=tuple(bad_outputs[1 : _SHOWN + 1]))
    bad = [path for path, flag in zip(variables, flags[len(names) :], strict=True) if flag]
    if bad:
        return Finding(layer=_owner(bad[-1]), what="gradient", others=tuple(reversed(bad[-_SHOWN:])))
    return Finding(layer="", what="update", others=())


def finite(values: Any) -> tf.Tensor:
    """Whether all floating-point numbers in a structure of tensors are finite, bool []."""
    tensors = [tf.convert_to_tensor(value) for value in tf.nest.flatten(values)]
    checks = [tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tensors if tensor.dtype.is_floating]
    return tf.reduce_all(tf.stack(checks)) if checks else tf.constant(True)


@contextmanager
def _watched(model: keras.Model, calls: list[tuple[str, Any]]) -> Iterator[None]:
    """Appends (path, output) of every layer's call inside the block; a layer inside another one comes before it."""
    layers = [
        layer for layer in model._flatten_layers(include_self=False) if not isinstance(layer, keras.layers.InputLayer)
    ]
    for layer in layers:
        # Past Keras' own bookkeeping of attributes: this one goes again.
        object.__setattr__(layer, "call", _recording(layer, calls))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _recording(layer: keras.layers.Layer, calls: list[tuple[str, Any]]) -> Callable[..., Any]:
    original = layer.call

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        calls.append((layer.path or layer.name, output))
        return output

    return call


def _owner(variable_path: str) -> str:
    """The path of a variable's layer."""
    return variable_path.rpartition("/")[0]
