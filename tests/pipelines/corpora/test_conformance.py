"""What every corpus owes, checked on its official layout in miniature."""

import collections
import dataclasses
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from infra.card import LEDGER_NAME, SPLITS
from pipelines.clip import Listed
from pipelines.config import PrepareConfig, PrepareRequest, VerifyRequest
from pipelines.corpora.catalog import CATALOG, list_corpus
from pipelines.corpora.config import (
    CremaDConfig,
    Dcase2018BirdsConfig,
    EscConfig,
    FsddConfig,
    LibriSpeechConfig,
    MagnaTagATuneConfig,
    NSynthConfig,
    SpeechCommandsConfig,
    UrbanSound8KConfig,
)
from pipelines.ledger import read_ledger
from pipelines.plan import make_plan
from pipelines.prepare import prepare
from pipelines.verify import verify

CASES = {
    "synthetic": PrepareConfig(corpus="synthetic"),
    "folder": PrepareConfig(corpus="folder"),
    "fsdd": PrepareConfig(corpus="fsdd"),
    "fsdd speakers": PrepareConfig(corpus="fsdd", fsdd=FsddConfig(target="speaker")),
    "esc10": PrepareConfig(corpus="esc10", esc10=EscConfig(test_fold=1, validation_fold=2)),
    "esc50": PrepareConfig(corpus="esc50"),
    "speech_commands": PrepareConfig(corpus="speech_commands"),
    "speech_commands 12": PrepareConfig(corpus="speech_commands", speech_commands=SpeechCommandsConfig(classes="12")),
    "voxceleb1": PrepareConfig(corpus="voxceleb1"),
    "librispeech": PrepareConfig(corpus="librispeech"),
    "librispeech utterances": PrepareConfig(corpus="librispeech", librispeech=LibriSpeechConfig(group="utterance")),
    "nsynth": PrepareConfig(corpus="nsynth"),
    "nsynth pitch": PrepareConfig(corpus="nsynth", nsynth=NSynthConfig(target="pitch")),
    "nsynth_records": PrepareConfig(corpus="nsynth"),
    "crema_d": PrepareConfig(corpus="crema_d"),
    "crema_d evar": PrepareConfig(corpus="crema_d", crema_d=CremaDConfig(split="evar")),
    "voxforge": PrepareConfig(corpus="voxforge"),
    "tut_urban_2018": PrepareConfig(corpus="tut_urban_2018"),
    "dcase2018_birds": PrepareConfig(corpus="dcase2018_birds"),
    "dcase2018_birds by set": PrepareConfig(
        corpus="dcase2018_birds", dcase2018_birds=Dcase2018BirdsConfig(test_set="warblrb10k")
    ),
    "urbansound8k": PrepareConfig(corpus="urbansound8k"),
    "urbansound8k fold 1": PrepareConfig(corpus="urbansound8k", urbansound8k=UrbanSound8KConfig(test_fold=1)),
    "magnatagatune": PrepareConfig(corpus="magnatagatune"),
    "magnatagatune merged": PrepareConfig(
        corpus="magnatagatune", magnatagatune=MagnaTagATuneConfig(num_tags=2, merge_synonyms=True)
    ),
    "fsd50k": PrepareConfig(corpus="fsd50k"),
    "audioset": PrepareConfig(corpus="audioset"),
    "panns_hdf5": PrepareConfig(corpus="panns_hdf5"),
    "audio_json": PrepareConfig(corpus="audio_json"),
    "tfds": PrepareConfig(corpus="tfds"),
    "webdataset": PrepareConfig(corpus="webdataset"),
    "hf_parquet": PrepareConfig(corpus="hf_parquet"),
}
WITH_FILES = [case for case in CASES if case != "synthetic"]
NOT_KEPT = {"voxforge": {"unsupported": 1}}  # a web page named like an archive


def _name(case: str) -> str:
    return case.partition(" ")[0]


@pytest.fixture
def listed(tmp_path, miniature):
    """Lists a case's miniature: (case, folder below the temporary one, backwards=...)."""

    def run(case: str, name: str = "tree", *, backwards: bool = False) -> Listed:
        return list_corpus(CASES[case], str(miniature(_name(case)).write(tmp_path / name, backwards=backwards)))

    return run


def test_every_corpus_is_among_the_cases():
    """A new corpus comes with a miniature."""
    assert {config.corpus for config in CASES.values()} == set(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_a_corpus_says_whose_it_is(name):
    """Licence, citation, and where it is found."""
    corpus = CATALOG[name]
    assert corpus.name == name
    assert corpus.licence
    assert corpus.citation
    assert corpus.source_page


@pytest.mark.parametrize("case", WITH_FILES)
def test_clips_are_known(listed, miniature, case):
    """Sorted unique printable ids, known classes, every split; a file behind each clip but those known to be absent."""
    tree, answer = miniature(_name(case)), listed(case)
    ids = [clip.clip_id for clip in answer.clips]
    assert ids == sorted(set(ids))
    assert all(clip_id.isprintable() and clip_id.encode() for clip_id in ids)
    assert {clip.split for clip in answer.clips} == set(tree.splits) <= set(SPLITS)
    for clip in answer.clips:
        assert clip.labels
        assert tree.labels.issuperset(clip.labels)
        assert set(clip.labels) <= set(answer.labels or clip.labels)
        assert (clip.stamp is not None) == Path(answer.folder, clip.source).is_file()
    assert {clip.clip_id for clip in answer.clips if clip.stamp is None} == set(tree.missing)


@pytest.mark.parametrize("case", WITH_FILES)
def test_groups_stay_in_one_split(listed, miniature, case):
    """Speaker, video, recording, location, song: what the corpus keeps apart."""
    splits = collections.defaultdict(set)
    for clip in listed(case).clips:
        assert clip.group
        splits[clip.group].add(clip.split)
    if not miniature(_name(case)).shared_groups:
        assert {group: found for group, found in splits.items() if len(found) > 1} == {}


@pytest.mark.parametrize("case", WITH_FILES)
def test_a_listing_depends_on_the_files_alone(listed, case):
    """The same a second time, from another folder, and with the files made in another order."""
    first = listed(case)
    assert listed(case) == first
    moved = listed(case, "elsewhere/and/deeper", backwards=True)
    assert dataclasses.replace(moved, folder=first.folder) == first
    assert moved.folder != first.folder


@pytest.mark.parametrize("name", [name for name in CATALOG if CATALOG[name].needs_source])
def test_a_source_that_is_not_the_corpus_is_refused(tmp_path, write_files, name):
    """No folder, an empty one, and one of other files: the error says what the corpus looks like and how to give it."""
    config = PrepareConfig(corpus=name)
    (tmp_path / "file").write_bytes(b"")
    for source in (None, "", str(tmp_path / "nowhere"), str(tmp_path / "file"), str(tmp_path / ("x" * 300))):
        with pytest.raises(ValueError, match="--source"):
            list_corpus(config, source)
    (tmp_path / "empty").mkdir()
    write_files(tmp_path / "other", {"notes.txt": b"hello", "audio/readme.md": b"hello"})
    for folder in ("empty", "other"):
        with pytest.raises(ValueError, match=re.escape(f"Received: {tmp_path / folder}")) as refusal:
            list_corpus(config, str(tmp_path / folder))
        assert name == "folder" or "--source" in str(refusal.value)


@pytest.mark.parametrize("case", WITH_FILES)
def test_damaged_lists_are_refused_or_read(tmp_path, miniature, case):
    """Whatever a list, table or archive is cut to or filled with: a listing that conforms, or a refusal in words."""
    tree, random = miniature(_name(case)), np.random.default_rng(0)
    folder = tree.write(tmp_path)
    for path in (*tree.files, *tree.records):
        original = (folder / path).read_bytes()
        for _ in range(6):
            (folder / path).write_bytes(_damaged(original, random))
            try:
                answer = list_corpus(CASES[case], str(folder))
            except ValueError:
                continue
            ids = [clip.clip_id for clip in answer.clips]
            assert ids == sorted(set(ids))
            for clip in answer.clips:
                assert clip.split in SPLITS
                assert all(_is_harmless(text) for text in (clip.clip_id, clip.group, *clip.labels))
                assert answer.labels is None or set(clip.labels) <= set(answer.labels)
        (folder / path).write_bytes(original)


def _is_harmless(text: str) -> bool:
    """UTF-8 that neither ends a line nor moves a cursor."""
    return bool(text.encode()) and not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def _damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Cut off, with some bytes changed, or with a piece of itself in the middle."""
    if len(content) < 2:
        return random.bytes(20)
    place = int(random.integers(1, len(content)))
    kind = random.integers(3)
    if kind == 0:
        return content[:place]
    if kind == 1:
        changed = bytearray(content)
        for index in random.integers(0, len(content), 5):
            changed[index] = random.integers(256)
        return bytes(changed)
    return content[:place] + content[place // 2 : place] + random.bytes(3) + content[place:]


@pytest.mark.parametrize("case", WITH_FILES)
def test_a_miniature_becomes_a_snapshot_that_verifies(tmp_path, miniature, case):
    """All that is there is kept, what is listed and absent is in the ledger as missing."""
    tree = miniature(_name(case))
    request = PrepareRequest(
        config=dataclasses.replace(CASES[case], clips_per_shard=64),
        source=str(tree.write(tmp_path / "tree")),
        root=str(tmp_path / "root"),
        max_rejected_share=0.5,
    )
    prepared = prepare(request)
    expected = {**({"missing": len(tree.missing)} if tree.missing else {}), **NOT_KEPT.get(case, {})}
    assert {status: count for status, count in prepared.clips.items() if status != "kept" and count} == expected
    assert verify(VerifyRequest(snapshot=prepared.snapshot)).problems == ()
    rows = {row.clip_id: row for row in read_ledger(Path(prepared.snapshot, LEDGER_NAME))}
    assert {clip_id for clip_id, row in rows.items() if row.status == "missing"} == set(tree.missing)


def test_a_corpus_is_keyed_by_its_own_choices_alone(tmp_path, miniature):
    """Another choice of this corpus is another snapshot; one of another corpus is not."""
    source = str(miniature("fsdd").write(tmp_path))
    keys = [
        make_plan(PrepareRequest(config=config, source=source, root=str(tmp_path))).key
        for config in (
            CASES["fsdd"],
            CASES["fsdd speakers"],
            dataclasses.replace(CASES["fsdd"], esc50=EscConfig(test_fold=1)),
        )
    ]
    assert keys[0] == keys[2] != keys[1]
