"""Speech Commands: the official lists, the hash rule, pieces of silence, and the separate test set."""

import collections

import pytest

from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.corpora import speech_commands
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import SpeechCommandsConfig
from pipelines.prepare import prepare

TWELVE = PrepareConfig(corpus="speech_commands", speech_commands=SpeechCommandsConfig(classes="12"))


def counts(listed) -> dict[str, int]:
    """Clips of each split."""
    return dict(collections.Counter(clip.split for clip in listed.clips))


@pytest.fixture
def mini(shared):
    """Real Speech Commands v2 clips with the complete official lists."""
    return shared / "corpora/speech_commands_mini"


def test_speech_commands_lists_follow_the_hash_of_the_speaker(mini):
    """All 9,981 and 11,005 names of the official v2 lists, of 256 and 250 speakers."""
    for name, split, files, speakers in (("validation", "validation", 9_981, 256), ("testing", "test", 11_005, 250)):
        lines = (mini / f"speech_commands_v0.02-small/{name}_list.txt").read_text().split()
        found = {line.split("/")[1].partition("_nohash_")[0] for line in lines}
        assert (len(lines), len(found)) == (files, speakers)
        assert {speech_commands.hashed_split(speaker) for speaker in found} == {split}


def test_speech_commands_words(mini):
    """Real clips: 35 words, the lists whole, what the mini copy lacks without a stamp; noise and test set ignored."""
    listed = list_corpus(PrepareConfig(corpus="speech_commands"), str(mini))
    split = counts(listed)
    assert (split["validation"], split["test"]) == (9_981, 11_005)
    assert len({label for clip in listed.clips for label in clip.labels}) == 35
    there = [clip for clip in listed.clips if clip.stamp]
    on_disk = [path for path in (mini / "speech_commands_v0.02-small").rglob("*.wav") if path.parent.name[0] != "_"]
    assert sorted(clip.clip_id for clip in there) == sorted(f"{path.parent.name}/{path.name}" for path in on_disk)
    assert any(name.endswith("_background_noise_/running_tap.wav") for name in listed.ignored)
    assert list_corpus(PrepareConfig(corpus="speech_commands"), str(mini / "speech_commands_v0.02-small")).clips != ()


def test_speech_commands_without_lists_are_split_by_the_hash(mini, tmp_path, write_files):
    """The same splits with both lists, with one, and with none."""
    names = [f"bed/{name}" for name in ("bb05582b_nohash_3.wav", "026290a7_nohash_0.wav", "0a7c2a8d_nohash_0.wav")]
    expected = {"test": names[0], "validation": names[1], "train": names[2]}
    lists = {
        "validation_list.txt": (names[1] + "\n").encode(),
        "testing_list.txt": (names[0] + "\n").encode(),
    }
    for kept in ({}, {"testing_list.txt"}, {"validation_list.txt"}, set(lists)):
        folder = write_files(tmp_path / "-".join(sorted(kept)), dict.fromkeys(names, b"x"))
        write_files(folder, {name: lists[name] for name in kept})
        listed = list_corpus(PrepareConfig(corpus="speech_commands"), str(folder))
        assert {clip.split: clip.clip_id for clip in listed.clips} == expected


def test_silence_is_cut_as_tensorflow_datasets_does(tmp_path, write_files):
    """The six noise files at their real sizes give 668 pieces to train and 121 to validate: 85,511 and 10,102 clips."""
    samples = {
        "doing_the_dishes": 1_522_930,
        "dude_miaowing": 988_891,
        "exercise_bike": 980_062,
        "pink_noise": 960_000,
        "running_tap": 978_488,
        "white_noise": 960_000,
    }
    write_files(tmp_path, {"bed/0a7c2a8d_nohash_0.wav": b"x"})
    for name, count in samples.items():
        path = tmp_path / f"_background_noise_/{name}.wav"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as stream:
            stream.truncate(44 + 2 * count)
    silence = [clip for clip in list_corpus(TWELVE, str(tmp_path)).clips if clip.labels == ("_silence_",)]
    assert collections.Counter(clip.split for clip in silence) == {
        "train": 85_511 - 84_843,
        "validation": 10_102 - 9_981,
    }
    assert all(clip.end - clip.start == 1.0 and clip.start * 2 == int(clip.start * 2) for clip in silence)
    assert all(clip.end <= samples[clip.group.partition("/")[2]] / 16_000 for clip in silence)


def test_the_twelve_classes_are_tested_on_the_separate_archive(mini):
    """Real names of the test set, doubled extensions and all; its unknown words keep their speaker."""
    listed = list_corpus(TWELVE, str(mini))
    tested = [clip for clip in listed.clips if clip.split == "test"]
    archive = mini / "speech_commands_test_set_v0.02-small"
    assert len(tested) == len(list(archive.rglob("*.wav"))) > 0
    assert len({label for clip in listed.clips for label in clip.labels}) == 12
    (three,) = [clip for clip in tested if clip.clip_id.endswith("three_e41a903b_nohash_0.wav.wav")]
    assert (three.labels, three.group) == (("_unknown_",), "e41a903b")
    assert listed.facts == {}
    alone = list_corpus(TWELVE, str(mini / "speech_commands_v0.02-small"))
    assert "not what others report" in alone.facts["notes"][0]
    assert counts(alone)["test"] == 11_005
    assert {clip.group for clip in tested if clip.labels != ("_silence_",)} <= {
        clip.group for clip in alone.clips if clip.split == "test"
    }


def test_real_speech_commands_become_a_snapshot(mini, tmp_path):
    """Words, pieces of real noise and the test set are kept; what the mini copy lacks is missing."""
    request = PrepareRequest(config=TWELVE, source=str(mini), root=str(tmp_path), max_rejected_share=1.0)
    prepared = prepare(request)
    assert prepared.clips["kept"] == len([clip for clip in list_corpus(TWELVE, str(mini)).clips if clip.stamp])
    assert {status for status, count in prepared.clips.items() if count} == {"kept", "missing"}


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"testing_list.txt": b"nonsense\n"}, "word/file.wav.*'nonsense'"),
        ({"testing_list.txt": b"bed/a.wav\n", "validation_list.txt": b"bed/a.wav\n"}, "one list.*bed/a.wav"),
    ],
)
def test_speech_commands_lists_that_are_none(tmp_path, write_files, lists, message):
    """The line, and the rule."""
    write_files(tmp_path, {"bed/a.wav": b"x", **lists})
    with pytest.raises(ValueError, match=message):
        list_corpus(PrepareConfig(corpus="speech_commands"), str(tmp_path))
