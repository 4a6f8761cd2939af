"""The main job through the command line, in small: from nothing to a table and a page in a real browser."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from infra.environment import QUIET
from infra.spool import Spool

pytestmark = pytest.mark.timeout(1800)  # trainings on Ray, of minutes on a busy machine

SMALL = ["--seeds", "0", "1", "--train.epochs", "2", "--train.encoder.width", "0.05"]
SMALL += ["--prepare.synthetic.clips-per-class", "10", "--prepare.clips-per-shard", "30"]


def leafworks(*arguments, root: Path, check: bool = True) -> subprocess.CompletedProcess:
    """Runs one command as a user would."""
    command = [sys.executable, "-m", "workflows.cli", *map(str, arguments), "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Below it the main job was killed with SIGKILL in the middle of a training, and has run once more."""
    folder = tmp_path_factory.mktemp("output")
    command = [sys.executable, "-m", "workflows.cli", "run", "quickstart", *SMALL, "--root", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert any("leaf, seed 0: epoch 1/2" in line for line in process.stdout)
        process.kill()
    done = leafworks("run", "quickstart", *SMALL, root=folder)
    (folder / "said.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def table(root):
    """The results as a program reads them."""
    return json.loads(leafworks("report", "quickstart", "--json", root=root).stdout)


def test_it_ends_with_the_table_and_the_path_of_the_page(root):
    """What a newcomer sees."""
    text = (root / "said.txt").read_text()
    rows = {line.split()[1]: line.split("│") for line in text.splitlines() if line.startswith("│")}
    assert [cell.strip() for cell in rows["mel"][5:8]] == ["-", "-", "0"]
    assert [len(rows[name][4].split()) for name in ("mel", "leaf")] == [2, 2]  # seeds
    assert rows["leaf"][7].strip() == "280"
    assert f"Report: {root / 'reports' / 'quickstart.html'}" in text


def test_a_second_run_repeats_nothing_and_says_so(root):
    """In under 15 s."""
    files = {path: path.stat().st_mtime_ns for path in root.glob("trials/*/*") if path.is_file()}
    started = time.monotonic()
    done = leafworks("run", "quickstart", *SMALL, root=root)
    assert time.monotonic() - started < 15
    assert "Nothing to run: the snapshot and all 4 trials are finished." in done.stdout
    assert {path: path.stat().st_mtime_ns for path in root.glob("trials/*/*") if path.is_file()} == files


def test_the_table_for_programs(table, root):
    """Means over seeds lie in their intervals; LEAF has 7 parameters per filter; scores are those of the trials."""
    (section,) = table["sections"]
    assert [row["name"] for row in section["rows"]] == ["mel", "leaf"]
    mel, leaf = section["rows"]
    assert (mel["frontend_parameters"], leaf["frontend_parameters"]) == (0, 280)
    assert leaf["parameters"] - mel["parameters"] == 280
    assert mel["differences"] == {}
    for row in section["rows"]:
        score = row["scores"]["accuracy"]
        assert set(score["seeds"]) == {"0", "1"}
        assert score["interval"]["low"] <= score["mean"] <= score["interval"]["high"]
        assert score["mean"] == pytest.approx(sum(score["seeds"].values()) / 2)
        for seed, value in score["seeds"].items():
            assert trained(root, row["name"], seed=int(seed))[2] == value
    seeds = [row["scores"]["accuracy"]["seeds"] for row in (leaf, mel)]
    difference = leaf["differences"]["accuracy"]
    assert difference["mean"] == pytest.approx(sum(seeds[0][seed] - seeds[1][seed] for seed in ("0", "1")) / 2)
    assert 0 < difference["p"] <= difference["p_holm"] <= 1


def test_two_runs_are_compared(root):
    """By the beginnings of their ids, on all test clips, which they share; a run is like itself."""
    runs = [trained(root, name, seed=0)[0] for name in ("leaf", "mel")]
    found = json.loads(leafworks("compare", runs[0][:10], runs[1], "--json", root=root).stdout)
    (task,) = found["tasks"]
    assert (task["shared"], task["differing"]) == (task["one"]["test_clips"], 0)
    accuracies = [trained(root, name, seed=0)[2] for name in ("leaf", "mel")]
    assert task["differences"]["accuracy"]["mean"] == pytest.approx(accuracies[0] - accuracies[1])
    assert "p = 1.000" in leafworks("compare", runs[1], runs[1], root=root).stdout


def test_plan_says_that_all_is_finished(root):
    """For programs and for people."""
    plan = json.loads(leafworks("plan", "quickstart", *SMALL, "--json", root=root).stdout)
    assert [snapshot["state"] for snapshot in plan["snapshots"]] == ["finished"]
    assert {trial["state"] for trial in plan["trials"]} == {"finished"}
    assert "0 of 4 trials would run" in leafworks("plan", "quickstart", *SMALL, root=root).stdout


def test_verify_and_show_answer(root):
    """The snapshot is whole; show counts its clips."""
    snapshot = json.loads(leafworks("plan", "quickstart", *SMALL, "--json", root=root).stdout)["snapshots"][0]["folder"]
    command = [sys.executable, "-m", "workflows.cli"]
    verified = subprocess.run([*command, "verify", snapshot, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(verified.stdout)["problems"] == []
    shown = subprocess.run([*command, "show", snapshot, "--json"], capture_output=True, text=True, check=True)
    assert sum(json.loads(shown.stdout)["clips"].values()) == 110
    Path(snapshot, "foreign.txt").write_text("x")
    found = subprocess.run([*command, "verify", snapshot], capture_output=True, text=True, check=False)
    Path(snapshot, "foreign.txt").unlink()
    assert found.returncode == 1
    assert "foreign.txt" in found.stdout


def test_a_trained_front_end_is_inspected(root, table, tmp_path):
    """By the beginning of its run's id; the numbers are those of the trial's last record of the best epoch."""
    run_id, trial, _ = trained(root, "leaf")
    done = leafworks("inspect", f"run:{run_id[:10]}", "--out", tmp_path / "out", root=root)
    assert "centre_shift_hz" in done.stdout
    assert f"Written to {tmp_path / 'out'}" in done.stdout
    with (tmp_path / "out" / "filters.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 40
    assert any(float(row["centre_shift_hz"]) for row in rows)
    figures, drawn = ({path.name for path in folder.glob("*.png")} for folder in (trial / "figures", tmp_path / "out"))
    assert figures == drawn


def test_a_trained_front_end_makes_features(root, tmp_path):
    """Those of the layer inside the trained model, to the last bit."""
    samples = 0.1 * np.random.default_rng(0).normal(size=20000)
    soundfile.write(tmp_path / "x.wav", samples, 16000, subtype="FLOAT")
    _, trial, _ = trained(root, "leaf")
    arguments = ["--frontend", f"run:{trial.name}", "--out", tmp_path / "out"]
    leafworks("featurize", tmp_path / "x.wav", *arguments, root=root)
    code = (
        "import sys, keras, numpy as np, soundfile, frontends.build\n"
        "layer = keras.saving.load_model(sys.argv[1]).get_layer('frontend')\n"
        "waveform, _ = soundfile.read(sys.argv[2], dtype='float32')\n"
        "np.save(sys.argv[3], layer(waveform[None])[0])\n"
    )
    places = [trial / "model.keras", tmp_path / "x.wav", tmp_path / "expected.npy"]
    subprocess.run([sys.executable, "-c", code, *map(str, places)], check=True, env={**os.environ, **QUIET})
    with np.load(tmp_path / "out" / "x.wav.npz") as archive:
        np.testing.assert_array_equal(archive["features"], np.load(tmp_path / "expected.npy"))


def test_a_trial_is_reproduced(root):
    """Bit for bit on the same machine; it is no result of the experiment, and MLflow is not told."""
    run_id, folder, _ = trained(root, "mel", seed=1)
    before = sorted(root.glob("trials/*")), (root / "mlflow.db").stat().st_mtime_ns
    done = leafworks("reproduce", f"run:{run_id[:10]}", "--json", root=root)
    found = json.loads(done.stdout)
    assert (found["reproduced"], found["bits_expected"], found["differs"], found["logits"]) == (True, True, {}, 0.0)
    assert found["epochs"] == [2, 2]
    result = json.loads((folder / "result.json").read_text())
    accuracy = result["tasks"][0]["metrics"]["accuracy"]
    assert found["metrics"]["synthetic.accuracy"] == [accuracy, accuracy]
    assert (sorted(root.glob("trials/*")), (root / "mlflow.db").stat().st_mtime_ns) == before


def test_the_model_is_registered_with_its_front_end(root, tmp_path):
    """From the registry, in a fresh process and by MLflow alone, it says what the saved model says."""
    _, folder, _ = trained(root, "leaf")
    code = (
        "import sys, keras, mlflow.pyfunc, mlflow.keras, numpy as np\n"
        "from mlflow import MlflowClient\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "(model,) = [m for m in MlflowClient().search_registered_models() if m.name == 'leafworks-synthetic-leaf']\n"
        "versions = MlflowClient().search_model_versions(f\"name='{model.name}'\")\n"
        "assert len(versions) == 2, versions\n"
        "(version,) = [v for v in versions if v.run_id == sys.argv[2]]\n"
        "x = np.random.default_rng(0).normal(size=(3, 16000)).astype(np.float32)\n"
        "loaded = mlflow.pyfunc.load_model(f'models:/{model.name}/{version.version}')\n"
        "assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 16000)\n"
        "found = np.asarray(loaded.predict(x))\n"
        "expected = keras.saving.load_model(sys.argv[3]).predict(x, verbose=0)\n"
        "np.testing.assert_array_equal(found, expected)\n"
    )
    arguments = [f"sqlite:///{root / 'mlflow.db'}", Spool(folder).delivered.run_id, str(folder / "model.keras")]
    environment = {**os.environ, **QUIET}
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, env=environment, cwd=tmp_path)


def trained(root: Path, name: str, *, seed: int = 0) -> tuple[str, Path, float]:
    """The run id, the folder and the accuracy of a finished trial of a front end."""
    results = {path.parent: json.loads(path.read_text()) for path in sorted(root.glob("trials/*/result.json"))}
    return next(
        (Spool(folder).delivered.run_id, folder, result["tasks"][0]["metrics"]["accuracy"])
        for folder, result in results.items()
        if (result["name"], result["config"]["seed"]) == (name, seed)
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "fsdd"], "source"),
        (["run", "fsdd", "--source", "/nowhere/at/all"], "/nowhere/at/all"),
        (["report", "fsdd"], "leafworks run fsdd"),
        (["compare", "0123", "4567"], "which none has"),
        (["run", "quickstrat"], "quickstart"),
        (["inspect", "lefa"], "mel_pcen, leaf"),
        (["inspect", "run:0123"], "none has"),
        (["featurize", "--frontend", "mel"], "recordings are audio files"),
        (["featurize", "/nowhere.wav", "--frontend", "/nowhere.keras"], "no such file"),
    ],
)
def test_bad_input_ends_with_what_to_do(arguments, words, tmp_path):
    """Exit code 2, no traceback, the reason last."""
    done = leafworks(*arguments, root=tmp_path, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert words in done.stderr.splitlines()[-1]


def test_a_killed_command_goes_on(root):
    """One finished run for each trial, also for the one that was killed; every epoch once."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("leafworks/quickstart").experiment_id])
    trials = [f"{name}, seed {seed}" for name in ("leaf", "mel") for seed in (0, 1)]
    assert sorted((run.info.run_name, run.info.status) for run in runs) == [
        (name, "FINISHED") for name in (*trials, "quickstart")
    ]
    for run in runs:
        if "seed" in run.info.run_name:
            history = client.get_metric_history(run.info.run_id, "validation.accuracy")
            assert [metric.step for metric in history] == [1, 2]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_the_page_in_a_browser(root, table, browser, width, scheme):
    """Reads the table, finds the figures; nothing is fetched, nothing overflows, text stands out."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((root / "reports" / "quickstart.html").as_uri())
    assert len(requests) == 1
    for row in table["sections"][0]["rows"]:
        cells = page.locator(f".results tr[data-frontend={row['name']}] td").all_inner_texts()
        assert cells[0] == row["name"]
        assert cells[1].startswith(f"{100 * row['scores']['accuracy']['mean']:.1f} [")
        assert len(cells[3].split()) == 2  # seeds
        assert cells[6] == str(row["frontend_parameters"])
    figures = ("filter_responses", "centre_frequencies", "bandwidths", "pooling_windows", "pcen_values", "movement")
    for figure in figures:
        box = page.locator(f"figure[data-figure=leaf-{figure}] svg").bounding_box()
        assert box["width"] > 250
        assert box["height"] > 120
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    assert _contrast(page, "body") > 7
    assert _contrast(page, "figure[data-figure=leaf-centre_frequencies] svg text") > 4.5
    page.close()


def _contrast(page, selector: str) -> float:
    """WCAG contrast of an element's text colour on the page's background."""
    colours = page.evaluate(
        """selector => {
          const style = getComputedStyle(document.querySelector(selector));
          return [style.fill && selector.includes('svg') ? style.fill : style.color,
                  getComputedStyle(document.body).backgroundColor];
        }""",
        selector,
    )

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted(map(luminance, colours), reverse=True)
    return (high + 0.05) / (low + 0.05)
