"""A recording between its decoder and its stored samples.

A long one is stored block by block as it is taken. A short one is only held, and what is left of it is done later, for
very short ones many at once, step by step: alone, each step would be a call of a library for half a second of sound,
which costs several times what it does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

import numpy as np

from pipelines import audio
from pipelines.audio import Block, Extent, LevelMeter, Samples, Waveform
from pipelines.config import PrepareConfig
from pipelines.quality import STEP, Quality, QualityMeter, add_waveforms, qualities
from pipelines.recording import BLOCK_SAMPLES, Recording, Undecodable
from pipelines.segments import runs
from pipelines.status import Rejected, words

NO_MEMORY = "it asks for more memory than a worker has: its header is damaged"
TOO_LARGE = "its samples are so large that resampling leaves the range of float32"

_LOWEST_HZ, _HIGHEST_HZ = 100, 10_000_000  # beyond, a header is damaged and resampling would not end
_FIRST_SAMPLES = 2**18  # what room is made for at first: 16 seconds at 16 kHz
_SHORT, _TOGETHER = 2**14, 8  # samples of waveforms that are resampled together, and how many of them
_MOST_SAMPLES = 2**27  # 2 hours 20 minutes at 16 kHz: what a worker holds in its memory


class Sound:
    """A recording that was taken, and how far it has come.

    Attributes:
      recording: what it is; its blocks are taken.
      meter: of the source.
      level_meter: of what is stored.
      waveform: of a short recording the mean of the channels, at first at its own rate; None of a long one, and of one
        that is stored.
      samples: int16 [samples] as they are stored; None: not yet, or there will be none.
      verdict: why it is not kept; None: nothing speaks against it so far.
    """

    def __init__(self, recording: Recording, config: PrepareConfig) -> None:
        self.recording, self.config = recording, config
        self.meter, self.level_meter = QualityMeter(recording.rate), LevelMeter()
        self.waveform: Waveform | None = None
        self.samples: Samples | None = None
        self.verdict: Rejected | None = None

    @property
    def num_samples(self) -> int:
        """What it takes of memory: the samples that it holds, or will hold, or is stored as."""
        if self.waveform is None:
            return 0 if self.samples is None else len(self.samples)
        return self.room(self.waveform)

    def room(self, found: Block | Waveform) -> int:
        """The samples of a waveform, or of all channels of a block; those that are stored of it if they are more."""
        rates = {"source_rate": self.recording.rate, "target_rate": self.config.sample_rate}
        return max(found.size, audio.resampled_length(len(found), **rates))


def take(recording: Recording, config: PrepareConfig) -> Sound:
    """Takes all of a recording, and stores it if it is long.

    Raises:
      Undecodable: its decoder stopped part-way.
    """
    sound = Sound(recording, config)
    _try(sound, _take)
    return sound


def finish(sounds: Sequence[Sound], at: Callable[[int], None]) -> None:
    """Measures, resamples and stores those that are short; `at` is told which is resampled, of several the first."""
    _measure([sound for sound in sounds if sound.waveform is not None])
    for several in _alike(sounds):
        _resample_several(sounds, several, at)
        if len(several) == 1:  # while the cache has it
            _store([sounds[several[0]]])
    _store(sounds)


def _try(sound: Sound, step: Callable[[Sound], None]) -> None:
    """Does a step, and keeps the reason if it is the last one, but none of what the step had in hand."""
    try:
        step(sound)
    except Undecodable:
        raise
    except Rejected as verdict:
        sound.verdict = Rejected(verdict.status, verdict.reason)
    except MemoryError:
        sound.verdict = Rejected("corrupt", NO_MEMORY)
    except Exception as error:
        sound.verdict = Rejected("corrupt", f"decoding or resampling failed: {words(error)}")


def _take(sound: Sound) -> None:
    blocks, sound.recording.blocks = sound.recording.blocks, iter(())  # closes the file, whatever comes
    check_rate(sound.recording.rate)
    first = next(blocks, None)
    if first is not None and sound.room(first) <= BLOCK_SAMPLES:
        sound.meter.add_channels(first)
        sound.waveform = audio.mono(first)
    second = next(blocks, None)
    if second is None and sound.waveform is not None:
        return
    sound.meter, sound.waveform = QualityMeter(sound.recording.rate), None  # it is long after all
    begin = [block for block in (first, second) if block is not None]
    del first, second  # a block that is stored is let go
    _store_long(sound, chain((begin.pop(0) for _ in range(len(begin))), blocks))


def _store_long(sound: Sound, blocks: Iterator[Block]) -> None:
    stored = _Stored(sound)
    resampler = audio.Resampler(source_rate=sound.recording.rate, target_rate=sound.config.sample_rate)
    most = max(1, BLOCK_SAMPLES * sound.recording.rate // sound.config.sample_rate)  # of a slow one a block is much
    for block in blocks:
        waveform = audio.mono(block)
        sound.meter.add_channels(block)
        add_waveforms([sound.meter], [waveform])
        if not sound.meter.extent.bad:
            for begin in range(0, len(waveform), most):
                stored.append(resampler.push(waveform[begin : begin + most]))
    _check_source(sound)
    stored.append(resampler.end())
    _check_swing(sound)
    sound.samples = stored.samples()


class _Stored:
    """The samples of a long recording, as they come."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self._samples = np.empty(_FIRST_SAMPLES, "<i2")
        self._length = 0

    def append(self, waveform: Waveform) -> None:
        if not len(waveform):
            return
        length = self._length + len(waveform)
        if length > _MOST_SAMPLES:
            raise Rejected(
                "unsupported",
                f"more than {_MOST_SAMPLES} samples at {self._sound.config.sample_rate} Hz, the limit: "
                "list spans of it",
            )
        if length > len(self._samples):  # grows in place, where concatenating would take twice the memory
            self._samples.resize(length + length // 8, refcheck=False)
        audio.add_levels([self._sound.level_meter], [waveform])
        _check_levels(self._sound)
        audio.quantise(waveform, out=self._samples[self._length : length])
        self._length = length

    def samples(self) -> Samples:
        self._samples.resize(self._length, refcheck=False)
        return self._samples


def _measure(sounds: Sequence[Sound]) -> None:
    add_waveforms([sound.meter for sound in sounds], _waveforms(sounds))
    for sound in sounds:
        if not sound.verdict:
            _try(sound, _check_source)


def _alike(sounds: Sequence[Sound]) -> Iterator[list[int]]:
    """Places of those to be resampled: very short ones of one rate and about one length together, others alone."""
    short: dict[int, list[int]] = {}
    for index, sound in enumerate(sounds):
        if sound.waveform is not None and not sound.verdict and sound.recording.rate != sound.config.sample_rate:
            if sound.num_samples > _SHORT:
                yield [index]
            else:
                short.setdefault(sound.recording.rate, []).append(index)
    for same in short.values():
        same.sort(key=lambda index: sounds[index].num_samples)
        yield from (same[begin : begin + _TOGETHER] for begin in range(0, len(same), _TOGETHER))


def _resample_several(sounds: Sequence[Sound], several: Sequence[int], at: Callable[[int], None]) -> None:
    """Together if that goes well; else each alone, so that the reason is that of one."""
    at(several[0])
    if len(several) > 1:
        with suppress(Exception):
            _resample_together([sounds[index] for index in several])
            return
    for index in several:
        at(index)
        _try(sounds[index], _resample)


def _resample_together(sounds: Sequence[Sound]) -> None:
    rates = {"source_rate": sounds[0].recording.rate, "target_rate": sounds[0].config.sample_rate}
    for sound, waveform in zip(sounds, audio.resample_together(_waveforms(sounds), **rates), strict=True):
        sound.waveform = waveform


def _resample(sound: Sound) -> None:
    assert sound.waveform is not None
    sound.waveform = audio.resample(
        sound.waveform, source_rate=sound.recording.rate, target_rate=sound.config.sample_rate
    )


def _store(sounds: Sequence[Sound]) -> None:
    """Those that are resampled and not stored yet."""
    waiting = [sound for sound in sounds if sound.waveform is not None and not sound.verdict]
    for run in list(runs(_waveforms(waiting))):  # which is done with the waveforms then
        some = waiting[run]
        audio.add_levels([sound.level_meter for sound in some], _waveforms(some))
        for sound in some:
            _try(sound, _check_stored)
        kept = [sound for sound in some if not sound.verdict]
        for sound, samples in zip(kept, audio.quantise_all(_waveforms(kept)), strict=True):
            sound.samples, sound.waveform = samples, None


def _waveforms(sounds: Sequence[Sound]) -> list[Waveform]:
    return [sound.waveform for sound in sounds if sound.waveform is not None]


def _check_source(sound: Sound) -> None:
    check_finite(sound.meter.extent)
    length, rate = sound.meter.extent.length, sound.recording.rate
    duration_ms = 1000.0 * length / rate
    if not length or duration_ms < sound.config.min_duration_ms:
        raise Rejected(
            "too_short",
            f"{duration_ms:.1f} ms long ({length} samples at {rate} Hz); "
            f"the shortest that is kept has {sound.config.min_duration_ms:g} ms",
        )


def _check_stored(sound: Sound) -> None:
    _check_levels(sound)
    _check_swing(sound)


def _check_levels(sound: Sound) -> None:
    if not sound.level_meter.is_finite():
        sound.level_meter = LevelMeter()
        raise Rejected("non_finite", TOO_LARGE)


def _check_swing(sound: Sound) -> None:
    swing = sound.meter.extent.swing_db()
    if swing is None or swing < sound.config.silence_db:
        peak = "digital silence or a constant" if swing is None else f"a peak of {swing:.1f} dB"
        (found,) = qualities([sound.meter])
        raise Rejected(
            "silent",
            f"{peak} after averaging {sound.recording.channels} channel(s) and removing the mean; "
            f"clips below {sound.config.silence_db:g} dB are silent{_lost(found)}",
        )


def _lost(source: Quality | None) -> str:
    if source is None or not source.scaling_lost or source.peak_db is None:
        return ""
    steps = round(10.0 ** (source.peak_db / 20.0) / STEP)
    return f"; its loudest sample is {steps} of 32768 steps: the scale was lost when it was written"


def check_rate(rate: int) -> None:
    """Raises `Rejected` for a rate (Hz) that cannot be."""
    if not _LOWEST_HZ <= rate <= _HIGHEST_HZ:
        raise Rejected(
            "corrupt", f"its header announces {rate} samples a second, outside {_LOWEST_HZ} to {_HIGHEST_HZ}"
        )


def check_finite(extent: Extent) -> None:
    """Raises `Rejected` for samples that are NaN or infinite."""
    if extent.bad:
        raise Rejected("non_finite", f"{extent.bad} of {extent.length} samples are NaN or infinite")
