"""What code and which libraries a run was made with."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("leafworks", "keras", "tensorflow", "ray", "mlflow", "numpy", "pyarrow")


def versions() -> dict[str, str]:
    """Tags `version.<library>`, `version.python`, `version.commit`, `hardware`, and what changes bits on CPU."""
    tags = {f"version.{name}": version(name) for name in _LIBRARIES}
    tags["version.python"] = platform.python_version()
    tags["version.commit"] = _commit()
    tags["hardware"] = f"{platform.machine()}, {os.cpu_count()} CPUs"
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_ENABLE_ONEDNN_OPTS"):
        tags[f"environment.{name}"] = os.environ.get(name, "default")
    return tags


def _commit() -> str:
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
