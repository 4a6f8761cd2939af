"""A file of a corpus on the network, and what a program can fetch of a corpus."""

import re
from dataclasses import dataclass

_ARCHIVE = re.compile(r"\.(zip|tar|tar\.(gz|bz2|xz)|tgz)$")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file to download, published by the owner of a corpus.

    Attributes:
      url: http or https; None: behind a registration, so that the user puts the file into the folder.
      file_name: under which it is kept.
      num_bytes: its exact size; None: not known, or it changes.
      sha256: of its bytes, in hexadecimal; None: not published.
      md5: of its bytes; None: not published.
      into: folder below the target that receives the file, or what is in it.
      part_of: the archive that this file and the others which name it make, in their order; None: it is whole.
      source: where size and checksum are from, in words.
      optional: fetched only where the user names it.
    """

    url: str | None
    file_name: str
    num_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    into: str = ""
    part_of: str | None = None
    source: str = ""
    optional: bool = False

    @property
    def archive(self) -> str | None:
        """The archive that this file is, or is a part of; None: it is neither."""
        return self.part_of or (self.file_name if _ARCHIVE.search(self.file_name) else None)


@dataclass(frozen=True, kw_only=True)
class Download:
    """What can be fetched of one corpus.

    Attributes:
      remotes: the files, in the order in which they are fetched.
      folder: below the target; what `leafworks prepare --source` takes.
      by_hand: what a program cannot fetch, where it is and how to lay it out; empty: nothing.
    """

    remotes: tuple[Remote, ...] = ()
    folder: str = ""
    by_hand: str = ""
