"""Five trials on three Ray nodes that are killed at random: the results of five trials that nothing disturbed."""

import random
from pathlib import Path

import pytest

from frontends.config import LeafConfig, MelFilterbankConfig
from infra.stage import run_stage
from tests.training import kills
from tests.training.alone import train_alone
from tests.training.nodes import Nodes, ray_nodes
from training.cluster.config import ClusterConfig
from training.config import RESULT_NAME, Launched, LaunchRequest, TrainConfig, TrialConfig, TrialRequest
from training.encoders.config import EncoderConfig
from training.tasks.config import TaskConfig, TaskSnapshot

SEED, KILLS, EPOCHS = 7, 3, 3
FRONTENDS = {"mel": (MelFilterbankConfig(num_filters=8), range(4)), "leaf": (LeafConfig(num_filters=8), range(1))}
pytestmark = pytest.mark.timeout(1800)


def request(snapshot, root: Path, *, ray_address: str | None) -> LaunchRequest:
    """Four trials of mel and one of LEAF."""
    train = TrainConfig(epochs=EPOCHS, batch_size=16, checkpoint_steps=1, encoder=EncoderConfig(width=0.05))
    tasks = (TaskConfig(name="sounds"),)
    trials = {
        f"{name}-{seed}": TrialConfig(frontend=frontend, train=train, seed=seed, tasks=tasks)
        for name, (frontend, seeds) in FRONTENDS.items()
        for seed in seeds
    }
    return LaunchRequest(
        workflow="nodes",
        trials=tuple(
            TrialRequest(
                name=name,
                trial_id=name,
                config=trial,
                snapshots=(
                    TaskSnapshot(task="sounds", folder=str(snapshot.folder), snapshot_id=snapshot.card.snapshot_id),
                ),
                folder=str(root / name),
            )
            for name, trial in trials.items()
        ),
        cluster=ClusterConfig(ray_address=ray_address, retry_wait_s=0.0),
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        artifact_root=str(root / "mlflow"),
    )


@pytest.fixture(scope="module")
def undisturbed(snapshot, tmp_path_factory):
    """The five trials one after another in one process, without Ray."""
    root = tmp_path_factory.mktemp("undisturbed")
    train_alone(request(snapshot, root, ray_address=None), root / "request.json")
    return root


@pytest.fixture(scope="module")
def disturbed(snapshot, tmp_path_factory):
    """The same on three nodes, of which three are killed, each replaced by a new one.

    Returns:
      The folder, the answer, what the launch said, and the line after which each node was killed.
    """
    root, chance, said, killed = tmp_path_factory.mktemp("disturbed"), random.Random(SEED), [], []
    # After so many epochs of all trials together, or as soon after as any trial runs elsewhere than on the head.
    moments = sorted(chance.sample(range(1, len(FRONTENDS["mel"][1]) * EPOCHS), KILLS))

    def on_line(line: str) -> None:
        said.append(line)
        epochs = sum(": epoch " in one for one in said)
        if len(killed) < KILLS and epochs >= moments[len(killed)] and kill_a_node(nodes, root, chance):
            killed.append(line)
            nodes.add()

    with ray_nodes(3) as nodes, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        asked = request(snapshot, root, ray_address=nodes.address)
        launched = run_stage("training.launch", asked, Launched, on_line=on_line)
    return root, launched, said, killed


def kill_a_node(nodes: Nodes, root: Path, chance: random.Random) -> bool:
    """Kills the node of any trial that runs, the head excepted; False: there is none."""
    running = [folder for folder in sorted(root.glob("*-*")) if not (folder / RESULT_NAME).is_file()]
    pids = [pid for folder in running for pid in kills.worker_pids(folder) if kills.is_alive(pid)]
    chance.shuffle(pids)
    return any(nodes.kill(pid) for pid in pids)


def test_the_matrix_ends_complete(disturbed):
    """Three nodes were killed under a trial; all five trials finished, none of them as failed."""
    _, launched, said, killed = disturbed
    assert launched == Launched(failed={})
    assert len(killed) == KILLS
    lost = [line for line in said if "interrupted: lost the node" in line]
    assert 1 <= len(lost) <= KILLS  # a trial may have ended between the look and the kill
    assert not [line for line in said if "retry" in line]


def test_each_trial_has_the_bits_of_one_that_nothing_disturbed(undisturbed, disturbed):
    """Weights, optimizer, random state, history, learned parameters and result; Ray itself changes none either."""
    names = sorted(folder.name for folder in undisturbed.glob("*-*"))
    assert len(names) == 5
    for name in names:
        kills.assert_same_trial(undisturbed / name, disturbed[0] / name)


def test_each_trial_has_one_run_with_the_history_of_its_training(undisturbed, disturbed):
    """Finished, every epoch's metrics once, with the values of the undisturbed training."""
    told = kills.mlflow_trials(f"sqlite:///{disturbed[0] / 'mlflow.db'}", "leafworks/nodes")
    assert len(told) == 5
    assert {run["status"] for run in told.values()} == {"FINISHED"}
    for name, run in told.items():
        history = kills.story(undisturbed / name)["history"]
        for key in history[0]:
            assert run["metrics"][key] == [(epoch, values[key]) for epoch, values in enumerate(history, start=1)]
        assert all(len(values) in (1, EPOCHS) for values in run["metrics"].values())
