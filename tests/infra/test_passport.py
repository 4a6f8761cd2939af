"""A passport says what a result was made with; equal machines and code give equal sessions."""

import dataclasses
import hashlib
import subprocess
from importlib.metadata import version

import pytest

from infra import passport
from infra.passport import Data, differences, present_session, read_passport, same_bits_expected, write_passport


@pytest.fixture
def session():
    """Of this process."""
    return present_session(workers=2, determinism="bits", gpus=())


def test_a_session_is_what_runs_here(session):
    """Versions and commit, asked of others."""
    assert session.libraries["numpy"] == version("numpy")
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=passport._ROOT)
    assert session.code.commit == head.stdout.strip()
    assert session.hardware.cores >= 1
    assert session == present_session(workers=2, determinism="bits", gpus=())


def test_flags_that_change_bits_are_in_it(session, monkeypatch):
    """And nothing else of the environment, which holds secrets."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    other = present_session(workers=2, determinism="bits", gpus=())
    assert other.flags["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert "s3cret" not in repr(other)
    assert differences(session, other) == {"flags.TF_ENABLE_ONEDNN_OPTS": (None, "0")}
    assert not same_bits_expected(session, other)


def test_another_name_of_the_same_code_changes_no_bit(session):
    """A commit is a name; the source's hash is what counts."""
    renamed = dataclasses.replace(session, code=dataclasses.replace(session.code, commit="other"))
    changed = dataclasses.replace(session, code=dataclasses.replace(session.code, source_sha256="other"))
    assert same_bits_expected(session, renamed)
    assert not same_bits_expected(session, changed)
    assert set(differences(session, changed)) == {"code.source_sha256"}


def test_an_attempt_adds_a_session_only_if_it_differs(session, tmp_path):
    """So that a result says of every machine that had a part in it."""
    trial, data = session.hardware, [Data(task="t", folder="f", snapshot_id="s")]
    for attempt in (session, session, dataclasses.replace(session, workers=3), session):
        write_passport(tmp_path, trial=trial, data=data, session=attempt)
    found = read_passport(tmp_path / "passport.json")
    assert [session.workers for session in found.sessions] == [2, 3, 2]
    assert found.snapshots == tuple(data)
    assert found.trial["cores"] == session.hardware.cores


def test_a_dirty_checkout_leaves_its_difference(session, tmp_path, monkeypatch):
    """With the hash of the file that is beside the passport."""
    monkeypatch.setattr(passport, "_diff", lambda: b"diff --git a b\n")
    dirty = present_session(workers=1, determinism="bits", gpus=())
    if not dirty.code.commit:
        pytest.skip("not a git checkout")
    written = write_passport(tmp_path, trial=dirty.hardware, data=[], session=dirty)
    assert [path.name for path in written] == ["passport.json", "dirty.diff"]
    assert hashlib.sha256((tmp_path / "dirty.diff").read_bytes()).hexdigest() == dirty.code.dirty_sha256
    assert passport.tags(dirty)["version.commit"].endswith("-dirty")


def test_a_missing_passport_is_named(tmp_path):
    """With its path."""
    with pytest.raises(ValueError, match=r"passport\.json, no such file"):
        read_passport(tmp_path / "passport.json")
