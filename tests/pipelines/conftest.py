"""What the tests of `pipelines` share: small corpora, requests, and one prepared snapshot."""

import functools
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

with warnings.catch_warnings():  # Beam and its cloud clients warn when they are imported
    warnings.simplefilter("ignore")
    import apache_beam  # noqa: F401

from pipelines.clip import Clip, stamp_of
from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.corpora.config import SyntheticConfig
from pipelines.decoding import Decoded, decode_clip
from pipelines.prepare import prepare

Request = Callable[..., PrepareRequest]


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Makes float32 [samples] of noise below full scale: (samples, seed=...)."""

    def make(samples: int = 8_000, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        return (0.2 * random.uniform(-1.0, 1.0, samples)).astype(np.float32)

    return make


@pytest.fixture
def write_audio(noise: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Writes a file of noise, or of the given waveform: (path, waveform=..., rate=..., subtype=...)."""

    def write(path: Path, waveform: np.ndarray | None = None, rate: int = 16_000, **kind: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = noise(seed=len(path.name)) if waveform is None else waveform
        with path.open("wb") as stream:
            kind = {"format": path.suffix[1:].upper(), **kind}
            soundfile.write(stream, samples, rate, **kind)
        return path

    return write


@pytest.fixture
def write_files() -> Callable[[Path, dict[str, bytes]], Path]:
    """Writes relative path -> content below a folder, which it returns."""

    def write(folder: Path, files: dict[str, bytes]) -> Path:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    return write


@pytest.fixture
def decode(tmp_path: Path) -> Callable[..., Decoded]:
    """Decodes the file of this name in `tmp_path`: (name, and fields of the clip)."""

    def run(name: str, **fields: Any) -> Decoded:
        fields = {"labels": ("a",), "stamp": stamp_of(str(tmp_path / name)), **fields}
        clip = Clip(clip_id=name, source=name, split="train", group=name, **fields)
        return decode_clip(clip, folder=str(tmp_path), config=PrepareConfig(corpus="folder"))

    return run


@pytest.fixture
def request_for(tmp_path: Path) -> Request:
    """Makes a request: (corpus, source=..., root=..., workers=..., and fields of the config)."""

    def make(
        corpus: str,
        *,
        source: Path | None = None,
        root: Path | None = None,
        workers: int = 2,
        max_rejected_share: float = 0.05,
        max_missing_share: float | None = None,
        **config: Any,
    ) -> PrepareRequest:
        return PrepareRequest(
            config=PrepareConfig(corpus=corpus, **config),
            source=None if source is None else str(source),
            root=str(root or tmp_path / "root"),
            workers=workers,
            max_rejected_share=max_rejected_share,
            max_missing_share=max_missing_share,
        )

    return make


@pytest.fixture
def small(request_for: Request) -> Request:
    """Makes a request for 66 short synthetic clips in 17 shards: (root=..., workers=...)."""
    synthetic = SyntheticConfig(clips_per_class=6, duration_ms=100.0)
    return functools.partial(request_for, "synthetic", clips_per_shard=4, synthetic=synthetic)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared snapshot of 5 synthetic clips per class in 8 shards; nobody may touch it."""
    config = PrepareConfig(
        corpus="synthetic",
        clips_per_shard=8,
        synthetic=SyntheticConfig(clips_per_class=5, duration_ms=200.0),
    )
    request = PrepareRequest(config=config, source=None, root=str(tmp_path_factory.mktemp("pristine")))
    return Path(prepare(request).snapshot)


@pytest.fixture
def snapshot(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the prepared snapshot, to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "snapshot"))


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Reads a folder: relative path -> bytes of the file."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read
