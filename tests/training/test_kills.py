"""Ten deaths in one trial, driver included: it ends with the bits of a trial that nothing disturbed."""

import dataclasses
import functools
import os
import random
import signal
import time
from pathlib import Path

import pytest

from frontends.config import MelFilterbankConfig
from tests.training import kills
from training.cluster.config import ClusterConfig
from training.config import LaunchRequest, TrainConfig, TrialConfig, TrialRequest
from training.encoders.config import EncoderConfig
from training.tasks.config import TaskConfig, TaskSnapshot

SEED, KILLS, EPOCHS, BATCH_SIZE = 20261124, 10, 30, 8
HEARTBEAT_TIMEOUT_S = 20.0  # a worker that starts has four times as long
_AT_START = "worker stops while it starts"
pytestmark = pytest.mark.timeout(1800)


def request(snapshot, root: Path, name: str) -> LaunchRequest:
    """One trial with a checkpoint after every step."""
    trial = TrialConfig(
        frontend=MelFilterbankConfig(num_filters=8),
        train=TrainConfig(
            epochs=EPOCHS, batch_size=BATCH_SIZE, checkpoint_steps=1, encoder=EncoderConfig(width=0.05, dropout=0.1)
        ),
        seed=3,
        tasks=(TaskConfig(name="sounds"),),
    )
    return LaunchRequest(
        workflow="kills",
        trials=(
            TrialRequest(
                name=name,
                trial_id=name,
                config=trial,
                snapshots=(
                    TaskSnapshot(task="sounds", folder=str(snapshot.folder), snapshot_id=snapshot.card.snapshot_id),
                ),
                folder=str(root / name),
            ),
        ),
        cluster=ClusterConfig(max_failures=KILLS, retry_wait_s=0.0, heartbeat_timeout_s=HEARTBEAT_TIMEOUT_S),
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_root=str(root / "mlflow"),
    )


@pytest.fixture(scope="module")
def unbroken(snapshot, tmp_path_factory):
    """The trial that nothing disturbs."""
    root = tmp_path_factory.mktemp("unbroken")
    assert kills.Driver(request(snapshot, root, "trial"), root / "launch").answer() == {"failed": {}, "stopped": False}
    return root


def disturb(victim: str, driver: kills.Driver, folder: Path) -> None:
    """Kills, stops or asks, and waits until it has worked."""
    (worker,) = kills.worker_pids(folder)
    if victim == "driver":
        driver.process.kill()
    elif victim == "driver is asked":
        driver.process.terminate()
    else:
        number = {"worker": signal.SIGKILL, "worker is asked": signal.SIGTERM}.get(victim, signal.SIGSTOP)
        os.kill(worker, number)
        kills.wait_until(lambda: not kills.is_alive(worker))


@pytest.fixture(scope="module")
def killed(snapshot, tmp_path_factory):
    """The same trial, disturbed at random points; the ends of epochs, where it is evaluated, are among them.

    Returns:
      The folder, what each driver answered, and what all said.
    """
    root = tmp_path_factory.mktemp("killed")
    folder, asked, answers = root / "trial", request(snapshot, root, "trial"), {}
    steps = len(snapshot.clips("train")) // BATCH_SIZE
    # Not in the last epochs: the workers of a command that was killed go on for a second or two.
    everywhere = [kills.Position(epoch, step) for epoch in range(EPOCHS - 5) for step in range(1, steps + 1)]
    chance = random.Random(SEED)
    points = sorted([*chance.sample(everywhere[steps - 1 :: steps], 2), *chance.sample(everywhere, KILLS - 2)])
    victims = ["worker"] * 3 + ["driver"] * 3 + ["worker is asked", "driver is asked", "worker stops", _AT_START]
    chance.shuffle(victims)
    driver, disturbed = kills.Driver(asked, root / "launch"), []
    for number, (point, victim) in enumerate(zip(points, victims, strict=True)):
        wait = functools.partial(kills.wait_until, while_running=driver.process)
        wait(lambda former=disturbed: kills.new_workers(folder, than=former))
        if victim != _AT_START:
            begun = kills.position(folder)
            least = max(point, dataclasses.replace(begun, step=begun.step + 1)) if victim == "worker stops" else point
            wait(lambda least=least: kills.position(folder) >= least)
        disturbed = kills.worker_pids(folder)
        print(f"{time.strftime('%X')} {victim} at {kills.position(folder)}, planned {point}")
        disturb(victim, driver, folder)
        if victim.startswith("driver"):
            answers[f"{number} {victim}"] = driver.answer()
            driver = kills.Driver(asked, root / "launch")
    answers["last"] = driver.answer()
    return root, answers, driver.said()


def test_ten_deaths_change_no_bit(unbroken, killed):
    """Last and best weights, optimizer, random state, history, learned parameters and result."""
    kills.assert_same_trial(unbroken / "trial", killed[0] / "trial")


def test_the_run_is_one_and_its_history_that_of_the_unbroken(unbroken, killed):
    """Every metric at every step, once; times excepted."""
    told = [kills.mlflow_trials(f"sqlite:///{root / 'mlflow.db'}", "leafworks/kills") for root in (unbroken, killed[0])]
    assert [list(runs) for runs in told] == [["trial"], ["trial"]]
    assert told[0] == told[1]
    assert told[0]["trial"]["status"] == "FINISHED"


def test_every_disturbance_was_one(killed):
    """Killed drivers answered nothing, the asked one that it stopped, and the others were told which workers went."""
    _, answers, said = killed
    assert [answer for name, answer in answers.items() if name.endswith("driver")] == [{}] * 3
    asked = [answer for name, answer in answers.items() if name.endswith("driver is asked")]
    assert asked == [{"failed": {}, "stopped": True}]
    assert answers["last"] == {"failed": {}, "stopped": False}
    assert said.count("retry ") == 5
    assert said.count("did not answer for 20 s") == 1
    assert "failed to initialize" in said
    assert said.count("asked to stop") == 2
