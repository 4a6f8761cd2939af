"""Mutations of real files of every format: none crashes, none hangs, none changes what the others become.

`python tests/pipelines/test_mutations.py SEED COUNT` tries others, and more of them, than the test does.
"""

import bz2
import gzip
import io
import struct
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import av
import numpy as np
import soundfile

from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.ledger import read_ledger
from pipelines.prepare import prepare
from pipelines.shards import read_shard

SHARED = Path(__file__).parents[3] / "shared/corpora"
SOUNDFILE = {
    "wav16.wav": ("WAV", "PCM_16"),
    "wav24.wav": ("WAVEX", "PCM_24"),
    "float.wav": ("WAV", "FLOAT"),
    "adpcm.wav": ("WAV", "MS_ADPCM"),
    "ima.wav": ("WAV", "IMA_ADPCM"),
    "ulaw.wav": ("WAV", "ULAW"),
    "rf64.rf64": ("RF64", "PCM_16"),
    "w64.w64": ("W64", "PCM_16"),
    "aiff.aiff": ("AIFF", "PCM_16"),
    "au.au": ("AU", "PCM_16"),
    "caf.caf": ("CAF", "PCM_16"),
    "alac.caf": ("CAF", "ALAC_16"),
    "nist.sph": ("NIST", "PCM_16"),
    "voc.voc": ("VOC", "PCM_16"),
    "flac.flac": ("FLAC", "PCM_16"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "opus.opus": ("OGG", "OPUS"),
    "mp3.mp3": ("MP3", "MPEG_LAYER_III"),
}
FFMPEG = {  # name -> muxer, encoder, rate it needs
    "aac.m4a": ("ipod", "aac", None),
    "alac.m4a": ("ipod", "alac", None),
    "aac.mp3": ("adts", "aac", None),
    "opus.webm": ("webm", "libopus", 48_000),
    "aac.mkv": ("matroska", "aac", None),
    "amr.3gp": ("3gp", "libopencore_amrnb", 8_000),
    "amr.amr": ("amr", "libopencore_amrnb", 8_000),
    "wma.wma": ("asf", "wmav2", 44_100),
    "ac3.ac3": ("ac3", "ac3", 48_000),
    "wavpack.wv": ("wv", "wavpack", None),
    "tta.tta": ("tta", "tta", None),
    "mp2.mp2": ("mp2", "mp2", 48_000),
}


def recordings() -> list[tuple[np.ndarray, int]]:
    """A second or so of real sounds, mono, with their rates; made ones where there are none."""
    patterns = ("esc10/**/*.ogg", "fsdd/**/7_*_1.wav", "voices_cc0/**/*.flac", "instruments_cc0/**/*.flac")
    paths = [sorted(SHARED.glob(pattern))[index] for pattern in patterns for index in (0, 1) if SHARED.is_dir()]
    sounds = [soundfile.read(path, dtype="float32", always_2d=True) for path in paths]
    if not sounds:
        time = np.arange(48_000) / 48_000
        noise = np.random.default_rng(0).normal(size=48_000)
        sounds = [((0.3 * np.sin(700 * time * (1 + time)) + 0.02 * noise).astype(np.float32)[:, None], 48_000)] * 8
    begins = [max(int(np.argmax(np.abs(sound[:, 0]))) - rate // 2, 0) for sound, rate in sounds]
    return [(0.9 * sound[begin : begin + rate, 0], rate) for begin, (sound, rate) in zip(begins, sounds, strict=True)]


def encode_ffmpeg(waveform: np.ndarray, rate: int, muxer: str, encoder: str) -> bytes:
    """A file in a format that only FFmpeg writes."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=rate, layout="mono")
        if encoder == "wmav2":
            stream.bit_rate = 64_000
        kind = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=kind, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 4096
        fifo = av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            fifo.write(part)
        while part := fifo.read(size, partial=True):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def originals() -> dict[str, bytes]:
    """Name -> bytes of a whole file in each format."""
    sounds = recordings()
    files = {}
    for index, (name, (container, subtype)) in enumerate(SOUNDFILE.items()):
        waveform, rate = sounds[index % len(sounds)]
        rate = 48_000 if subtype == "OPUS" else rate
        stream = io.BytesIO()
        soundfile.write(stream, waveform, rate, format=container, subtype=subtype)
        files[name] = stream.getvalue()
    for index, (name, (muxer, encoder, rate)) in enumerate(FFMPEG.items()):
        waveform, own = sounds[index % len(sounds)]
        files[name] = encode_ffmpeg(waveform, rate or own, muxer, encoder)
    return files


def mutate(name: str, content: bytes, random: np.random.Generator) -> bytes:
    """One of the things that can happen to a file."""
    kinds = MUTATIONS + ((_not_a_number,) if name.startswith("float") else ())
    return kinds[random.integers(len(kinds))](content, random)


def _flip_bits(content, random):
    changed = bytearray(content)
    for position in random.integers(0, len(content), random.integers(1, 9)):
        changed[position] ^= 1 << random.integers(8)
    return bytes(changed)


def _damage_header(content, random):
    changed = bytearray(content)
    for position in random.integers(0, min(len(content), 200), random.integers(1, 5)):
        changed[position] = random.integers(256)
    return bytes(changed)


def _declare_giant(content, random):
    """A number somewhere in the header becomes huge, in either order of bytes."""
    giant = random.choice([0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 2**40, 2**31])
    order = random.choice(["<", ">"])
    number = struct.pack(f"{order}{'I' if giant < 2**32 else 'Q'}", int(giant))
    position = random.integers(4, min(len(content), 160))
    return content[:position] + number + content[position + len(number) :]


def _cut(content, random):
    return content[: random.integers(0, len(content))]


def _cut_front(content, random):
    return content[random.integers(1, len(content)) :]


def _lose_a_block(content, random):
    begin, size = random.integers(len(content)), random.integers(1, 5_000)
    return content[:begin] + content[begin + size :]


def _insert(content, random):
    begin = random.integers(len(content))
    return content[:begin] + random.bytes(random.integers(1, 3_000)) + content[begin:]


def _blank(content, random):
    begin, size = random.integers(len(content)), random.integers(1, 9_000)
    return content[:begin] + bytes(len(content[begin : begin + size])) + content[begin + size :]


def _append(content, random):
    return content + random.bytes(random.integers(1, 5_000))


def _twice(content, random):
    return content + content


def _tag_in_front(content, random):
    claimed = int(random.integers(0, 500))
    return b"ID3\x04\0\0" + bytes([0, 0, claimed >> 7, claimed & 127]) + bytes(100) + content


def bombs() -> list[bytes]:
    """A few hundred kB that want to be hundreds of MiB."""
    zeros, stream = bytes(300 * 2**20), io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.wav", zeros)
    return [stream.getvalue(), gzip.compress(zeros, 1), bz2.compress(zeros[: 2**24])]


def _not_a_number(content, random):
    begin = 4 * random.integers(30, len(content) // 4 - 1)
    return content[:begin] + struct.pack("<f", random.choice([np.nan, np.inf, -np.inf])) + content[begin + 4 :]


MUTATIONS = (
    _flip_bits,
    _damage_header,
    _damage_header,
    _declare_giant,
    _declare_giant,
    _cut,
    _cut_front,
    _lose_a_block,
    _insert,
    _blank,
    _append,
    _twice,
    _tag_in_front,
)


def prepared(folder: Path, files: dict[str, bytes], *, name: str) -> dict[str, tuple]:
    """What becomes of each file: the row of the ledger but for its place, and the record."""
    source = folder / name
    for path, content in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    config = PrepareConfig(corpus="folder", clips_per_shard=40)
    request = PrepareRequest(config=config, source=str(source), root=str(folder / f"{name}-root"), max_rejected_share=1)
    snapshot = Path(prepare(request).snapshot)
    records = {path.name: [payload for _, payload in read_shard(path)] for path in snapshot.glob("*.tfrecord")}
    found = {}
    for row in read_ledger(snapshot / "clips.parquet"):
        record = records[row.shard][row.record] if row.shard else None
        found[row.clip_id] = (row._replace(shard=None, record=None, waveform_offset=None, split=""), record)
    return found


def check(folder: Path, whole: dict[str, bytes], *, seed: int, count: int) -> Counter:
    """Prepares the whole files among `count` mutations of them; how many of which status."""
    random = np.random.default_rng(seed)
    good = {f"a/{name}": content for name, content in whole.items()}
    names = [list(whole)[index % len(whole)] for index in range(count)]
    bad = {f"a/bad-{index:04d}-{name}": mutate(name, whole[name], random) for index, name in enumerate(names)}
    bad |= {f"a/bomb{kind}.wav": content for kind, content in enumerate(bombs())}
    clean = prepared(folder, good, name="clean")
    assert {name: row.reason for name, (row, _) in clean.items() if row.status != "kept"} == {}
    mixed = prepared(folder, good | bad, name="mixed")
    assert sorted(set(good | bad) - set(mixed)) == []
    for name, found in clean.items():
        assert found == mixed[name], name
    for row, record in mixed.values():
        assert (record is not None) == (row.status == "kept")
        assert row.status == "kept" or row.reason
        assert str(folder) not in row.reason
    assert mixed["a/bomb0.wav"][0].status == "unsupported"
    return Counter(row.status for name, (row, _) in mixed.items() if name in bad)


def test_mutations_cost_nobody_else_anything(tmp_path):
    """200 of them: all in the ledger, the whole files the same to the byte as without them."""
    statuses = check(tmp_path, originals(), seed=0, count=200)
    assert not {"crashed", "timed_out"} & set(statuses)
    assert {"kept", "truncated", "corrupt", "unsupported"} <= set(statuses)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(dict(check(Path(scratch), originals(), seed=int(sys.argv[1]), count=int(sys.argv[2]))))
