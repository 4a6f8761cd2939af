"""What a file is, by its first bytes: names lie about formats."""

HEAD_BYTES = 64

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"RF64", "RF64"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"ID3", "MP3"),
    (0, b"NIST_1A", "NIST"),
    (4, b"ftyp", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (0, b"#!AMR", "AMR"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "TTA"),
    (0, b"MAC ", "APE"),
    (0, b"ajkg", "Shorten"),
    (0, b"Creative Voice File\x1a", "VOC"),
)
ONLY_FFMPEG = ("MP4", "Matroska", "ASF", "AMR", "ADTS", "WavPack", "TTA", "APE", "Shorten")


def container_of(head: bytes) -> str | None:
    """The audio container that begins with `head` (`HEAD_BYTES` of it), or None."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "WAV" if head[:4] == b"RIFF" else "RIFX"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    if _is_layer_3_header(head):
        return "MP3"
    return "ADTS" if _is_adts_header(head) else None


def describe(head: bytes) -> str:
    """A few words on what a file that is not readable audio seems to be."""
    start = head[:24]
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the recording: fetch it with `git lfs pull`"
    if _is_text(head):
        return f"text, not audio; it starts with {start.decode('utf-8', 'replace')!r}"
    return f"no audio format that libsndfile or FFmpeg reads; it starts with the bytes {head[:8].hex(' ')}"


def _is_layer_3_header(head: bytes) -> bool:
    """MPEG audio layer III frame header. The sync word alone also begins UTF-16 text."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and 0 < bitrate < 15 and rate != 3


def _is_adts_header(head: bytes) -> bool:
    """A frame of AAC: layer 0, one of the 13 rates."""
    return len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    try:
        text = head[:-3].decode("utf-8") if len(head) == HEAD_BYTES else head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)
