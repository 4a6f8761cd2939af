"""What in a ledger deserves a look: clips with a defect, and sentences about a corpus where it is the rule."""

from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

from pipelines.ledger import Columns, where

_NAMED = 100
_RULE = 0.5  # a defect of more than half of the decoded clips is one of the corpus
_OFFSET = 0.01
_SATURATED = 0.001
_NARROW = 0.6  # of the band that the stored rate could hold
_NEAR_SILENT_DB = -60.0


COLUMNS = (
    "clip_id",
    "source_peak_db",
    "dc_offset",
    "full_scale_share",
    "silent_share",
    "bandwidth_hz",
    "dead_channels",
    "scaling_lost",
)


class _Rule(NamedTuple):
    """In words, and what of a value of which column breaks it."""

    text: str
    column: str
    breaks: Callable[[Any], bool]


class Defects:
    """Counts defects over rows in the order of their ids, one look at each."""

    def __init__(self, sample_rate: int) -> None:
        self._rules = _rules(sample_rate)
        self._decoded = 0
        self._counts = dict.fromkeys(self._rules, 0)
        self._clips: dict[str, list[str]] = {name: [] for name in self._rules}
        self._peaks, self._bands = array("d"), array("d")

    def add(self, columns: Columns) -> None:
        """Some rows more, with the columns `COLUMNS`; those that were not decoded say nothing."""
        decoded = where(columns, [offset is not None for offset in columns["dc_offset"]])
        self._decoded += len(decoded["clip_id"])
        self._peaks.extend(peak for peak in decoded["source_peak_db"] if peak is not None)
        self._bands.extend(band for band in decoded["bandwidth_hz"] if band is not None)
        for name, rule in self._rules.items():
            values = zip(decoded["clip_id"], decoded[rule.column], strict=True)
            clips = [clip_id for clip_id, value in values if value is not None and rule.breaks(value)]
            self._counts[name] += len(clips)
            self._clips[name] += clips[: _NAMED - len(self._clips[name])]

    def named(self) -> dict[str, dict[str, Any]]:
        """Name of the defect -> how many clips have it, its limit in words, and the first of them."""
        return {
            name: {"count": self._counts[name], "rule": rule.text, "clips": self._clips[name]}
            for name, rule in self._rules.items()
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


def _rules(sample_rate: int) -> dict[str, _Rule]:
    narrow = _NARROW * sample_rate / 2.0
    return {
        "dc_offset": _Rule(f"mean beyond {_OFFSET:g} of full scale", "dc_offset", lambda mean: abs(mean) > _OFFSET),
        "full_scale": _Rule(
            f"more than {_SATURATED:.1%} of the frames at full scale",
            "full_scale_share",
            lambda share: share > _SATURATED,
        ),
        "mostly_silent": _Rule("more than half of the 20 ms frames silent", "silent_share", lambda share: share > 0.5),
        "narrow_band": _Rule(f"nothing above {narrow:.0f} Hz", "bandwidth_hz", lambda band: band < narrow),
        "dead_channel": _Rule("a channel without sound beside one with", "dead_channels", bool),
        "scaling_lost": _Rule("a peak of at most 4 steps of 16 bits, or over +20 dB", "scaling_lost", bool),
    }
