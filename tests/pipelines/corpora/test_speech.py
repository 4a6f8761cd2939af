"""The other corpora of speech: official splits and counts, real names, and what is wrong with their files."""

import collections

import pytest

from pipelines.config import PrepareConfig, PrepareRequest, SplitConfig
from pipelines.corpora import librispeech
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import CremaDConfig, FsddConfig, LibriSpeechConfig
from pipelines.ledger import read_ledger
from pipelines.prepare import prepare
from tests.pipelines.corpora.miniatures.speech import tgz


def counts(listed) -> dict[str, int]:
    """Clips of each split."""
    return dict(collections.Counter(clip.split for clip in listed.clips))


def test_fsdd_speakers(shared):
    """Six classes with 50 takes of each digit; the official takes test, and every speaker trains."""
    config = PrepareConfig(corpus="fsdd", fsdd=FsddConfig(target="speaker"))
    listed = list_corpus(config, str(shared / "corpora/fsdd"))
    assert counts(listed) == {"test": 300, "validation": 300, "train": 2_400}
    labels = collections.Counter(clip.labels for clip in listed.clips)
    assert len(labels) == 6
    assert set(labels.values()) == {500}
    assert len({clip.group for clip in listed.clips}) == 3_000


def test_voxceleb1_is_found_however_its_zips_were_unpacked(tmp_path, miniature, write_files):
    """One tree, two, or converted to m4a: the same ids, labels, splits and groups."""
    tree = miniature("voxceleb1")
    config = PrepareConfig(corpus="voxceleb1")
    apart = list_corpus(config, str(tree.write(tmp_path / "apart")))
    merged = {f"wav/{path.partition('/wav/')[2]}": b"x" for path in tree.audio}
    converted = {path.removesuffix(".wav") + ".m4a": b"x" for path in merged}
    for name, files in {"merged": merged, "converted": converted}.items():
        folder = write_files(tmp_path / name, {**files, "meta/iden_split.txt": tree.files["iden_split.txt"]})
        listed = list_corpus(config, str(folder))
        assert [(c.clip_id, c.labels, c.split, c.group, c.stamp is None) for c in listed.clips] == [
            (c.clip_id, c.labels, c.split, c.group, c.stamp is None) for c in apart.clips
        ]


def test_voxceleb1_refuses_a_list_of_another_form(tmp_path, write_files):
    """Four columns, and a clip that is in it twice."""
    for lines, message in (
        (b"4 id10006/nLEBBc9oIFs/00003.wav\n", "A line of"),
        (b"1 id10006/n/00003.wav\n3 id10006/n/00003.wav\n", "once"),
    ):
        write_files(tmp_path, {"wav/id10006/n/00003.wav": b"x", "iden_split.txt": lines})
        with pytest.raises(ValueError, match=message):
            list_corpus(PrepareConfig(corpus="voxceleb1"), str(tmp_path))


def test_librispeech_names_may_hold_the_separator(tmp_path, write_files):
    """Speaker 60 is called |CBW|Simon; comments and padding are not names."""
    lines = b"; a | comment\n14   | F | train-clean-360  | 25.03 | Kristin LeMoine\n"
    lines += b"60 | M | train-clean-100 | 20.18 | |CBW|Simon\n"
    path = write_files(tmp_path, {"SPEAKERS.TXT": lines}) / "SPEAKERS.TXT"
    speakers = librispeech.read_speakers(path)
    assert [(each.speaker_id, each.name) for each in speakers] == [("14", "Kristin LeMoine"), ("60", "|CBW|Simon")]
    assert (speakers[1].sex, speakers[1].subset, speakers[1].minutes) == ("M", "train-clean-100", 20.18)
    write_files(tmp_path, {"SPEAKERS.TXT": b"14 | F | train-clean-360\n"})
    with pytest.raises(ValueError, match=r"ID \| SEX"):
        librispeech.read_speakers(path)


def test_librispeech_deals_the_chapters_of_each_speaker(tmp_path, write_files):
    """Ten chapters: 7, 1, 2; two: one trains, one tests; one: it trains. Every speaker trains, whatever the shares."""
    files = {}
    for speaker, count in {"19": 10, "26": 2, "27": 1}.items():
        for chapter in range(count):
            files[f"train-clean-100/{speaker}/{chapter}/{speaker}-{chapter}-0000.flac"] = b"x"
    listed = list_corpus(PrepareConfig(corpus="librispeech"), str(write_files(tmp_path, files)))
    found = {(clip.labels[0], clip.split): 0 for clip in listed.clips}
    for clip in listed.clips:
        found[clip.labels[0], clip.split] += 1
    assert found == {
        ("19", "train"): 7,
        ("19", "validation"): 1,
        ("19", "test"): 2,
        ("26", "train"): 1,
        ("26", "test"): 1,
        ("27", "train"): 1,
    }
    config = PrepareConfig(corpus="librispeech", split=SplitConfig(validation_share=0.0, test_share=0.0))
    assert counts(list_corpus(config, str(tmp_path))) == {"train": 13}
    other = PrepareConfig(corpus="librispeech", librispeech=LibriSpeechConfig(subset="dev-clean"))
    with pytest.raises(ValueError, match="dev-clean"):
        list_corpus(other, str(tmp_path))


def crema_d_names() -> list[str]:
    """All 7,442 official names: 91 actors, 12 sentences; one sentence at three levels; 20 that were never recorded."""
    sentences = ("DFA", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
    names = []
    for actor in range(1001, 1092):
        names += [f"{actor}_{sentence}_{emotion}_XX" for sentence in sentences for emotion in
                  ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")]  # fmt: skip
        names += [f"{actor}_IEO_{emotion}_{level}" for emotion in ("ANG", "DIS", "FEA", "HAP", "SAD") for level in
                  ("LO", "MD", "HI")]  # fmt: skip
        names.append(f"{actor}_IEO_NEU_XX")
    never = ("1008_WSI", "1009_MTI", "1019_ITH", "1002_TIE_NEU", "1076_ITH_NEU")
    return [name for name in names if not name.startswith(never)]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("tfds", {"train": 5_144, "validation": 738, "test": 1_556}),
        ("evar", {"train": 5_155, "validation": 732, "test": 1_551}),
    ],
)
def test_crema_d_has_the_published_counts(tmp_path, write_files, split, expected):
    """Both splits of the 7,442 official names, as TensorFlow Datasets and EVAR publish them; no actor in two."""
    names = crema_d_names()
    assert len(names) == 7_442
    emotions = collections.Counter(name.split("_")[2] for name in names)
    assert emotions == {**dict.fromkeys(("ANG", "DIS", "FEA", "HAP", "SAD"), 1_271), "NEU": 1_087}
    folder = write_files(tmp_path, {f"AudioWAV/{name}.wav": b"" for name in names})
    listed = list_corpus(PrepareConfig(corpus="crema_d", crema_d=CremaDConfig(split=split)), str(folder))
    assert counts(listed) == expected
    assert len(listed.ignored) == 4
    assert len({(clip.group, clip.split) for clip in listed.clips}) == 91


def test_a_clone_of_crema_d_without_lfs_is_told(tmp_path, write_files):
    """130-byte pointers named .wav: none is kept, and the reason says what to do."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    write_files(tmp_path / "corpus", {f"AudioWAV/{actor}_DFA_ANG_XX.wav": pointer for actor in (1001, 1002)})
    write_files(tmp_path / "corpus", {})
    request = PrepareRequest(
        config=PrepareConfig(corpus="crema_d"),
        source=str(tmp_path / "corpus"),
        root=str(tmp_path),
        max_rejected_share=1.0,
    )
    with pytest.raises(ValueError, match="git lfs pull"):
        prepare(request)


def test_voxforge_ids_do_not_depend_on_how_it_is_packed(tmp_path, write_files):
    """An archive, the folder it unpacks to, and a tar whose names begin with `./`: the same ids, labels, groups."""
    inner = {f"guenter-20140214-afn/wav/de11-{index:03d}.wav": b"x" for index in range(3)}
    trees = {
        "packed": {"de/guenter-20140214-afn.tgz": tgz(inner)},
        "dotted": {"de/guenter-20140214-afn.tgz": tgz({f"./{name}": content for name, content in inner.items()})},
        "unpacked": {f"de/{name}": content for name, content in inner.items()},
    }
    seen = set()
    for name, files in trees.items():
        listed = list_corpus(PrepareConfig(corpus="voxforge"), str(write_files(tmp_path / name, files)))
        seen.add(tuple((clip.clip_id, clip.labels, clip.split, clip.group) for clip in listed.clips))
        assert listed.ignored == ()
    ((first, *rest),) = seen
    assert first[0] == "de/guenter-20140214-afn/de11-000"
    assert (first[1], first[3], len(rest)) == (("de",), "guenter", 2)


def test_real_voices_are_read_inside_archives(shared, tmp_path, write_files):
    """FLAC at 48 kHz and WAV at 16 kHz, an archive for each volunteer: the samples of the files themselves."""
    voices = shared / "corpora/voices_cc0"
    files = {}
    for language in ("de", "es"):
        paths = sorted(path for path in (voices / language).rglob("*") if path.suffix in (".flac", ".wav"))[:4]
        archive = f"{language}speaker-20140214-afn"
        members = {f"{archive}/{path.suffix[1:]}/{path.name}": path.read_bytes() for path in paths}
        files[f"{language}/Trunk/{archive}.tgz"] = tgz(members)
        write_files(tmp_path / "loose", {f"{language}/Trunk/{name}": content for name, content in members.items()})
    write_files(tmp_path / "packed", files)
    snapshots = [
        prepare(
            PrepareRequest(config=PrepareConfig(corpus="voxforge"), source=str(tmp_path / name), root=str(tmp_path))
        )
        for name in ("packed", "loose")
    ]
    assert snapshots[0].clips["kept"] == 8
    assert snapshots[0].snapshot_id == snapshots[1].snapshot_id
    assert snapshots[0].snapshot != snapshots[1].snapshot


def test_anonymous_volunteers_train(tmp_path, write_files):
    """They are one group, as many speakers as they are, under every seed; a named speaker is in one split."""
    files = {f"it/anonymous-2008{index:04d}-aaa/wav/it-{index}.wav": b"x" for index in range(50)}
    files |= {f"{language}/maria-{index}/flac/a.flac": b"x" for index in range(4) for language in ("it", "es")}
    write_files(tmp_path, files)
    for seed in range(5):
        listed = list_corpus(PrepareConfig(corpus="voxforge", split=SplitConfig(seed=seed)), str(tmp_path))
        splits = collections.defaultdict(set)
        for clip in listed.clips:
            splits[clip.group].add(clip.split)
        assert splits["anonymous"] == {"train"}
        assert len(splits["maria"]) == 1


def test_voxforge_flac_archives_are_kept(tmp_path, miniature):
    """Clips of FLAC archives, which TensorFlow Datasets loses, are decoded from inside them."""
    request = PrepareRequest(
        config=PrepareConfig(corpus="voxforge"),
        source=str(miniature("voxforge").write(tmp_path / "tree")),
        root=str(tmp_path / "root"),
    )
    snapshot = prepare(request).snapshot
    rows = read_ledger(f"{snapshot}/clips.parquet")
    flac = [row for row in rows if row.member and row.member.endswith(".flac")]
    assert len(flac) == 12
    assert {row.status for row in flac} == {"kept"}
    assert {row.source_format for row in flac} == {"FLAC/PCM_16"}
