"""Recordings that were cut off, changed or lied about are found out; those that only look so are kept."""

import struct

import numpy as np
import pytest

FORMATS = [
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "PCM_U8"),
    ("wav", "WAVEX", "PCM_24"),
    ("rf64", "RF64", "PCM_16"),
    ("w64", "W64", "PCM_16"),
    ("aiff", "AIFF", "PCM_16"),
    ("au", "AU", "PCM_16"),
    ("nist", "NIST", "PCM_16"),
    ("caf", "CAF", "PCM_16"),
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(("suffix", "container", "subtype"), FORMATS)
def test_a_file_that_was_cut_off_is_truncated(tmp_path, noise, write_audio, decode, suffix, container, subtype, share):
    """The decoder alone reads the front of most of these and says nothing."""
    path = write_audio(tmp_path / f"a.{suffix}", noise(96_000), 48_000, format=container, subtype=subtype)
    assert decode(path.name).status == "kept"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    decoded = decode(path.name)
    assert decoded.status == "truncated", decoded
    assert any(character.isdigit() for character in decoded.reason)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_big_endian_wav_that_was_cut_off_is_truncated(tmp_path, noise, write_audio, decode, share):
    """RIFX, which the decoder reads to its early end and says nothing."""
    path = write_audio(tmp_path / "a.wav", noise(96_000), subtype="PCM_16", endian="BIG")
    content = path.read_bytes()
    assert content.startswith(b"RIFX")
    assert decode("a.wav").status == "kept"
    path.write_bytes(content[: max(20, int(len(content) * share))])
    assert decode("a.wav").status == "truncated"


@pytest.mark.parametrize(
    ("suffix", "container", "subtype"),
    [("flac", "FLAC", "PCM_16"), ("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS")],
)
def test_a_flipped_byte_in_the_middle_is_corrupt(tmp_path, noise, write_audio, decode, suffix, container, subtype):
    """Formats with checksums do not lose samples in silence."""
    path = write_audio(tmp_path / f"a.{suffix}", noise(480_000), 48_000, format=container, subtype=subtype)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    decoded = decode(path.name)
    assert decoded.status == "corrupt"
    assert str(tmp_path) not in decoded.reason


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000, 0x8000_0000])
def test_a_stream_writer_that_did_not_know_the_size_is_believed(tmp_path, noise, write_audio, decode, size):
    """Sizes left by writers to a pipe mean unknown, not truncated."""
    samples = (noise() * 32_768).astype(np.int16)
    path = write_audio(tmp_path / "a.wav", samples, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    begin = content.index(b"data")
    content[begin + 4 : begin + 8] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", size)
    path.write_bytes(content)
    np.testing.assert_array_equal(decode("a.wav").samples, samples)


def test_lengths_that_writers_to_a_pipe_leave_out(tmp_path, noise, write_audio, decode):
    """A WAV or AU that says 0, a FLAC that says nothing: read to their ends, with a note."""
    samples = (noise(70_001) * 32_768).astype(np.int16)
    for name, first, kind in (("a.wav", b"data", {}), ("a.au", b".snd", {}), ("b.wav", b"data", {"endian": "BIG"})):
        path = write_audio(tmp_path / name, samples, subtype="PCM_16", **kind)
        content = bytearray(path.read_bytes())
        begin = content.index(first) + (8 if first == b".snd" else 4)
        content[begin : begin + 4] = bytes(4)
        path.write_bytes(content)
        np.testing.assert_array_equal(decode(name).samples, samples)
        assert "140002 follow" in decode(name).reason
    path = write_audio(tmp_path / "a.flac", samples, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    decoded = decode("a.flac")
    np.testing.assert_array_equal(decoded.samples, samples)
    assert "announces 0 samples, and it has 70001" in decoded.reason
    path.write_bytes(content[:-400])
    assert decode("a.flac").status in {"truncated", "corrupt"}


def test_a_wav_that_has_no_samples_has_none(tmp_path, noise, write_audio, decode):
    """A chunk behind an empty one is not taken for sound."""
    path = write_audio(tmp_path / "a.wav", noise(0), subtype="PCM_16")
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0abcd")
    assert decode("a.wav").status == "too_short"


@pytest.mark.parametrize("rate", [3, 2_000_000_000])
def test_a_rate_that_cannot_be(tmp_path, noise, write_audio, decode, rate):
    """A damaged header does not start a resampling without end."""
    path = write_audio(tmp_path / "a.wav", noise(), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    assert decode("a.wav").status == "corrupt"
    assert str(rate) in decode("a.wav").reason


@pytest.mark.parametrize(("suffix", "container", "subtype"), FORMATS)
def test_damage_at_random_is_a_verdict(tmp_path, noise, write_audio, decode, suffix, container, subtype):
    """Whatever the bytes: a status, and a reason that names no folder."""
    random = np.random.default_rng(0)
    path = write_audio(tmp_path / f"a.{suffix}", noise(6_000), format=container, subtype=subtype)
    whole = path.read_bytes()
    for _ in range(40):
        content = bytearray(whole)
        for position in random.integers(0, 120, 3):
            content[position] = random.integers(0, 256)
        path.write_bytes(content[: random.integers(1, 2 * len(content))])
        decoded = decode(path.name)
        assert (decoded.status == "kept") == (decoded.samples is not None)
        assert str(tmp_path) not in decoded.reason
