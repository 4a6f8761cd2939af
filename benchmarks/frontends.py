"""LEAF against the reference's algorithm and against mel, side by side: `python benchmarks/frontends.py`.

In one process per setting of oneDNN, all contestants are run in turn, at least ten times; medians of the process's
CPU-seconds count, as wall times of a shared machine mean little. "Step" is the forward pass and the gradients of
all parameters. The reference (see `Reference`) is taken at its better setting of oneDNN for each shape. Prints a
table of ratios and writes JSON.

    python benchmarks/frontends.py [--rounds 10] [--filters 40] [--out frontends.json]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHAPES = {"32 x 1 s": (32, 16000), "8 x 10 s": (8, 160000)}
THREADS = 2


def main() -> None:
    """Run both settings in processes of their own, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--filters", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("frontends.json"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        json.dump(measure(rounds=arguments.rounds, num_filters=arguments.filters), sys.stdout)
        return
    seconds = {f"oneDNN {name}": _in_a_child(arguments, flag) for name, flag in (("on", "1"), ("off", "0"))}
    report = {"threads": THREADS, "filters": arguments.filters, "cpu_seconds": seconds, "ratios": ratios(seconds)}
    arguments.out.write_text(json.dumps(report, indent=1))
    show(report)


def _in_a_child(arguments: argparse.Namespace, flag: str) -> dict[str, Any]:
    # -P: else this file, in its own folder, would be found as `frontends`.
    command = [sys.executable, "-P", __file__, "--child", "--rounds", str(arguments.rounds)]
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": flag, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    child = subprocess.run(
        [*command, "--filters", str(arguments.filters)], env=environment, check=True, stdout=subprocess.PIPE
    )
    return json.loads(child.stdout)


def measure(*, rounds: int, num_filters: int) -> dict[str, dict[str, float]]:
    """Median CPU-seconds of each contestant at each shape, in this process."""
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    medians = {}
    for name, shape in SHAPES.items():
        x = tf.constant(0.1 * np.random.default_rng(0).standard_normal(shape), tf.float32)
        runs = contestants(num_filters)
        for run in runs.values():
            run(x)
            run(x)
        times: dict[str, list[float]] = {key: [] for key in runs}
        for _ in range(rounds):
            for key, run in runs.items():
                before = _cpu_seconds()
                tf.nest.flatten(run(x))[0].numpy()
                times[key].append(_cpu_seconds() - before)
        medians[name] = {key: float(np.median(values)) for key, values in times.items()}
    return medians


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def contestants(num_filters: int) -> dict[str, Callable[[Any], Any]]:
    """Compiled functions of a waveform, by name."""
    from frontends import Leaf, MelFilterbank

    leaf = Leaf(num_filters)
    mel, mel_pcen = MelFilterbank(num_filters), MelFilterbank(num_filters, compression="pcen")
    for layer in (leaf, mel, mel_pcen):
        layer.build((None, None))
    reference = Reference(leaf)
    return {
        "reference forward": _forward(reference),
        "reference step": _step(reference),
        "leaf forward": _forward(leaf),
        "leaf step": _step(leaf),
        "leaf forward, XLA": _forward(leaf, jit_compile=True),
        "leaf step, XLA": _step(leaf, jit_compile=True),
        "log-mel forward": _forward(mel),
        "mel-PCEN forward": _forward(mel_pcen),
        "mel-PCEN step": _step(mel_pcen),
    }


def _forward(layer: Any, *, jit_compile: bool = False) -> Callable[[Any], Any]:
    import tensorflow as tf

    return tf.function(layer, jit_compile=jit_compile, autograph=False)


def _step(layer: Any, *, jit_compile: bool = False) -> Callable[[Any], Any]:
    import tensorflow as tf

    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x)))
        return tape.gradient(loss, layer.trainable_variables)

    return tf.function(step, jit_compile=jit_compile, autograph=False)


class Reference:
    """LEAF as the original computes it: 2 N real kernels of 401 taps at stride 1, and PCEN by a scan."""

    def __init__(self, leaf: Any) -> None:
        import tensorflow as tf

        self.trainable_variables = [tf.Variable(weight.numpy()) for weight in leaf.trainable_variables]

    def __call__(self, x: Any) -> Any:
        """Features of waveforms (batch, samples) at 16 kHz."""
        import tensorflow as tf

        mu, sigma, width, alpha, delta, root, smooth = self.trainable_variables
        t = tf.range(-200.0, 201.0)[:, None]
        envelope = tf.exp(-(t**2) / (2 * sigma**2)) / (2.5066283 * sigma)
        kernels = tf.stack([envelope * tf.cos(mu * t), envelope * tf.sin(mu * t)], axis=-1)
        y = tf.nn.conv1d(x[..., None], tf.reshape(kernels, (401, 1, -1)), 1, "SAME")
        power = tf.square(y[..., 0::2]) + tf.square(y[..., 1::2])
        window = tf.exp(-0.5 * tf.square(t / (200.0 * width)))
        strides = [1, 160, 160, 1]
        pooled = tf.nn.depthwise_conv2d(power[:, :, None], window[:, None, :, None], strides, "SAME")
        energies = tf.maximum(pooled[:, :, 0], 1e-5)
        by_frame = tf.transpose(energies, (1, 0, 2))
        smoother = tf.scan(lambda m, e: smooth * e + (1 - smooth) * m, by_frame, initializer=by_frame[0])
        gained = energies / (1e-12 + tf.transpose(smoother, (1, 0, 2))) ** alpha
        return (gained + delta) ** (1 / root) - delta ** (1 / root)


def ratios(seconds: dict[str, Any]) -> dict[str, dict[str, float]]:
    """For each shape, how many times cheaper (or dearer) each is; every contestant at its better setting."""
    out = {}
    for shape in SHAPES:
        best = {key: min(run[shape][key] for run in seconds.values()) for key in seconds["oneDNN on"][shape]}
        out[shape] = {
            "reference / leaf, forward": best["reference forward"] / best["leaf forward"],
            "reference / leaf, step": best["reference step"] / best["leaf step"],
            "reference / leaf, forward, XLA": best["reference forward"] / best["leaf forward, XLA"],
            "reference / leaf, step, XLA": best["reference step"] / best["leaf step, XLA"],
            "leaf / log-mel, forward": best["leaf forward"] / best["log-mel forward"],
            "leaf / mel-PCEN, step": best["leaf step"] / best["mel-PCEN step"],
        }
    return out


def show(report: dict[str, Any]) -> None:
    """Print CPU-seconds and ratios."""
    for setting, shapes in report["cpu_seconds"].items():
        for shape, times in shapes.items():
            print(f"\n{setting}, {shape}, {report['filters']} filters: CPU-seconds")
            for key, value in times.items():
                print(f"  {key:20s} {value:8.4f}")
    for shape, values in report["ratios"].items():
        print(f"\n{shape}: ratios, each at its better oneDNN setting")
        for key, value in values.items():
            print(f"  {key:32s} {value:6.1f}")


if __name__ == "__main__":
    main()
