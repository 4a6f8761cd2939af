"""What in a ledger deserves a look: clips with a defect, and sentences about a corpus where it is the rule."""

from array import array
from collections.abc import Callable, Iterable
from typing import Any

from pipelines.ledger import Row

_NAMED = 100
_RULE = 0.5  # a defect of more than half of the decoded clips is one of the corpus
_OFFSET = 0.01
_SATURATED = 0.001
_NARROW = 0.6  # of the band that the stored rate could hold
_NEAR_SILENT_DB = -60.0


class Defects:
    """Counts defects over rows in the order of their ids, one look at each."""

    def __init__(self, sample_rate: int) -> None:
        self._rules = _defects(sample_rate)
        self._decoded = 0
        self._counts = dict.fromkeys(self._rules, 0)
        self._clips: dict[str, list[str]] = {name: [] for name in self._rules}
        self._peaks, self._bands = array("d"), array("d")

    def add(self, row: Row) -> None:
        """One row more; those that were not decoded say nothing."""
        if row.dc_offset is None:
            return
        self._decoded += 1
        if row.source_peak_db is not None:
            self._peaks.append(row.source_peak_db)
        if row.bandwidth_hz is not None:
            self._bands.append(row.bandwidth_hz)
        for name, (_, has) in self._rules.items():
            if has(row):
                self._counts[name] += 1
                if len(self._clips[name]) < _NAMED:
                    self._clips[name].append(row.clip_id)

    def named(self) -> dict[str, dict[str, Any]]:
        """Name of the defect -> how many clips have it, its limit in words, and the first of them."""
        return {
            name: {"count": self._counts[name], "rule": rule, "clips": self._clips[name]}
            for name, (rule, _) in self._rules.items()
        }

    def sentences(self) -> list[str]:
        """About the corpus as a whole, none where it is well."""
        if not self._decoded:
            return []
        shares = {name: count / self._decoded for name, count in self._counts.items()}
        said = [_SENTENCES[name].format(share=share) for name, share in shares.items() if share > _RULE]
        peak = _middle(self._peaks)
        if peak is not None and peak < _NEAR_SILENT_DB and shares["scaling_lost"] <= _RULE:
            said.append(f"The corpus is nearly silent: half of its clips peak below {peak:.1f} dB.")
        if shares["narrow_band"] > _RULE:
            said.append(f"Half of its clips have nothing above {_middle(self._bands):.0f} Hz.")
        return said


def defects(rows: Iterable[Row], *, sample_rate: int) -> dict[str, dict[str, Any]]:
    """Name of the defect -> how many clips have it, its limit in words, and the first of them."""
    found = Defects(sample_rate)
    for row in rows:
        found.add(row)
    return found.named()


def _middle(values: "array[float]") -> float | None:
    return sorted(values)[len(values) // 2] if values else None


_SENTENCES = {
    "dc_offset": "{share:.0%} of the clips have a mean that is not zero: a fault of the recorder.",
    "full_scale": "{share:.0%} of the clips are clipped: they were recorded or amplified too loud.",
    "mostly_silent": "{share:.0%} of the clips are silent for more than half of their time: were they padded?",
    "narrow_band": "{share:.0%} of the clips have no sound in the upper part of the band: an upsampled corpus.",
    "dead_channel": "{share:.0%} of the clips have a channel without sound: their mean is 6 dB too low for stereo.",
    "scaling_lost": "{share:.0%} of the clips have lost their scale: a peak of a few steps of 16 bits, or integers "
    "written as floats. Export the corpus again.",
}


def _defects(sample_rate: int) -> dict[str, tuple[str, Callable[[Row], bool]]]:
    narrow = _NARROW * sample_rate / 2.0
    return {
        "dc_offset": (f"mean beyond {_OFFSET:g} of full scale", lambda row: abs(row.dc_offset or 0.0) > _OFFSET),
        "full_scale": (
            f"more than {_SATURATED:.1%} of the frames at full scale",
            lambda row: (row.full_scale_share or 0.0) > _SATURATED,
        ),
        "mostly_silent": (
            "more than half of the 20 ms frames silent",
            lambda row: (row.silent_share or 0.0) > 0.5,
        ),
        "narrow_band": (f"nothing above {narrow:.0f} Hz", lambda row: (row.bandwidth_hz or narrow) < narrow),
        "dead_channel": ("a channel without sound beside one with", lambda row: bool(row.dead_channels)),
        "scaling_lost": ("a peak of at most 4 steps of 16 bits, or over +20 dB", lambda row: bool(row.scaling_lost)),
    }
