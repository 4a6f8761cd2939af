"""A Keras model as a folder in MLflow's format, with its signature; loadable by mlflow.keras and mlflow.pyfunc.

The second importer of mlflow, apart from `infra.mlflow_store` because it runs where the model is, in the worker, and
speaks to no server.
"""

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

from infra.memory import without_collection

# A full list of requirements would be found out by importing the model in another process, for seconds.
_REQUIREMENTS = ("leafworks", "keras", "tensorflow", "numpy")


def save_mlflow_model(
    model: Any, folder: Path, *, inputs: tuple[int | None, ...], outputs: dict[str, int], loader: str
) -> None:
    """Writes the model; what was in `folder` before is replaced.

    Args:
      model: a keras.Model from one float32 input.
      folder: to be made.
      inputs: shape of the input, its first axis the batch.
      outputs: name of each output of shape [batch, size] -> size.
      loader: module that MLflow loads it with, which must make the model's own layers known to Keras.
    """
    import logging

    with without_collection():
        import mlflow.keras
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    dtype = np.dtype(np.float32)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(dtype, tuple(-1 if size is None else size for size in inputs))]),
        outputs=Schema(
            [TensorSpec(dtype, (-1, size), name=name if len(outputs) > 1 else None) for name, size in outputs.items()]
        ),
    )
    shutil.rmtree(folder, ignore_errors=True)
    requirements = [f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS]
    mlflow.keras.save_model(model, str(folder), signature=signature, pip_requirements=requirements)
    described = Model.load(str(folder))
    described.flavors["python_function"]["loader_module"] = loader
    described.save(str(folder / "MLmodel"))


def load_keras_model(path: str) -> Any:
    """The model's data as `mlflow.pyfunc` wants them, for loaders."""
    from mlflow.keras.load import _load_pyfunc

    return _load_pyfunc(path)  # type: ignore[no-untyped-call]
