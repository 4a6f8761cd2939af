"""Archives from the network: what is in them, inside the folder, or nothing and the reason."""

import io
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest

from pipelines.unpack import Limits, merge, unpack

FILES = {"top/a.wav": b"a" * 1000, "top/below/b.wav": b"b" * 70_000, "c.csv": b"x,y\n"}
MTIME = 1_525_402_922  # 4 May 2018, 03:02:02 UTC


def tarred(*members: tuple[tarfile.TarInfo, bytes], kind: str = "w:gz") -> bytes:
    """A tar archive of members."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=kind) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, link, MTIME
    return info, content


def zip_entry(name: str, mode: int) -> bytes:
    """A zip archive of one entry with a Unix mode."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, b"/etc/passwd")
    return packed.getvalue()


@pytest.fixture
def run(tmp_path, contents):
    """Unpacks one archive and returns what is in the folder: (name, bytes of the parts...)."""

    def unpacked(name, *parts, **limits):
        paths = [tmp_path / f"{number}-{name}" for number in range(len(parts))]
        for path, content in zip(paths, parts, strict=True):
            path.write_bytes(content)
        folder = tmp_path / "unpacked"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        files = unpack(paths, folder, name=name, limits=Limits(**limits))
        found = contents(folder)
        assert len(found) == files
        return found

    return unpacked


@pytest.fixture
def nothing_outside(tmp_path):
    """After the test, only the archive and its folder are there."""
    before = set(tmp_path.parent.iterdir())
    yield
    assert set(tmp_path.parent.iterdir()) == before
    assert all(path.name == "unpacked" or path.name[1] == "-" for path in tmp_path.iterdir())
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_archives_of_every_compression(run, tmp_path, kind):
    """Content, and the time that the archive says."""
    packed = tarred(member("top", kind=tarfile.DIRTYPE), *(member(*item) for item in FILES.items()), kind=kind)
    assert run("x.tar.gz", packed) == FILES
    assert (tmp_path / "unpacked/c.csv").stat().st_mtime == MTIME


def test_zip_archives(run, zipped, tmp_path):
    """Content and time; its clock has no zone, and is read as UTC, so that all machines agree."""
    assert run("x.zip", zipped(FILES)) == FILES
    assert (tmp_path / "unpacked/c.csv").stat().st_mtime == MTIME


def test_parts_are_joined(run, zipped):
    """Cut anywhere, as `split` does; no joined copy is made."""
    packed = zipped(FILES)
    assert run("x.zip", packed[:10], packed[10:60], packed[60:]) == FILES


def test_an_archive_split_by_zip_is_joined(run, tmp_path):
    """`.z01`, `.z02` and `.zip` from the real program, with files that lie across the cuts."""
    program = shutil.which("zip")
    if program is None:
        pytest.skip("needs the program zip: apt install zip")
    files = {f"{number}.bin": np.random.default_rng(number).bytes(40_000) for number in range(8)}
    source = tmp_path / "source"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    subprocess.run([program, "-q", "-r", "-s", "64k", "../x.zip", "."], cwd=source, check=True)
    parts = [path.read_bytes() for path in [*sorted(tmp_path.glob("x.z0*")), tmp_path / "x.zip"]]
    assert len(parts) > 4
    assert run("x.zip", *parts) == files
    with pytest.raises(ValueError, match="whole zip or tar"):
        run("x.zip", *parts[1:])


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..", "a\\..\\..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_names_that_lead_out_are_refused(run, zipped, nothing_outside, kind, name):
    """Whatever the archive."""
    packed = zipped({name: b"evil"}) if kind == "zip" else tarred(member(name, b"evil"))
    with pytest.raises(ValueError, match="leads out of the folder"):
        run(f"x.{kind}", packed)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("link", ["/etc/passwd", "../../../etc/passwd", "nowhere", "self", "folder"])
def test_links_out_are_refused(run, nothing_outside, kind, link):
    """To a file of the machine, to nothing, to itself, to a folder."""
    packed = tarred(member("folder", kind=tarfile.DIRTYPE), member("self", kind=kind, link=link))
    with pytest.raises(ValueError, match="a link to"):
        run("x.tar.gz", packed)


def test_a_file_through_a_link_is_refused(run, nothing_outside):
    """The classic: a link to a folder outside, and then a file below it."""
    packed = tarred(member("a", kind=tarfile.SYMTYPE, link="/tmp"), member("a/evil", b"evil"))
    with pytest.raises(ValueError, match="a link to `/tmp`"):
        run("x.tar.gz", packed)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_within_the_archive_becomes_a_copy(run, nothing_outside, kind):
    """So that no link is ever in the folder."""
    link = "a.wav" if kind == tarfile.SYMTYPE else "top/a.wav"
    packed = tarred(member("top/a.wav", b"sound"), member("top/b.wav", kind=kind, link=link))
    assert run("x.tar.gz", packed) == {"top/a.wav": b"sound", "top/b.wav": b"sound"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(run, nothing_outside, kind):
    """Also pipes."""
    with pytest.raises(ValueError, match="device or a pipe"):
        run("x.tar.gz", tarred(member("dev", kind=kind)))


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO | 0o666])
def test_links_and_devices_in_a_zip_are_refused(run, nothing_outside, mode):
    """zip keeps them in the mode of an entry."""
    with pytest.raises(ValueError, match="link or a device"):
        run("x.zip", zip_entry("link", mode))


def test_a_bomb_of_bytes_is_refused(run, zipped, nothing_outside, tmp_path):
    """100 MB of zeros in 100 kB, by the limits of every call; it ends before they are written."""
    with pytest.raises(ValueError, match="--max-ratio"):
        run("x.zip", zipped({"zeros": bytes(100 << 20)}))
    assert (tmp_path / "unpacked/zeros").stat().st_size <= 65 << 20
    with pytest.raises(ValueError, match="--max-ratio"):
        run("x.tar.gz", tarred(member("zeros", bytes(100 << 20))))


def test_a_zip_that_lies_about_its_sizes_is_refused(run, zipped, nothing_outside):
    """What is written is counted, not what is announced."""
    packed = zipped({"zeros": bytes(100 << 20)})
    size = struct.pack("<I", 100 << 20)
    assert packed.count(size) >= 1
    with pytest.raises(ValueError, match=r"--max-ratio|whole zip"):
        run("x.zip", packed.replace(size, struct.pack("<I", 1000)))


def test_a_bomb_of_files_is_refused(run, zipped, nothing_outside):
    """One more than allowed."""
    files = {f"{number}": b"" for number in range(21)}
    assert len(run("x.zip", zipped(files), files=21)) == 21
    with pytest.raises(ValueError, match="more than 20 files"):
        run("x.zip", zipped(files), files=20)


def test_a_name_twice_is_refused(run, nothing_outside):
    """The second would be written over the first; a file and a folder of one name likewise."""
    with pytest.raises(ValueError, match="twice"):
        run("x.tar.gz", tarred(member("a", b"1"), member("a", b"2")))
    with pytest.raises(ValueError, match=r"twice|not a directory"):
        run("x.tar.gz", tarred(member("a", b"1"), member("a/b", b"2")))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_a_truncated_archive_is_refused(run, zipped, nothing_outside, kind, share):
    """Wherever it ends."""
    files = {f"{number}.bin": np.random.default_rng(number).bytes(30_000) for number in range(4)}
    members = [member(*item) for item in files.items()]
    packed = zipped(files) if kind == "zip" else tarred(*members, kind="w:gz" if kind == "tar.gz" else "w")
    if kind == "tar":
        packed = packed[: len(packed) - 10_240 * 2]  # its end is padding, which nobody misses
    with pytest.raises(ValueError, match="whole zip or tar"):
        run(f"x.{kind}", packed[: int(share * len(packed))])


def test_a_tar_that_ends_between_two_members_is_refused(run, nothing_outside):
    """Nothing in it is damaged, and the mark of its end is missing."""
    whole = tarred(*(member(*item) for item in FILES.items()), kind="w")
    assert run("x.tar", whole) == FILES
    with pytest.raises(ValueError, match="mark of its end"):
        run("x.tar", whole[: 512 + 1024])


def test_a_damaged_archive_is_refused(run, zipped, nothing_outside):
    """A flipped byte in a member, whatever the compression; a page of a web server instead of an archive."""
    for kind in ("gz", "bz2", "xz"):
        damaged = bytearray(tarred(member("a", np.random.default_rng(0).bytes(30_000)), kind=f"w:{kind}"))
        damaged[15_000] ^= 1
        with pytest.raises(ValueError, match="whole zip or tar"):
            run("x.tar", bytes(damaged))
    packed = bytearray(zipped({"a": np.random.default_rng(0).bytes(30_000)}))
    packed[15_000] ^= 1
    with pytest.raises(ValueError, match="whole zip or tar"):
        run("x.zip", bytes(packed))
    for name in ("x.zip", "x.tar.gz"):
        with pytest.raises(ValueError, match="it begins b'<!DOCTYPE html> '"):
            run(name, b"<!DOCTYPE html>" + b" " * 20_000)


@pytest.fixture
def two(tmp_path, write_files):
    """What was unpacked, and the folder that receives it."""
    return write_files(tmp_path / "unpacked", {"a/1": b"1", "a/2": b"2", "3": b"3"}), tmp_path / "target"


def test_merging_moves_everything(two, write_files, contents):
    """Into folders that are there; a file that is there and the same is no conflict."""
    unpacked, target = two
    write_files(target, {"a/0": b"0", "a/1": b"1"})
    merge(unpacked, target)
    assert contents(target) == {"a/0": b"0", "a/1": b"1", "a/2": b"2", "3": b"3"}
    assert not unpacked.exists()


def test_merging_writes_nothing_over(two, write_files, contents, tmp_path):
    """Another file, a link, or a folder of that name: nothing is moved at all."""
    unpacked, target = two
    for obstacle in ("file", "link", "folder"):
        shutil.rmtree(target, ignore_errors=True)
        write_files(target, {"x": b"x"})
        if obstacle == "file":
            write_files(target, {"a/2": b"other"})
        elif obstacle == "link":
            (target / "3").symlink_to(tmp_path / "outside")
        else:
            (target / "3").mkdir()
        before = contents(target)
        with pytest.raises(ValueError, match="written over"):
            merge(unpacked, target)
        assert contents(target) == before
        assert sorted(path.name for path in unpacked.iterdir()) == ["3", "a"]
