"""What a result was made with: enough to make it again, and to say what was different when that fails.

`passport.json` in the trial's folder. Every attempt at a trial adds a session, unless it equals the last one.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from infra import config
from infra.files import write_atomically

PASSPORT_NAME, DIFF_NAME = "passport.json", "dirty.diff"
_ROOT = Path(__file__).parents[1]
_CODE = ("infra", "frontends", "training")
_TAGGED = ("leafworks", "keras", "tensorflow", "ray", "mlflow", "numpy", "pyarrow")
# What is known to change bits: platform.md of the project, and TensorFlow's documentation of determinism.
_FLAGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "KERAS_BACKEND",
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """Which code.

    Attributes:
      commit: of git; empty: the code is not in a checkout of its own.
      dirty_sha256: of `git diff HEAD`, which lies beside the passport as `dirty.diff`; empty: there is no difference.
      source_sha256: over names and bytes of the Python files that training consists of, wherever they are.
    """

    commit: str
    dirty_sha256: str
    source_sha256: str


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Which machine.

    Attributes:
      cpu: model.
      architecture: e.g. x86_64.
      instructions: vector instructions that kernels are chosen by.
      cores: logical.
      memory_bytes: of the machine.
      gpus: their names.
    """

    cpu: str
    architecture: str
    instructions: tuple[str, ...]
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Session:
    """What one attempt, or several alike, ran with.

    Attributes:
      code: see `Code`.
      lock_sha256: over name and version of every installed distribution.
      libraries: distribution -> version, of all.
      python: version.
      hardware: see `Hardware`.
      flags: environment variables that change bits, those that were set.
      workers: data-parallel workers.
      determinism: in words, how far equal inputs give equal outputs.
    """

    code: Code
    lock_sha256: str
    libraries: dict[str, str]
    python: str
    hardware: Hardware
    flags: dict[str, str]
    workers: int
    determinism: str


@dataclass(frozen=True, kw_only=True)
class Data:
    """The snapshot of a task: its folder when the trial ran, and the id on its card."""

    task: str
    folder: str
    snapshot_id: str


@dataclass(frozen=True, kw_only=True)
class Passport:
    """A trial's passport.

    Attributes:
      trial: the trial's request: its name, its identity, all of its config, with the seed.
      snapshots: of each task, in their order.
      sessions: what its attempts ran with, oldest first.
    """

    trial: dict[str, Any]
    snapshots: tuple[Data, ...]
    sessions: tuple[Session, ...]


def write_passport(folder: Path, *, trial: Any, data: Sequence[Data], session: Session) -> list[Path]:
    """Adds a session to the passport in `folder`; returns the files that belong to it.

    Args:
      folder: of the trial.
      trial: the request, a config.
      data: its snapshots.
      session: see `present_session`.
    """
    path = folder / PASSPORT_NAME
    earlier = read_passport(path).sessions if path.is_file() else ()
    sessions = earlier if earlier[-1:] == (session,) else (*earlier, session)
    passport = Passport(trial=config.to_dict(trial), snapshots=tuple(data), sessions=sessions)
    write_atomically(path, config.to_json(passport))
    if not session.code.dirty_sha256:
        return [path]
    write_atomically(folder / DIFF_NAME, _diff())
    return [path, folder / DIFF_NAME]


def read_passport(path: Path) -> Passport:
    """The passport in a file.

    Raises:
      ValueError: there is none, or it is of another version.
    """
    if not path.is_file():
        raise ValueError(f"A finished trial has a `{PASSPORT_NAME}`. Received: {path}, no such file.")
    return config.from_json(Passport, path.read_text())


def differences(then: Session, now: Session) -> dict[str, tuple[Any, Any]]:
    """What differs: flat name -> (then, now); the libraries by name."""
    before, after = (_named(session) for session in (then, now))
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def same_bits_expected(then: Session, now: Session) -> bool:
    """Whether nothing differs that is known to change bits; how the same code is called, and memory, are not."""
    harmless = ("code.commit", "code.dirty_sha256", "hardware.memory_bytes")
    return not differences(then, now).keys() - set(harmless)


def present_session(*, workers: int, determinism: str, gpus: tuple[str, ...]) -> Session:
    """What this process runs with."""
    libraries = _libraries()
    return Session(
        code=_code(),
        lock_sha256=_sha256(json.dumps(libraries).encode()),
        libraries=libraries,
        python=platform.python_version(),
        hardware=_hardware(gpus),
        flags={name: os.environ[name] for name in _FLAGS if name in os.environ},
        workers=workers,
        determinism=determinism,
    )


def tags(session: Session) -> dict[str, str]:
    """What of a session the tracker shows: `version.<library>`, `version.commit`, `hardware`, `environment.<flag>`."""
    code, hardware = session.code, session.hardware
    found = {f"version.{name}": session.libraries.get(name, "none") for name in _TAGGED}
    found["version.python"] = session.python
    found["version.commit"] = (code.commit or "not a git checkout") + ("-dirty" if code.dirty_sha256 else "")
    found["version.source"] = code.source_sha256
    found["hardware"] = ", ".join([hardware.cpu or hardware.architecture, f"{hardware.cores} CPUs", *hardware.gpus])
    found["determinism"] = session.determinism
    return found | {f"environment.{name}": value for name, value in session.flags.items()}


def _named(session: Session) -> dict[str, Any]:
    return {name: value for name, value in config.flatten(session).items() if name != "lock_sha256"}


def _libraries() -> dict[str, str]:
    found = {re.sub(r"[-_.]+", "-", item.metadata["Name"]).lower(): item.version for item in distributions()}
    return dict(sorted(found.items()))


def _code() -> Code:
    digest = hashlib.sha256()
    for path in sorted(path for package in _CODE for path in (_ROOT / package).rglob("*.py")):
        digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
    # Installed somewhere below another project's checkout, it is not that project's commit that counts.
    if not _git("ls-files", "--error-unmatch", str(Path(__file__).resolve())):
        return Code(commit="", dirty_sha256="", source_sha256=digest.hexdigest())
    diff = _diff()
    return Code(
        commit=_git("rev-parse", "HEAD").decode().strip(),
        dirty_sha256=_sha256(diff) if diff else "",
        source_sha256=digest.hexdigest(),
    )


def _diff() -> bytes:
    return _git("diff", "HEAD", "--binary", "--", *_CODE)


def _git(*words: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(_ROOT), *words], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def _hardware(gpus: tuple[str, ...]) -> Hardware:
    import psutil

    return Hardware(
        cpu=_cpu_line("model name") or platform.processor(),
        architecture=platform.machine(),
        instructions=tuple(
            name for name in sorted(_cpu_line("flags").split()) if name.startswith(("avx", "amx", "fma", "sse4"))
        ),
        cores=os.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
        gpus=gpus,
    )


def _cpu_line(name: str) -> str:
    if sys.platform != "linux":
        return ""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
