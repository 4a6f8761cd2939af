"""The environment of child processes: quiet, reproducible, not oversubscribed; set in this one place."""

import os

QUIET = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # for Arrow's own the kernel clears 2 MB at a time: a third of sealing
    "KERAS_BACKEND": "tensorflow",
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads, one for each core, turn in circles before they sleep
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "PYTHONUNBUFFERED": "1",
}


def stage_environment() -> dict[str, str]:
    """This process's environment, with the quiet block where the user has set nothing else."""
    return {**QUIET, **os.environ}


def training_environment(*, threads: int, gpus: float) -> dict[str, str]:
    """What a training worker gets: the block, its TensorFlow threads, and no GPU unless it has one."""
    threads_block = {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1"}
    return {**QUIET, **threads_block, **({} if gpus else {"CUDA_VISIBLE_DEVICES": "-1"})}
