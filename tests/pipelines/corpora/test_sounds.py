"""The other corpora: folds, locations, sets, and lists in every dialect."""

import collections
import json

import pytest

from pipelines.config import PrepareConfig, SplitConfig
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import Dcase2018BirdsConfig, EscConfig, UrbanSound8KConfig

BIRDS = PrepareConfig(corpus="dcase2018_birds")
WHOLE = SplitConfig(validation_share=0.0)


def splits(listed) -> dict[str, int]:
    """Clips of each split."""
    return dict(collections.Counter(clip.split for clip in listed.clips))


@pytest.mark.parametrize("corpus", ["esc10", "esc50"])
def test_esc_folds_are_chosen(shared, corpus):
    """Each of the five folds tests once; together they test every clip once; no validation if so wished."""
    tested = []
    for fold in range(1, 6):
        folds = EscConfig(test_fold=fold, validation_fold=fold % 5 + 1)
        listed = list_corpus(PrepareConfig(corpus=corpus, **{corpus: folds}), str(shared / "corpora/esc10"))
        tested += [clip.clip_id for clip in listed.clips if clip.split == "test"]
        assert all(clip.clip_id.split("/")[1].startswith(f"{fold}-") for clip in listed.clips if clip.split == "test")
    assert len(tested) == len(set(tested)) == 398
    whole = PrepareConfig(corpus=corpus, **{corpus: EscConfig(validation_fold=None)})
    assert splits(list_corpus(whole, str(shared / "corpora/esc10"))) == {"train": 318, "test": 80}


def test_esc50_has_all_classes_of_the_table(tmp_path, miniature):
    """ESC-50 takes every row, ESC-10 those that say so; the words True and False are no Python."""
    folder = str(miniature("esc50").write(tmp_path))
    fifty = list_corpus(PrepareConfig(corpus="esc50"), folder)
    ten = list_corpus(PrepareConfig(corpus="esc10"), folder)
    assert {clip.labels[0] for clip in fifty.clips} == {"dog", "chirping_birds"}
    assert {clip.labels[0] for clip in ten.clips} == {"dog"}
    assert [clip for clip in fifty.clips if clip.labels == ("dog",)] == list(ten.clips)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EscConfig(test_fold=6), "1 <= test_fold <= 5.*6"),
        (lambda: EscConfig(test_fold=4), "one fold tests"),
        (lambda: UrbanSound8KConfig(test_fold=11), "1 <= test_fold <= 10.*11"),
        (lambda: UrbanSound8KConfig(validation_fold=0), "1 <= validation_fold <= 10.*0"),
        (lambda: Dcase2018BirdsConfig(sets=()), "one to three"),
        (lambda: Dcase2018BirdsConfig(sets=("ff1010bird",), test_set="ff1010bird"), "one of several"),
    ],
)
def test_impossible_choices_are_refused(make, message):
    """The rule and what was received."""
    with pytest.raises(ValueError, match=message):
        make()


def test_urbansound8k_folds_are_chosen(tmp_path, miniature):
    """The fold that tests is a choice; slices of one recording stay together."""
    folder = str(miniature("urbansound8k").write(tmp_path))
    for fold in (1, 10):
        folds = UrbanSound8KConfig(test_fold=fold, validation_fold=5)
        listed = list_corpus(PrepareConfig(corpus="urbansound8k", urbansound8k=folds), folder)
        tested = {clip.clip_id.split("/")[1] for clip in listed.clips if clip.split == "test"}
        assert tested == {f"fold{fold}"}
        assert {clip.group for clip in listed.clips if clip.split == "test"} == {f"freesound:{1000 + fold}"}
    assert "audio/fold1/.DS_Store" in listed.ignored


def test_urbansound8k_refuses_a_fold_that_there_is_not(tmp_path, write_files):
    """The row is in the message."""
    row = b"slice_file_name,fsID,fold,class\n100032-3-0-0.wav,100032,11,dog_bark\n"
    write_files(tmp_path, {"metadata/UrbanSound8K.csv": row})
    with pytest.raises(ValueError, match=r"100032-3-0-0\.wav"):
        list_corpus(PrepareConfig(corpus="urbansound8k"), str(tmp_path))


def test_tut_has_the_official_fold(tmp_path, miniature):
    """The test list is the test split; with no share for validation, the training list is the training split."""
    tree = miniature("tut_urban_2018")
    folder = tree.write(tmp_path)
    base = "TUT-urban-acoustic-scenes-2018-development/evaluation_setup"
    listed = list_corpus(PrepareConfig(corpus="tut_urban_2018", split=WHOLE), str(folder))
    for split, name in (("train", "fold1_train.txt"), ("test", "fold1_test.txt")):
        lines = tree.files[f"{base}/{name}"].decode().splitlines()
        expected = {line.split("\t")[0] for line in lines}
        assert {clip.clip_id for clip in listed.clips if clip.split == split} == expected
    derived = list_corpus(PrepareConfig(corpus="tut_urban_2018"), str(folder))
    assert [clip.clip_id for clip in derived.clips if clip.split == "test"] == [
        clip.clip_id for clip in listed.clips if clip.split == "test"
    ]
    assert {clip.group.partition("-")[0] for clip in listed.clips} == {"barcelona"}


def test_tut_needs_the_scene_of_every_listed_clip(tmp_path, write_files):
    """A list that names what meta.csv does not have is refused."""
    files = {
        "meta.csv": b"filename\tscene_label\tidentifier\tsource_label\n",
        "evaluation_setup/fold1_train.txt": b"audio/airport-barcelona-0-0-a.wav\tairport\n",
        "evaluation_setup/fold1_test.txt": b"",
    }
    with pytest.raises(ValueError, match="airport-barcelona-0-0-a"):
        list_corpus(PrepareConfig(corpus="tut_urban_2018"), str(write_files(tmp_path, files)))


def birds(count: int) -> dict[str, bytes]:
    """The CSV files of the three sets with so many rows each; the first with CRLF and no last line end."""
    files = {}
    for name in ("ff1010bird", "warblrb10k", "BirdVox-DCASE-20k"):
        rows = ["itemid,datasetid,hasbird"] + [f"{name[:2]}{index},{name},{index % 2}" for index in range(count)]
        files[f"{name}.csv"] = ("\r\n".join(rows) if name == "ff1010bird" else "\n".join(rows) + "\n").encode()
    return files


def test_birds_are_split_ninety_to_ten(tmp_path, write_files):
    """A tenth of the clips of each set tests, about a tenth of the others validates; the last row is one of them."""
    listed = list_corpus(BIRDS, str(write_files(tmp_path, birds(4_000))))
    assert len(listed.clips) == 12_000
    found = collections.Counter((clip.group, clip.split) for clip in listed.clips)
    for name in ("ff1010bird", "warblrb10k", "BirdVox-DCASE-20k"):
        assert found[name, "test"] == pytest.approx(400, abs=60)
        assert found[name, "validation"] == pytest.approx(360, abs=60)
    assert {clip.labels[0] for clip in listed.clips} == {"bird", "no_bird"}
    last = next(clip for clip in listed.clips if clip.clip_id == "ff1010bird/ff3999")
    assert last.labels == ("bird",)


def test_birds_of_a_held_out_set(tmp_path, write_files):
    """One set tests whole, and no other clip does; sets that are not chosen are not listed."""
    write_files(tmp_path, birds(50))
    choice = Dcase2018BirdsConfig(sets=("ff1010bird", "warblrb10k"), test_set="warblrb10k")
    listed = list_corpus(PrepareConfig(corpus="dcase2018_birds", dcase2018_birds=choice), str(tmp_path))
    assert {clip.group for clip in listed.clips} == {"ff1010bird", "warblrb10k"}
    assert {clip.group for clip in listed.clips if clip.split == "test"} == {"warblrb10k"}
    assert splits(listed)["test"] == 50


def test_an_absent_set_of_birds_is_refused(tmp_path, write_files):
    """It is named, with how to do without it."""
    files = birds(3)
    del files["warblrb10k.csv"]
    write_files(tmp_path, files)
    with pytest.raises(ValueError, match=r"warblrb10k.*--dcase2018-birds\.sets"):
        list_corpus(BIRDS, str(tmp_path))
    write_files(tmp_path, {"warblrb10k.csv": b"itemid,datasetid,hasbird\nx,warblrb10k,maybe\n"})
    with pytest.raises(ValueError, match=r"hasbird is 0 or 1.*maybe"):
        list_corpus(BIRDS, str(tmp_path))


def test_fsd50k_labels_and_splits(tmp_path, miniature, write_files):
    """Ids keep their zeros, classes are the vocabulary in its order, the uploader is the group where it is known."""
    folder = miniature("fsd50k").write(tmp_path)
    config = PrepareConfig(corpus="fsd50k")
    listed = list_corpus(config, str(folder))
    assert listed.labels == ("Electric_guitar", "Music", "Wind")
    assert [(clip.clip_id, clip.split, clip.labels) for clip in listed.clips] == [
        ("dev/064760", "train", ("Electric_guitar", "Music")),
        ("dev/16399", "validation", ("Electric_guitar", "Music")),
        ("eval/37199", "test", ("Music",)),
        ("eval/37200", "test", ("Music",)),
    ]
    assert listed.clips[0].group == "freesound:064760"
    info = {"064760": {"title": "a", "uploader": "sam"}}
    write_files(folder, {"FSD50K.metadata/dev_clips_info_FSD50K.json": json.dumps(info).encode()})
    assert list_corpus(config, str(folder)).clips[0].group == "uploader:sam"


def test_fsd50k_refuses_a_label_outside_the_vocabulary(tmp_path, miniature, write_files):
    """Nor a split that there is none of."""
    folder = miniature("fsd50k").write(tmp_path)
    for row in (b'1,"Kazoo","/m/0",train\n', b'1,"Music","/m/04rlf",dev\n'):
        write_files(folder, {"FSD50K.ground_truth/dev.csv": b"fname,labels,mids,split\n" + row})
        with pytest.raises(ValueError, match=r"vocabulary\.csv"):
            list_corpus(PrepareConfig(corpus="fsd50k"), str(folder))


def test_a_folder_table_may_give_several_labels(tmp_path, write_files):
    """They are separated by semicolons; blanks and repetitions are not labels."""
    from pipelines.corpora.config import FolderConfig

    write_files(tmp_path, {"t.csv": b"path,label\na.wav, dog ; cat;dog;\n", "a.wav": b"x"})
    config = PrepareConfig(corpus="folder", folder=FolderConfig(table="t.csv"))
    assert list_corpus(config, str(tmp_path)).clips[0].labels == ("dog", "cat")
