"""What became of a listed clip: kept, or rejected for one of these reasons."""

from typing import Literal

Status = Literal[
    "kept",
    "missing",  # listed, but no readable file
    "changed",  # another size or time than when it was listed
    "empty",  # 0 bytes
    "unsupported",  # not audio, or a format that neither libsndfile nor FFmpeg reads
    "truncated",  # fewer bytes or samples than the file announces
    "corrupt",  # fails a checksum or stops the decoder
    "crashed",  # ended the process that decoded it
    "timed_out",  # decoded for longer than its length allows
    "too_short",
    "silent",
    "non_finite",  # NaN or infinite samples
    "unlabelled",
    "duplicate",  # a copy of a clip that stays, dropped as the config says
]


class Rejected(Exception):  # noqa: N818 - a verdict on one clip, not an error of the program
    """One clip cannot be kept; `reason` is a sentence with the numbers."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def words(error: Exception) -> str:
    """What went wrong, without the path that some libraries put in front: ledgers name no machine."""
    return error.strerror or "" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
