"""One file over a bad line: whole and checked, or refused with the reason; never something else."""

import errno
import hashlib
import json

import pytest
import requests

from pipelines import download
from pipelines.corpora.remote import Remote
from pipelines.download import Downloader, Patience


@pytest.fixture
def get(web, tmp_path):
    """Downloads the page /a to the file `a`, and returns its bytes: (what is known of it, url=..., retries=...)."""

    def run(url=None, retries=3, on_bytes=lambda done, total: None, **known):
        remote = Remote(url=None, file_name="a", **known)
        downloader = Downloader(Patience(retries=retries, pause_s=0.001), on_bytes)
        digest = downloader.get(remote, url or f"{web.address}/a", tmp_path / "a")
        content = (tmp_path / "a").read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()
        return content

    return run


@pytest.fixture
def names(tmp_path):
    """The files that are there."""
    return lambda: sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("announces", [True, False])
def test_a_file_comes_whole(web, page, get, content, names, announces):
    """With and without an announced length; nothing else is left."""
    web.pages["/a"] = page(content, announces=announces)
    assert get() == content
    assert names() == ["a"]


def test_dropped_connections_are_continued(web, page, get, content, sha256):
    """Every byte is sent once; each request asks for what is missing."""
    web.pages["/a"] = page(content, drops=[100_000, 50, 0, 2_000_000])
    assert get(sha256=sha256(content)) == content
    assert web.ranges() == [None, "bytes=100000-", "bytes=100050-", "bytes=100050-", "bytes=2100050-"]
    assert web.sent == len(content)


def test_progress_counts_what_is_there(web, page, get, content):
    """Up to the whole, also over a dropped connection; the total is known."""
    seen = []
    web.pages["/a"] = page(content, drops=[1_000_000])
    get(on_bytes=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (3_000_000, 3_000_000)


def test_a_server_without_ranges_sends_all_again(web, page, get, content, sha256):
    """It answers 200, and what came before is not kept in front of it."""
    web.pages["/a"] = page(content, ranges=False, drops=[100_000])
    assert get(sha256=sha256(content)) == content
    assert web.sent == len(content) + 100_000


def test_it_gives_up_and_goes_on_later(web, page, get, content, names):
    """After retries without progress; the error says how much is here, and another call gets only the rest."""
    web.pages["/a"] = page(content, drops=[2_000_000, *[0] * 4])
    with pytest.raises(ValueError, match=r"4 times in a row. 2,000,000 bytes are here; the same command goes on"):
        get()
    assert names() == ["a.part", "a.part.json"]
    assert get() == content
    assert web.sent == len(content)


def test_progress_starts_the_count_of_failures_anew(web, page, get, content):
    """A long file over a line that drops often, and brings a megabyte each time, comes in the end."""
    content *= 4
    web.pages["/a"] = page(content, drops=[1_100_000] * 10)
    assert get(retries=1) == content


def test_a_file_that_changed_is_not_pieced_together(web, page, get, content):
    """If-Range: the server sends the new one from its first byte; also when it ignores If-Range."""
    web.pages["/a"] = page(content, drops=[1_000_000, 0])
    with pytest.raises(ValueError, match="goes on from there"):
        get(retries=1)
    new = content[::-1]
    web.pages["/a"] = page(new, etag='"2"')
    assert get() == new


def test_a_server_that_ignores_if_range_is_seen_through(web, page, get, content, monkeypatch):
    """Its answer carries another ETag than the part."""
    web.pages["/a"] = page(content, drops=[1_000_000, 0])
    with pytest.raises(ValueError, match="goes on from there"):
        get(retries=1)
    new = content[::-1]
    web.pages["/a"] = page(new, etag='"2"', honest=False)
    assert get() == new


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_mark_of_its_version_only_a_checksum_allows_to_go_on(web, page, get, content, sha256, etag):
    """A weak ETag is no promise about bytes."""
    for known, asked in (({}, [None, None]), ({"sha256": sha256(content)}, [None, "bytes=100000-"])):
        web.requests.clear()
        web.pages["/a"] = page(content, etag=etag, drops=[100_000])
        assert get(**known) == content
        assert web.ranges() == asked


def test_a_part_of_another_version_costs_one_more_transfer(web, page, get, content, sha256):
    """The checksum finds what no header told: it starts from the beginning, once."""
    web.pages["/a"] = page(content[::-1], etag=None, drops=[1_000_000, 0])
    with pytest.raises(ValueError, match="goes on from there"):
        get(retries=1, sha256=sha256(content))
    web.pages["/a"] = page(content, etag=None)
    assert get(sha256=sha256(content)) == content
    assert web.ranges()[-2:] == ["bytes=1000000-", None]


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_is_refused(web, page, get, content, names, kind):
    """The text has both; nothing is left that could be taken for the file."""
    wrong, found = "0" * 64, hashlib.new(kind, content).hexdigest()
    web.pages["/a"] = page(content)
    with pytest.raises(ValueError, match=f"whose {kind} is {found} instead of {wrong}"):
        get(**{kind: wrong})
    assert names() == []


def test_a_wrong_size_is_refused_before_it_is_transferred(web, page, get, content, names):
    """As the header announces it; not a byte is kept."""
    web.pages["/a"] = page(content)
    with pytest.raises(ValueError, match="3,000,000 bytes instead of 2,999,999"):
        get(num_bytes=2_999_999)
    assert names() == ["a.part.json"]


def test_a_whole_part_is_asked_for_nothing(web, page, get, content, tmp_path):
    """Killed between the last byte and the rename: the next call needs no server; a longer part starts anew."""
    web.pages["/a"] = page(content)
    note = {"url": f"{web.address}/a", "validator": '"1"', "num_bytes": len(content), "modified": None}
    (tmp_path / "a.part").write_bytes(content)
    (tmp_path / "a.part.json").write_text(json.dumps(note))
    assert get() == content
    assert web.requests == []
    (tmp_path / "a.part").write_bytes(content + b"more")
    (tmp_path / "a.part.json").write_text(json.dumps(note))
    assert get() == content
    assert web.ranges() == ["bytes=3000004-", None]


def test_416_at_the_end_means_whole(web, page, get, content, tmp_path):
    """Where the length was never announced."""
    web.pages["/a"] = page(content)
    (tmp_path / "a.part").write_bytes(content)
    (tmp_path / "a.part.json").write_text(json.dumps({"url": f"{web.address}/a", "validator": '"1"'}))
    assert get() == content
    assert web.ranges() == ["bytes=3000000-"]


def test_a_part_without_a_readable_note_is_of_no_use(web, page, get, content, tmp_path):
    """Nobody knows what it is of."""
    web.pages["/a"] = page(content)
    (tmp_path / "a.part").write_bytes(b"junk")
    (tmp_path / "a.part.json").write_text("{")
    assert get() == content


def test_a_busy_server_is_asked_again(web, page, get, content):
    """500, 503 and 429 pass."""
    web.pages["/a"] = page(content, status=[500, 503, 429])
    assert get() == content


@pytest.mark.parametrize("status", [404, 403, 401, 410])
def test_a_refusal_is_final(web, page, get, content, status):
    """One request, and the error has the address and the answer."""
    web.pages["/a"] = page(content, status=[status] * 9)
    with pytest.raises(ValueError, match=f"/a, where the server answers {status}"):
        get()
    assert len(web.requests) == 1


def test_redirects_are_followed_and_not_for_ever(web, page, get, content):
    """To another path; round in a circle; to a file of this machine."""
    web.pages["/a"] = page(status=[302], headers={"Location": "/b"})
    web.pages["/b"] = page(content)
    assert get() == content
    web.pages["/a"] = page(status=[302] * 99, headers={"Location": "/a"})
    with pytest.raises(ValueError, match="leads round"):
        get()
    web.pages["/a"] = page(status=[302] * 9, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(ValueError, match="http or https"):
        get()


def test_an_https_address_is_not_led_to_http(web, page, get, content, monkeypatch):
    """Whoever redirects could have changed the bytes."""
    web.pages["/a"] = page(content)
    real = requests.Session.get
    monkeypatch.setattr(
        requests.Session, "get", lambda session, url, **options: real(session, f"{web.address}/a", **options)
    )
    with pytest.raises(ValueError, match="https address stays there"):
        get(url="https://corpus.invalid/a")


def test_no_server_is_an_error_in_the_end(get):
    """The port answers nobody."""
    with pytest.raises(ValueError, match="2 times in a row"):
        get(url="http://127.0.0.1:1/a", retries=1)


def test_a_file_larger_than_the_disk_is_not_begun(web, page, get, content, monkeypatch, names):
    """The error has both sizes."""
    usage = download.shutil.disk_usage("/")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage._replace(free=2_999_999))
    web.pages["/a"] = page(content)
    with pytest.raises(ValueError, match=r"3,000,000 bytes for .* where 2,999,999 are free"):
        get()
    monkeypatch.undo()
    assert names() == ["a.part.json"]


def test_a_full_disk_keeps_what_came(web, page, get, content, monkeypatch):
    """The error is the system's; with room, the next call gets the rest."""
    web.pages["/a"] = page(content)
    real, room = download.Part._count, [1_000_000]

    def count(part, chunk):
        room[0] -= len(chunk)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(part, chunk)

    monkeypatch.setattr(download.Part, "_count", count)
    with pytest.raises(OSError, match="No space left"):
        get()
    monkeypatch.undo()
    assert get() == content
    assert web.ranges()[-1] not in (None, "bytes=0-")


def test_the_time_of_a_file_is_its_owners(web, page, get, tmp_path):
    """So that fetching twice gives the same snapshot key."""
    web.pages["/a"] = page(b"list", headers={"Last-Modified": "Sun, 05 Mar 2017 10:54:31 GMT"})
    get()
    assert (tmp_path / "a").stat().st_mtime == 1_488_711_271
