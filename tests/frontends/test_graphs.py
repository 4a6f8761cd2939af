"""What the graphs of front ends hold: no tensor of all filters at the full rate, no scan over frames."""

from collections.abc import Iterator

import keras
import pytest
import tensorflow as tf

from frontends import PCEN, Leaf

BATCH, SAMPLES, FILTERS = 32, 16000, 40


def graph_of_a_step(layer: keras.layers.Layer, *shape: int) -> tf.Graph:
    """Forward, and the gradients of all parameters."""
    layer.build(shape)

    @tf.function
    def step(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(inputs)))
        return tape.gradient(loss, layer.trainable_variables)

    return step.get_concrete_function(tf.TensorSpec(shape)).graph


def operations(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Those of the graph and of the functions that it calls, loops' bodies too."""
    yield from graph.get_operations()
    for function in graph._functions.values():
        yield from getattr(function, "graph", tf.Graph()).get_operations()


@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_no_tensor_of_all_filters_at_the_full_rate(precision: str) -> None:
    """The LEAF code has two, (batch, samples, 2 x filters) and its square, and their gradients."""
    graph = graph_of_a_step(Leaf(FILTERS, precision=precision), BATCH, SAMPLES)
    sizes = {output.name: output.shape.num_elements() for each in operations(graph) for output in each.outputs}
    largest = max(sizes, key=lambda name: sizes[name] or 0)
    assert sizes[largest] < BATCH * SAMPLES * 2 * FILTERS / 8, largest


@pytest.mark.parametrize("frames", [100, 6000])
def test_pcen_does_not_scan(frames: int) -> None:
    """Nor loop: a second and a minute take the same operations, but for the chunks of chunks."""
    kinds = [each.type for each in operations(graph_of_a_step(PCEN(), BATCH, frames, FILTERS))]
    assert not {"While", "StatelessWhile", "Scan"} & set(kinds)
    assert len(kinds) < 1000
