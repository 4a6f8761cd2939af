"""Recordings inside archives: listed and read where they lie, and nothing that an archive says is trusted."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from pipelines import sources
from pipelines.clip import stamp_of
from pipelines.sources import members, read_source
from pipelines.status import Rejected

CONTENTS = {f"a folder/ä{index}.wav": bytes([index]) * (1000 * index + 1) for index in range(7)}
SUFFIXES = ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "zip", "stored.zip", "parquet", "plain.parquet"]


def tar_of(contents, mode="w"):
    """The bytes of a tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zip_of(contents, compression=zipfile.ZIP_DEFLATED):
    """The bytes of a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parquet_of(contents, *, plain=False):
    """The bytes of a table of audio, two rows in a group."""
    rows = [content if plain else {"bytes": content, "path": name} for name, content in contents.items()]
    stream = io.BytesIO()
    table = pa.table({"label": list(range(len(rows))), "audio": rows, "name": list(contents)})
    parquet.write_table(table, stream, row_group_size=2)
    return stream.getvalue()


def archive_of(contents, suffix):
    """The bytes of an archive of that kind."""
    makers = {
        "tar": lambda: tar_of(contents),
        "tar.gz": lambda: gzip.compress(tar_of(contents)),
        "tgz": lambda: gzip.compress(tar_of(contents)),
        "tar.bz2": lambda: bz2.compress(tar_of(contents)),
        "tar.xz": lambda: lzma.compress(tar_of(contents)),
        "zip": lambda: zip_of(contents),
        "stored.zip": lambda: zip_of(contents, zipfile.ZIP_STORED),
        "parquet": lambda: parquet_of(contents),
        "plain.parquet": lambda: parquet_of(contents, plain=True),
    }
    return makers[suffix]()


def names_in(contents, suffix):
    """Member -> content, as the archive of that kind names its members."""
    return {
        str(index) if "parquet" in suffix else name: content for index, (name, content) in enumerate(contents.items())
    }


def read_or_reason(path, name):
    """(content, "") or (None, why not)."""
    try:
        return bytes(read_source(path, name)), ""
    except Rejected as verdict:
        return None, verdict.reason


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_members_are_listed_and_read_in_any_order(tmp_path, suffix):
    """With their sizes, which parquet knows as means only; the name of the file does not matter."""
    path = tmp_path / "archive"
    path.write_bytes(archive_of(CONTENTS, suffix))
    expected = names_in(CONTENTS, suffix)
    listed = members(path)
    assert [name for name, _ in listed] == list(expected)
    if "parquet" not in suffix:
        assert dict(listed) == {name: len(content) for name, content in expected.items()}
    for name in [*reversed(expected), *expected, "a folder/ä3.wav" if "parquet" not in suffix else "3"]:
        assert bytes(read_source(path, name)) == expected[name]
    with pytest.raises(Rejected, match="has no"):
        read_source(path, "a folder/none.wav")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_clip_in_an_archive_is_the_clip_beside_it(tmp_path, noise, write_audio, decode, suffix):
    """The same samples, from any kind of archive."""
    files = {
        name: write_audio(tmp_path / name, noise(seed=seed)).read_bytes()
        for seed, name in enumerate(["a.wav", "b.flac", "c.ogg"])
    }
    (tmp_path / "archive").write_bytes(archive_of(files, suffix))
    for name, member in zip(files, names_in(files, suffix), strict=True):
        inside = decode("archive", member=member)
        assert inside.status == "kept", inside
        np.testing.assert_array_equal(inside.samples, decode(name).samples)
    assert decode("archive", member="none").status == "missing"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_of_nothing_has_no_members(tmp_path, suffix):
    """An empty list, or for a file of 0 bytes a reason."""
    (tmp_path / "a").write_bytes(archive_of({}, suffix) if "parquet" not in suffix else parquet_of({}, plain=True))
    if "parquet" in suffix:
        with pytest.raises(ValueError, match="audio bytes"):
            members(tmp_path / "a")
    else:
        assert members(tmp_path / "a") == []


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 no zip", b"PAR1 no parquet", b"\x1f\x8b no gzip", b"BZh9 no", b"a text" * 999]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    """With its path and a reason."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=rf"An archive is .*{tmp_path}/a"):
        members(tmp_path / "a")


def test_links_devices_and_sparse_files_are_left_out(tmp_path):
    """Listed nowhere, and refused with what they are when they are asked for."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind in {
            "sym": tarfile.SYMTYPE,
            "hard": tarfile.LNKTYPE,
            "pipe": tarfile.FIFOTYPE,
            "dir": tarfile.DIRTYPE,
        }.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        info = tarfile.TarInfo("sparse")
        info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**40)}
        tar.addfile(info)
        tar.addfile(tarfile.TarInfo("../../escape"))
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    assert members(tmp_path / "a.tar") == [("../../escape", 0)]
    for name, words in {"sym": "link", "hard": "/etc/passwd", "pipe": "device", "sparse": "sparse"}.items():
        with pytest.raises(Rejected, match=words):
            read_source(tmp_path / "a.tar", name)
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert members(tmp_path / "a.zip") == []
    with pytest.raises(Rejected, match="link"):
        read_source(tmp_path / "a.zip", "link")


def test_of_one_name_twice_the_last_counts(tmp_path):
    """As it does when the archive is unpacked."""
    twice = tar_of({"a": b"first", "b": b""})[:1536] + tar_of({"a": b"second"})
    (tmp_path / "a.tar").write_bytes(twice)
    assert members(tmp_path / "a.tar") == [("b", 0), ("a", 6)]
    assert bytes(read_source(tmp_path / "a.tar", "a")) == b"second"


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "tar.xz", "zip", "parquet"])
def test_a_bomb_meets_the_limit(tmp_path, suffix, monkeypatch):
    """A member that must be decompressed has a largest size, which the verdict names."""
    monkeypatch.setattr(sources, "MOST_MEMBER_BYTES", 100_000)
    files = {"bomb": bytes(100_001), "good": bytes(100_000)}
    (tmp_path / "a").write_bytes(archive_of(files, suffix))
    bomb, good = names_in(files, suffix)
    with pytest.raises(Rejected, match=r"100001 bytes.* up to 100000\b.*unpack"):
        read_source(tmp_path / "a", bomb)
    assert len(read_source(tmp_path / "a", good)) == 100_000


def test_a_tar_that_expands_without_end_is_left(tmp_path):
    """A header that promises a TiB costs nothing: what lies before it is listed."""
    whole = tar_of({"good": b"audio"})
    huge = bytearray(tar_of({"huge": b""})[:512])
    huge[124:136] = b"\x80\0\0\0\0\0\1\0\0\0\0\0"  # 2**40 in the long form
    huge[148:156] = b" " * 8
    huge[148:156] = b"%06o\0 " % sum(huge)
    content = whole[:1024] + bytes(huge) + bytes(10_240)
    for name, made in {"a.tar": content, "a.tgz": gzip.compress(content)}.items():
        (tmp_path / name).write_bytes(made)
        assert ("good", 5) in members(tmp_path / name)
        assert bytes(read_source(tmp_path / name, "good")) == b"audio"
        with pytest.raises(Rejected):
            read_source(tmp_path / name, "huge")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_to_an_archive_is_a_verdict(tmp_path, suffix):
    """Flipped, cut, lengthened: a listing or a ValueError, content or a reason; never another content."""
    random = np.random.default_rng(0)
    files = {f"{index}": random.bytes(3_000) for index in range(6)}
    whole = archive_of(files, suffix)
    expected = names_in(files, suffix)
    for number in range(60):
        content = bytearray(whole)
        for position in random.integers(0, len(content), 2):
            content[position] ^= random.integers(1, 256)
        path = tmp_path / f"{number}"
        path.write_bytes(content[: random.integers(1, 3 * len(content))])
        try:
            listed = [name for name, _ in members(path)]
        except ValueError:
            continue
        for name in listed[:6]:
            found, reason = read_or_reason(path, name)
            assert (found is None) == bool(reason)
            assert str(tmp_path) not in reason
            if found is not None and "zip" in suffix and name in expected:
                assert found == expected[name]


def test_an_archive_that_was_cut_off_costs_the_members_behind(tmp_path):
    """The one it ends in is listed, and truncated."""
    content = tar_of(CONTENTS)
    (tmp_path / "a.tar").write_bytes(content[: content.index(b"\2" * 9) + 1000])
    listed = members(tmp_path / "a.tar")
    assert listed[-1] == ("a folder/ä2.wav", 2001)
    with pytest.raises(Rejected, match="ends within the member") as verdict:
        read_source(tmp_path / "a.tar", "a folder/ä2.wav")
    assert verdict.value.status == "truncated"


def test_the_stamp_is_the_archive_s(tmp_path, noise, write_audio, decode):
    """An archive that changed after it was listed is not read."""
    content = write_audio(tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.zip").write_bytes(zip_of({"a.wav": content}))
    old = stamp_of(str(tmp_path / "a.zip"))
    (tmp_path / "a.zip").write_bytes(zip_of({"a.wav": content, "b": b""}))
    assert decode("a.zip", member="a.wav", stamp=old).status == "changed"
    assert decode("a.zip", member="b").status == "empty"


def test_the_indexes_of_many_archives_do_not_fill_the_memory(tmp_path, monkeypatch):
    """Those that were read last are kept, the one in use always."""
    monkeypatch.setattr(sources, "_MOST_INDEX_BYTES", 2_000)
    indexes = sources._Indexes()
    for index in range(20):
        (tmp_path / f"{index}").write_bytes(tar_of({"a": b"", "b": b""}))
        archive = indexes.of(str(tmp_path / f"{index}"))
        assert indexes.of(str(tmp_path / f"{index}")) is archive
    assert len(indexes._archives) == 3
