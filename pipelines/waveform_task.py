"""One recording to a mono waveform in a `.npy` file, done by a child process that it may cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import audio
from pipelines.clip import stamp_of
from pipelines.isolation import Verdict
from pipelines.reading import read
from pipelines.recording import Recording
from pipelines.sound import TOO_LARGE, check_finite, check_rate
from pipelines.status import Rejected


@dataclass(frozen=True, kw_only=True)
class WaveformTask:
    """The recording at `path`, the `.npy` file that receives it, and its rate in Hz."""

    path: str
    waveform_path: str
    sample_rate: int

    @property
    def sizes(self) -> list[int]:
        """Bytes of the file."""
        stamp = stamp_of(self.path)
        return [stamp.num_bytes if stamp else 0]

    def run(self, at: Callable[[int], None], verdicts: Mapping[int, Verdict]) -> dict[str, object]:
        """What `Waveform` says of it, or why there is none: `status` and `reason`."""
        if 0 in verdicts:
            return {"status": verdicts[0].status, "reason": verdicts[0].reason}
        at(0)
        try:
            return self._decode()
        except Rejected as verdict:
            return {"status": verdict.status, "reason": verdict.reason}
        except OSError:
            raise
        except Exception as error:  # whatever it is, it costs this recording only
            return {"status": "corrupt", "reason": str(error) or repr(error)}

    def clean(self) -> None:
        """Removes what was half-written."""
        Path(self.waveform_path).unlink(missing_ok=True)

    def _decode(self) -> dict[str, object]:
        if stamp_of(self.path) is None:
            raise Rejected("missing", "there is no such file")
        recording, waveform = read(self.path, lambda opened: (opened, _resampled(opened, self.sample_rate)))
        if not len(waveform):
            raise Rejected("too_short", f"the file is {recording.format} with no samples")
        np.save(self.waveform_path, waveform)
        channels = f"{recording.channels} channel{'s' if recording.channels > 1 else ''}"
        silence = ["digital silence or a constant"] if audio.swing_db(waveform) is None else []
        return {
            "seconds": len(waveform) / self.sample_rate,
            "described": f"{recording.format}, {recording.rate} Hz, {channels}",
            "note": "; ".join([*recording.notes, *silence]),
        }


def _resampled(recording: Recording, sample_rate: int) -> audio.Waveform:
    check_rate(recording.rate)
    resampler = audio.Resampler(source_rate=recording.rate, target_rate=sample_rate)
    extent = audio.Extent()
    found = []
    for block in map(audio.mono, recording.blocks):
        audio.add_extents([extent], [block])
        found.append(resampler.push(block))
    check_finite(extent)
    waveform = np.concatenate([*found, resampler.end()])
    if not np.isfinite(waveform).all():
        raise Rejected("non_finite", TOO_LARGE)
    return waveform
