"""What MLflow loads a model of the registry with: Keras, once it knows the layers of the front ends.

`mlflow.pyfunc.load_model` finds this module by its name in the model's own description, where leafworks is installed.
"""

from typing import Any

import frontends.build  # noqa: F401, registers the layers
from infra.mlflow_model import load_keras_model


def _load_pyfunc(path: str) -> Any:
    """See `mlflow.pyfunc`: the path of the model's data -> an object with `predict`."""
    return load_keras_model(path)
