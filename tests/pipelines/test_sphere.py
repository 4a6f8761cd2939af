"""NIST SPHERE, as speech corpora have it: plain, µ-law, and compressed with Tony Robinson's shorten."""

import io

import numpy as np
import pytest
import soundfile

BLOCK = 256


def rice(value: int, bits: int) -> str:
    """A number as so many zeros, a one, and its lowest bits."""
    return "0" * (value >> bits) + "1" + (f"{value & (1 << bits) - 1:0{bits}b}" if bits else "")


def number(value: int) -> str:
    """A number of a header: first the bits it takes."""
    bits = max(value.bit_length() - 1, 0)
    return rice(bits, 2) + rice(value, bits)


def shorten(samples: np.ndarray) -> bytes:
    """16-bit mono samples, whole blocks of them, each the difference to the one before."""
    header = "".join(map(number, (5, 1, BLOCK, 0, 0, 0)))  # little-endian, channels, block, no prediction, no mean
    body = []
    for block in np.diff(samples, prepend=0).reshape(-1, BLOCK):
        energy = int(np.mean(np.abs(block)) + 1).bit_length()
        folded = np.where(block >= 0, 2 * block, -2 * block - 1)
        body.append(rice(1, 2) + rice(energy, 3) + "".join(rice(int(value), energy + 1) for value in folded))
    bits = header + "".join(body) + rice(4, 2)
    bits += "0" * (-len(bits) % 8)
    return b"ajkg\x02" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def sphere(content: bytes, *, samples: int, coding: str) -> bytes:
    """A SPHERE file of 16-bit mono samples at 16 kHz."""
    header = (
        f"NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i {samples}\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
        f"sample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s{len(coding)} {coding}\nend_head\n"
    )
    return header.encode().ljust(1024) + content


@pytest.fixture
def samples(noise):
    """Two seconds, in whole blocks."""
    tone = 0.2 * np.sin(np.arange(125 * BLOCK) / 9)
    return np.rint(32_768 * (tone + 0.1 * noise(125 * BLOCK))).astype(np.int64)


def test_shorten_is_decoded_to_the_sample(tmp_path, decode, samples):
    """What libsndfile does not read, FFmpeg does."""
    content = sphere(shorten(samples), samples=len(samples), coding="pcm,embedded-shorten-v2.00")
    (tmp_path / "a.wav").write_bytes(content)
    decoded = decode("a.wav")
    assert (decoded.status, decoded.source_format) == ("kept", "NIST/SHORTEN"), decoded
    np.testing.assert_array_equal(decoded.samples, samples)
    (tmp_path / "a.wav").write_bytes(content[: len(content) * 2 // 3])
    assert decode("a.wav").status in {"truncated", "corrupt"}


def test_plain_sphere_is_read_and_cuts_are_found(tmp_path, decode, samples):
    """By the count in its header."""
    content = sphere(samples.astype("<i2").tobytes(), samples=len(samples), coding="pcm")
    (tmp_path / "a.sph").write_bytes(content)
    np.testing.assert_array_equal(decode("a.sph").samples, samples)
    (tmp_path / "a.sph").write_bytes(content[:-1000])
    assert decode("a.sph").status == "truncated"


def test_mu_law_at_8_khz(tmp_path, decode, samples):
    """As telephone speech is."""
    stream = io.BytesIO()
    soundfile.write(stream, (samples / 32_768).astype(np.float32), 8_000, format="NIST", subtype="ULAW")
    (tmp_path / "a.sph").write_bytes(stream.getvalue())
    decoded = decode("a.sph")
    assert (decoded.status, decoded.source_rate) == ("kept", 8_000)
    assert len(decoded.samples) == 2 * len(samples)
