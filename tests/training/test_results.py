"""What a trial leaves of its predictions: confusions, and the worst clips to be heard and seen."""

import base64
import csv
import io
import re
import wave

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from frontends import Leaf, MelFilterbank
from infra.predictions import PredictedTask, Predictions
from training.confusion import confusion_matrix, write_confusion
from training.learned import learned_metrics
from training.worst_clips import WORST_CLIPS, clip_losses, write_worst_clips


def predictions(logits, labels, *, objective="single_label") -> Predictions:
    """Of classes a, b, c."""
    classes = tuple("abc"[: logits.shape[1]])
    task = PredictedTask(name="letters", objective=objective, corpus="x", snapshot_id="s", classes=classes)
    count = len(logits)
    return Predictions(
        task=task,
        split="test",
        clip_ids=tuple(f"clip-{index:03}" for index in range(count)),
        groups=(None,) * count,
        labels=labels,
        logits=logits.astype(np.float32),
        sample_sha256=(None,) * count,
    )


@pytest.fixture
def single():
    """Twenty clips."""
    logits = np.random.default_rng(0).normal(size=(20, 3))
    return predictions(logits, tuple(("abc"[index % 3],) for index in range(20)))


def test_confusions_are_counted(tmp_path):
    """Rows are true classes, columns what they were taken for."""
    logits = np.array([[2, 1, 0], [0, 1, 2], [0, 3, 0], [1, 0, 0]], float)
    asked = predictions(logits, (("a",), ("a",), ("b",), ("c",)))
    np.testing.assert_array_equal(confusion_matrix(asked), [[1, 0, 1], [0, 1, 0], [1, 0, 0]])
    table, picture = write_confusion(tmp_path, asked)
    assert list(csv.reader(table.read_text().splitlines())) == [
        ["true \\ predicted", "a", "b", "c"],
        ["a", "1", "0", "1"],
        ["b", "0", "1", "0"],
        ["c", "1", "0", "0"],
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_several_labels_have_no_confusion():
    """They have a table of classes instead."""
    with pytest.raises(ValueError, match="exactly one label"):
        confusion_matrix(predictions(np.zeros((1, 3)), (("a", "b"),), objective="multi_label"))


def test_losses_are_those_of_the_objectives(single):
    """Cross-entropy of a softmax, and of sigmoids."""
    true = ["abc".index(label) for (label,) in single.labels]
    expected = -log_softmax(single.logits.astype(np.float64), axis=1)[np.arange(20), true]
    np.testing.assert_allclose(clip_losses(single), expected, rtol=1e-12)
    several = predictions(np.array([[-3.0, 800.0, 0.5]]), (("a", "c"),), objective="multi_label")
    p = expit(np.array([-3.0, 0.5]))
    np.testing.assert_allclose(clip_losses(several), [(-np.log(p[0]) + 800.0 - np.log(p[1])) / 3], rtol=1e-6)


@pytest.mark.parametrize("layer", [MelFilterbank(8), Leaf(8)])
def test_the_worst_clips_can_be_heard_and_seen(single, layer, tmp_path):
    """The page has them in the order of their loss, with the samples of the snapshot and a picture of each."""
    path, hard = tmp_path / "worst.html", {"clip-007": "<b>&"}
    samples = {clip_id: np.full(4000, index, np.int16) for index, clip_id in enumerate(single.clip_ids)}
    write_worst_clips(
        path,
        single,
        read=lambda clip_id, most: samples[clip_id][:most],
        frontend=layer,
        sample_rate=16000,
        title=hard["clip-007"],
    )
    page = path.read_text()
    assert "<b>&:" not in page
    shown = re.findall(r"<h2>\d+\. (\S+)</h2>", page)
    order = np.argsort(-clip_losses(single), kind="stable")[:WORST_CLIPS]
    assert shown == [single.clip_ids[index] for index in order]
    sounds = re.findall(r"data:audio/wav;base64,([^\"]+)", page)
    with wave.open(io.BytesIO(base64.b64decode(sounds[0]))) as reader:
        assert reader.getframerate() == 16000
        heard = np.frombuffer(reader.readframes(5000), "<i2")
    np.testing.assert_array_equal(heard, samples[shown[0]])
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(pictures) == WORST_CLIPS
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)


def test_learned_parameters_as_metrics():
    """Median over the filters, and mean distance from the start."""
    learned = {"centre_hz": [[100.0, 200.0, 400.0], [110.0, 190.0, 430.0]]}
    assert learned_metrics(learned, 1) == {
        "learned.centre_hz.median": 190.0,
        "learned.centre_hz.moved": pytest.approx(50.0 / 3),
    }
    assert learned_metrics(learned, 0)["learned.centre_hz.moved"] == 0.0
