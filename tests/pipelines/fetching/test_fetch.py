"""Fetching a corpus: from a server to a folder that can be prepared, however often it is stopped."""

import dataclasses
import errno
import fcntl
import re
import signal
import subprocess
import sys
import threading

import pytest

from infra.config import to_json
from infra.environment import stage_environment
from infra.stage import run_stage
from pipelines import fetch as fetching
from pipelines.config import PrepareConfig
from pipelines.corpora.catalog import CATALOG, list_corpus
from pipelines.corpora.downloads import DOWNLOADS
from pipelines.corpora.remote import Download, Remote
from pipelines.fetch import fetch
from pipelines.requests import Fetched, FetchRequest


@pytest.fixture
def corpus(web, page, zipped, monkeypatch, content, sha256):
    """A corpus `fsdd` on the server: an archive with a checksum, one in two parts, a list, and an optional file."""
    packed = zipped({"recordings/0_jackson_0.wav": b"0", "recordings/1_jackson_5.wav": content})
    parted = zipped({"more/2_theo_7.wav": content[::-1]})
    files = {"a.zip": packed, "b.zip.001": parted[:1_000_000], "b.zip.002": parted[1_000_000:], "list.csv": b"x\n"}
    for name, body in {**files, "extra.csv": b"extra"}.items():
        web.pages[f"/{name}"] = page(body)
    remotes = (
        Remote(url=f"{web.address}/a.zip", file_name="a.zip", num_bytes=len(packed), sha256=sha256(packed)),
        Remote(url=f"{web.address}/b.zip.001?download=1", file_name="b.zip.001", part_of="b.zip"),
        Remote(url=f"{web.address}/b.zip.002", file_name="b.zip.002", part_of="b.zip"),
        Remote(url=f"{web.address}/list.csv", file_name="list.csv", into="lists"),
        Remote(url=f"{web.address}/extra.csv", file_name="extra.csv", optional=True),
    )
    web.download = Download(remotes=remotes, folder="recordings")
    monkeypatch.setitem(DOWNLOADS, "fsdd", web.download)
    return web


@pytest.fixture
def request_to(tmp_path):
    """Makes a request that fetches `fsdd` to the folder `target`: (fields...)."""

    def make(**fields):
        return FetchRequest(**{"corpus": "fsdd", "folder": str(tmp_path / "target"), "pause_s": 0.001, **fields})

    return make


@pytest.fixture
def found(tmp_path, contents):
    """What a user finds in the folder: path -> size."""

    def find():
        return {name: len(body) for name, body in contents(tmp_path / "target").items() if not name.startswith(".")}

    return find


WHOLE = {"recordings/0_jackson_0.wav": 1, "recordings/1_jackson_5.wav": 3_000_000, "more/2_theo_7.wav": 3_000_000}


def test_a_corpus_is_fetched_and_can_be_prepared(corpus, request_to, found, tmp_path):
    """Unpacked, with nothing else left; the answer names the source of `prepare`."""
    fetched = fetch(request_to())
    assert found() == {**WHOLE, "lists/list.csv": 2}
    assert fetched.source == str(tmp_path / "target/recordings")
    assert [(file.name, file.checked, file.found) for file in fetched.files] == [
        ("a.zip", True, False),
        ("b.zip.001", False, False),
        ("b.zip.002", False, False),
        ("list.csv", False, False),
    ]
    assert sorted(path.name for path in (tmp_path / "target/.fetch").iterdir()) == ["fetched.json", "lock"]
    listed = list_corpus(PrepareConfig(corpus="fsdd"), fetched.source)
    assert [clip.clip_id for clip in listed.clips] == ["0_jackson_0.wav", "1_jackson_5.wav"]


def test_a_second_call_asks_for_nothing(corpus, request_to, found):
    """And says what was there, with its checksums; what was removed since comes again."""
    first = fetch(request_to())
    corpus.requests.clear()
    again = fetch(request_to())
    assert corpus.requests == []
    assert again.files == tuple(dataclasses.replace(file, found=True) for file in first.files)
    subprocess.run(["rm", "-r", again.source], check=True)
    fetch(request_to())
    assert found() == {**WHOLE, "lists/list.csv": 2}
    assert {path for path, _ in corpus.requests} == {"/a.zip"}


def test_fetching_twice_gives_the_same_listing(corpus, request_to, tmp_path):
    """Names, sizes and times: another folder, the same snapshot key."""
    one, two = (fetch(request_to(folder=str(tmp_path / name))).source for name in ("1", "2"))
    config = PrepareConfig(corpus="fsdd")
    assert list_corpus(config, one).clips == list_corpus(config, two).clips


def test_only_what_is_named(corpus, request_to, found):
    """Names of archives, patterns, and files that are not fetched otherwise; a wrong one is answered with all."""
    fetch(request_to(only=("list*", "extra.csv")))
    assert found() == {"lists/list.csv": 2, "extra.csv": 5}
    with pytest.raises(ValueError, match=re.escape("['a.zip', 'b.zip', 'extra.csv', 'list.csv']. Received: ['c']")):
        fetch(request_to(only=("a.zip", "c")))


def test_archives_may_stay_packed(corpus, request_to, found):
    """And are unpacked by a later call without being fetched again."""
    fetch(request_to(unpack=False))
    assert set(found()) == {"a.zip", "b.zip.001", "b.zip.002", "lists/list.csv"}
    corpus.requests.clear()
    fetch(request_to())
    assert set(found()) > {*WHOLE, "a.zip"}
    assert corpus.requests == []


def test_files_that_the_user_brought_are_used(corpus, request_to, found, tmp_path, write_files):
    """Checked, and left where they are; a wrong one is refused and not touched."""
    packed = corpus.pages.pop("/a.zip").content
    write_files(tmp_path / "target", {"a.zip": packed})
    fetch(request_to())
    assert found() == {**WHOLE, "lists/list.csv": 2, "a.zip": len(packed)}
    write_files(tmp_path / "other", {"a.zip": packed[:-1] + b"x"})
    with pytest.raises(ValueError, match=r"a.zip, whose sha256 is \w+ instead of"):
        fetch(request_to(folder=str(tmp_path / "other")))
    assert (tmp_path / "other/a.zip").stat().st_size == len(packed)


def test_a_mirror_stands_in_for_the_owners(corpus, web, request_to, found):
    """The same names below another address; the checksums stay."""
    for name in [*web.pages]:
        web.pages[f"/mirror{name}"] = web.pages.pop(name)
    fetch(request_to(mirror=f"{web.address}/mirror/"))
    assert found() == {**WHOLE, "lists/list.csv": 2}
    with pytest.raises(ValueError, match="http or https"):
        request_to(mirror="file:///etc")


def test_what_needs_a_registration_is_said(corpus, request_to, found, monkeypatch, tmp_path, write_files):
    """The text; what is missing by name; and with the files there it goes on."""
    packed = corpus.pages.pop("/a.zip").content
    remotes = (Remote(url=None, file_name="a.zip"), DOWNLOADS["fsdd"].remotes[3])
    monkeypatch.setitem(DOWNLOADS, "fsdd", Download(remotes=remotes, by_hand="Register there."))
    with pytest.raises(ValueError, match=r"^Register there\.\nNot in .*/target: a.zip\.$"):
        fetch(request_to())
    assert found() == {}
    write_files(tmp_path / "target", {"a.zip": packed})
    assert fetch(request_to()).by_hand == "Register there."
    assert set(found()) == {"recordings/0_jackson_0.wav", "recordings/1_jackson_5.wav", "lists/list.csv", "a.zip"}


def test_nothing_is_written_over(corpus, request_to, found, tmp_path, write_files):
    """A file of the user's with one of the names: refused, nothing moved; removed, it goes on without the server."""
    mine = write_files(tmp_path / "target", {"recordings/0_jackson_0.wav": b"mine"}) / "recordings/0_jackson_0.wav"
    with pytest.raises(ValueError, match="written over"):
        fetch(request_to(only=("a.zip",)))
    assert mine.read_bytes() == b"mine"
    assert found() == {"recordings/0_jackson_0.wav": 4}
    mine.unlink()
    corpus.requests.clear()
    fetch(request_to(only=("a.zip",)))
    assert corpus.requests == []


def test_a_malicious_archive_leaves_nothing(corpus, page, zipped, request_to, found, tmp_path):
    """It is refused, and what it had unpacked is gone."""
    corpus.pages["/b.zip.001"] = page(zipped({"fine.wav": b"x", "../../evil": b"x"}))
    corpus.pages["/b.zip.002"] = page(b"")
    with pytest.raises(ValueError, match=r"b\.zip with the name '\.\./\.\./evil'"):
        fetch(request_to(only=("b.zip",)))
    assert found() == {}
    assert not (tmp_path / "target/.fetch/unpacking").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_truncated_archive_is_fetched_anew(corpus, page, request_to, found):
    """Nothing vouched for it: refused, removed, and whole the next time."""
    parted = corpus.pages["/b.zip.002"].content
    corpus.pages["/b.zip.002"] = page(parted[:-1000])
    with pytest.raises(ValueError, match=r"whole zip or tar file\..* run again to fetch it anew"):
        fetch(request_to(only=("b.zip",)))
    corpus.pages["/b.zip.002"] = page(parted)
    fetch(request_to(only=("b.zip",)))
    assert found() == {"more/2_theo_7.wav": 3_000_000}


def test_a_disk_that_fills_up_while_unpacking_costs_no_transfer(corpus, request_to, found, monkeypatch, tmp_path):
    """A clear error, nothing half-unpacked left; with room the next call asks the server for nothing."""

    def full(parts, folder, **options):
        (folder / "half.wav").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetching, "unpack", full)
    with pytest.raises(ValueError, match=r"No space left on device\. Make room, and the same"):
        fetch(request_to(only=("a.zip",)))
    assert not (tmp_path / "target/.fetch/unpacking").exists()
    assert found() == {}
    monkeypatch.undo()
    corpus.requests.clear()
    monkeypatch.setitem(DOWNLOADS, "fsdd", corpus.download)
    fetch(request_to(only=("a.zip",)))
    assert found() == {"recordings/0_jackson_0.wav": 1, "recordings/1_jackson_5.wav": 3_000_000}
    assert corpus.requests == []


def test_room_is_asked_for_before_anything_is_fetched(corpus, request_to, monkeypatch):
    """By the published sizes, twice for an archive; less is asked for where archives stay packed."""
    size = DOWNLOADS["fsdd"].remotes[0].num_bytes
    usage = fetching.shutil.disk_usage("/")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=2 * size - 1))
    with pytest.raises(ValueError, match=f"need at least {2 * size:,}"):
        fetch(request_to())
    assert corpus.requests == []
    fetch(request_to(unpack=False, only=("a.zip",)))


def test_a_folder_that_cannot_be_written_is_refused(corpus, request_to, tmp_path):
    """The error names the flag."""
    (tmp_path / "target").write_text("a file")
    with pytest.raises(ValueError, match="--to"):
        fetch(request_to())


def test_killed_in_the_middle_it_goes_on(corpus, page, request_to, found, tmp_path):
    """A stage that is killed by SIGKILL in the middle of a body: the next call asks for the rest of it only."""
    packed = corpus.pages["/a.zip"].content
    arrived, go = threading.Event(), threading.Event()
    corpus.pages["/a.zip"] = page(packed, pauses=(1_000_000, arrived, go))
    script = (
        (
            "import sys; from pipelines import fetch; from pipelines.corpora import downloads, remote; "
            "from infra.config import from_json; from pipelines.requests import FetchRequest; "
            f"downloads.DOWNLOADS['fsdd'] = {DOWNLOADS['fsdd']!r}; "
        )
        .replace("Download(", "remote.Download(")
        .replace("Remote(", "remote.Remote(")
    )
    script += f"fetch.fetch(from_json(FetchRequest, {to_json(request_to())!r}))"
    with subprocess.Popen([sys.executable, "-c", script], env=stage_environment()) as child:
        assert arrived.wait(60)
        part = tmp_path / "target/.fetch/a.zip.part"
        while not (part.is_file() and part.stat().st_size >= 900_000):
            assert child.poll() is None
            go.wait(0.01)
        child.send_signal(signal.SIGKILL)
    go.set()
    assert child.returncode == -signal.SIGKILL
    assert found() == {}
    corpus.requests.clear()
    fetch(request_to())
    assert found() == {**WHOLE, "lists/list.csv": 2}
    first = int(re.fullmatch(r"bytes=(\d+)-", corpus.ranges()[0])[1])
    assert 900_000 <= first <= 1_000_000


def test_two_at_a_time_wait_for_each_other(corpus, request_to, tmp_path):
    """The second begins when the first has ended."""
    (tmp_path / "target/.fetch").mkdir(parents=True)
    with (tmp_path / "target/.fetch/lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        thread = threading.Thread(target=fetch, args=(request_to(),))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert corpus.requests == []
    thread.join(60)
    assert (tmp_path / "target/.fetch/fetched.json").is_file()


def test_an_unknown_corpus_is_answered_with_all(request_to):
    """And one that no program can fetch with what to do."""
    with pytest.raises(ValueError, match=r"'fsdd'.*Received: 'nothing'"):
        fetch(request_to(corpus="nothing"))
    for name in ("folder", "synthetic", "voxforge", "crema_d"):
        with pytest.raises(ValueError, match=f"`{name}` is not fetched by leafworks"):
            fetch(request_to(corpus=name))


def test_the_stage_answers(corpus, web, request_to):
    """Run as the command line runs it, with a mirror as there is no other server."""
    progress = []
    web.pages["/free-spoken-digit-dataset-master.zip"] = web.pages["/a.zip"]
    fetched = run_stage(
        "pipelines.fetch",
        request_to(mirror=web.address),
        Fetched,
        on_line=lambda line: None,
        on_progress=lambda *step: progress.append(step),
    )
    assert [file.name for file in fetched.files] == ["free-spoken-digit-dataset-master.zip"]
    assert progress[-1][2] == "MB of free-spoken-digit-dataset-master.zip unpacked"
    assert all(done <= total for done, total, _ in progress)


def test_the_table_is_sound():
    """Every corpus is in it; addresses, checksums and names look like such; no checksum is without its origin."""
    assert set(CATALOG) <= set(DOWNLOADS)
    for name, download in DOWNLOADS.items():
        assert download.remotes or download.by_hand, name
        files = [remote.file_name for remote in download.remotes]
        assert len(files) == len(set(files))
        for remote in download.remotes:
            assert remote.url or download.by_hand
            assert remote.url is None or re.fullmatch(r"https?://[\w.~/?=-]+", remote.url)
            assert "/" not in remote.file_name
            assert remote.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", remote.sha256)
            assert remote.md5 is None or re.fullmatch(r"[0-9a-f]{32}", remote.md5)
            assert bool(remote.source) == bool(remote.sha256 or remote.md5)
            assert remote.part_of is None or remote.part_of.endswith(".zip")
