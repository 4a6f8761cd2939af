"""The verdict on two folders of one trial."""

import dataclasses
import json

import numpy as np
import pytest

from infra.passport import Data, present_session, write_passport
from infra.predictions import PREDICTIONS_NAME, write_predictions
from tests.workflows.trials import predictions
from training.config import HISTORY_NAME
from workflows.reproduction import compare

RIGHT = [True, True, False, True]


@dataclasses.dataclass(frozen=True)
class Trial:
    """Stands for a trial's request."""

    trial_id: str = "t"


def lay_down(folder, *, session, accuracy=0.75, epochs=(0.5, 0.25), parts=None):
    """What a trial leaves that is compared."""
    folder.mkdir()
    write_passport(folder, trial=Trial(), data=[Data(task="digits", folder="f", snapshot_id="s")], session=session)
    history = {"epochs": [{"train.loss": loss} for loss in epochs], "test": {"digits.accuracy": accuracy}}
    (folder / HISTORY_NAME).write_text(json.dumps(history))
    write_predictions(folder / PREDICTIONS_NAME, "t", parts or [predictions(RIGHT)])


@pytest.fixture(scope="module")
def session():
    """Of this machine."""
    return present_session(workers=1, determinism="bits", gpus=())


@pytest.fixture
def then(tmp_path, session):
    """A trial as it was."""
    lay_down(tmp_path / "then", session=session)
    return tmp_path / "then"


def test_the_same_is_reproduced(then, tmp_path, session):
    """With nothing to list."""
    lay_down(tmp_path / "now", session=session)
    found = compare(then, tmp_path / "now", tolerance=0.0)
    assert (found.reproduced, found.bits_expected, found.differs) == (True, True, {})
    assert (found.epochs, found.logits, found.answers) == ((2, 2), 0.0, 1.0)


def nudged():
    """Predictions of which one logit is its neighbour among the numbers."""
    part = predictions(RIGHT)
    logits = np.array(part.logits, np.float32)
    logits[0, 0] = np.nextafter(logits[0, 0], np.float32(9))
    return [dataclasses.replace(part, logits=logits)]


@pytest.mark.parametrize(
    "changed", [{"accuracy": 0.75 + 2**-53}, {"epochs": (0.5, 0.25 + 2**-54)}, {"parts": nudged()}]
)
def test_one_bit_is_enough_where_bits_are_expected(then, tmp_path, session, changed):
    """Of a metric, of the history, of a prediction; a tolerance does not help."""
    lay_down(tmp_path / "now", session=session, **changed)
    assert not compare(then, tmp_path / "now", tolerance=1.0).reproduced


@pytest.mark.parametrize(("accuracy", "reproduced"), [(0.77, True), (0.73, True), (0.70, False)])
def test_elsewhere_the_metrics_are_near(then, tmp_path, session, accuracy, reproduced):
    """What is not as it was is listed with both values."""
    other = dataclasses.replace(session, hardware=dataclasses.replace(session.hardware, cpu="another"))
    lay_down(tmp_path / "now", session=other, accuracy=accuracy, epochs=(0.6, 0.3))
    found = compare(then, tmp_path / "now", tolerance=0.025)
    assert (found.reproduced, found.bits_expected, found.epochs) == (reproduced, False, (2, 0))
    assert found.differs == {"hardware.cpu": (session.hardware.cpu, "another")}


def test_a_trial_of_two_machines_is_not_expected_to_the_bit(then, tmp_path, session):
    """One that went on elsewhere after a failure has no machine of its own."""
    other = dataclasses.replace(session, python="3.0")
    write_passport(then, trial=Trial(), data=[], session=other)
    lay_down(tmp_path / "now", session=other)
    assert not compare(then, tmp_path / "now", tolerance=0.0).bits_expected


def test_other_clips_are_not_the_same_result(then, tmp_path, session):
    """Although every metric is."""
    lay_down(tmp_path / "now", session=session, parts=[predictions(RIGHT, prefix="x")])
    found = compare(then, tmp_path / "now", tolerance=0.0)
    assert (found.reproduced, found.logits) == (False, None)
