"""`python -m pipelines.waveforms request.json`: any recordings to mono waveforms at one rate, in files."""

import os
from collections import Counter
from pathlib import Path

from infra.stage import report_progress
from pipelines.clip import printable
from pipelines.config import RejectedClip
from pipelines.corpora.recordings import find_recordings
from pipelines.isolation import CHILDREN
from pipelines.requests import Waveform, Waveforms, WaveformsRequest
from pipelines.stage import serve
from pipelines.status import Rejected
from pipelines.waveform_task import WaveformTask


def decode(request: WaveformsRequest) -> Waveforms:
    """Decodes every recording, one after another; a bad one is rejected with its reason and does not stop the others.

    Raises:
      ValueError: nothing to decode.
    """
    listed, ignored = _listed(request.recordings)
    if not listed:
        raise ValueError(
            f"Rule: recordings are audio files, or folders that hold some. Received: {', '.join(request.recordings)}, "
            f"with none ({ignored} other files)."
        )
    decoded, rejected = [], []
    for index, (path, name) in enumerate(listed.items()):
        try:
            waveform = Path(request.folder, f"{index:08d}.npy")
            decoded.append(_decoded(path, name, waveform, sample_rate=request.sample_rate))
        except Rejected as verdict:
            rejected.append(RejectedClip(clip_id=printable(path), status=verdict.status, reason=verdict.reason))
        except Exception as error:  # whatever it is, it costs this recording only
            rejected.append(RejectedClip(clip_id=printable(path), status="corrupt", reason=str(error) or repr(error)))
        report_progress(index + 1, len(listed), "recordings decoded")
    return Waveforms(decoded=tuple(decoded), rejected=tuple(rejected), ignored=ignored)


def _listed(given: tuple[str, ...]) -> tuple[dict[str, str], int]:
    """Path as given -> name, each file once; and how many files of the folders are no recordings."""
    found: dict[str, tuple[str, str]] = {}
    ignored = 0
    for path in given:
        files, others = _files(path)
        ignored += others
        for file, name in files:
            found.setdefault(os.path.abspath(file), (file, name))  # noqa: PTH100
    names = _distinct({absolute: name for absolute, (_, name) in found.items()})
    return {file: printable(names[absolute]) for absolute, (file, _) in found.items()}, ignored


def _files(path: str) -> tuple[list[tuple[str, str]], int]:
    """(path, its name) of a file, or of every recording in a folder; and how many other files are there."""
    if not os.path.isdir(path):  # noqa: PTH112
        return [(path, os.path.basename(path))], 0  # noqa: PTH119
    recordings, others = find_recordings(Path(path))
    return [(os.path.join(path, name), name) for name in recordings], len(others)  # noqa: PTH118


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Absolute path -> name; those of the same name are told apart by as many more of their folders as that takes."""
    while True:
        times = Counter(names.values())
        alike = [path for path, name in names.items() if times[name] > 1]
        if not alike:
            return names
        names |= {path: "/".join(path.lstrip("/").split("/")[-names[path].count("/") - 2 :]) for path in alike}


def _decoded(path: str, name: str, waveform_path: Path, *, sample_rate: int) -> Waveform:
    answer = CHILDREN.run(WaveformTask(path=path, waveform_path=str(waveform_path), sample_rate=sample_rate))
    if "status" in answer:
        raise Rejected(answer["status"], answer["reason"])
    return Waveform(name=name, path=str(waveform_path), source=printable(path), **answer)


if __name__ == "__main__":
    serve(WaveformsRequest, decode)
