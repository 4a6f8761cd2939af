"""The shipped experiments, each run end to end on its corpora in miniature: as a user runs them, only smaller.

Every workflow is taken as it is shipped, put on a laptop, and made smaller by its own fields: one epoch, few filters in
the encoder, two folds, one front end where the front ends are not what it is about.
"""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.corpora.miniatures import music, sounds, speech, videos
from tests.pipelines.corpora.miniatures.miniature import table
from workflows.catalog import MODULES, load
from workflows.paper import PARAMETERS_AT_64_FILTERS

pytestmark = pytest.mark.timeout(1800)  # trainings on Ray, of minutes on a busy machine

# Those without a corpus of their own here: run in test_main_job.py, or by the user's recordings.
ELSEWHERE = {"quickstart", "folder"}
SMALL = """
import dataclasses
from workflows.{name} import WORKFLOW as shipped

_small = shipped.on_laptop()
_tiny = dataclasses.replace(_small.train.encoder, width=0.02)
WORKFLOW = dataclasses.replace(
    _small,
    train=dataclasses.replace(_small.train, epochs=1, batch_size=8, window_ms=250.0, encoder=_tiny),
    encoders={{name: _tiny for name in _small.encoders}},
    tasks={{task: folds[:2] for task, folds in _small.tasks.items()}},
    frontends={{name: _small.frontends[name] for name in {frontends} or _small.frontends}},
    baseline=({frontends} or [_small.baseline])[0],
)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A folder with every corpus in miniature but VoxForge, which is missing."""
    folder = tmp_path_factory.mktemp("source")
    for module in (speech, sounds, music, videos):
        for name, builder in vars(module).items():
            if getattr(builder, "__module__", "") == module.__name__ and name not in ("voxforge", "tgz", "_notes"):
                corpus = builder()
                if hasattr(corpus, "write"):
                    _with_all_classes_tested(name, corpus).write(folder / name)
    return folder


def _with_all_classes_tested(name, corpus):
    """AudioSet's miniature has the same labels on all clips of a split; a metric needs clips with and without one."""
    if name != "audioset":
        return corpus
    labels = ("/m/04rlf", "/m/09x0r,/t/dd00088")
    files = {
        f"{part}_segments.csv": table(
            "# YTID, start_seconds, end_seconds, positive_labels",
            *(f'{video}{number:05d}, 0.000, 10.000, "{labels[number % 2]}"' for number in range(count)),
        )
        for part, video, count in (("balanced_train", "-train", 30), ("eval", "_eval-", 4))
    }
    audio = (*corpus.audio, "eval/Y_eval-00003.flac")
    return dataclasses.replace(corpus, audio=audio, files={**corpus.files, **files})


def run(name: str, source: Path, root: Path, *, frontends: list[str]) -> tuple[subprocess.CompletedProcess, dict]:
    """What the command said, and its table."""
    path = root / f"{name}.py"
    path.write_text(SMALL.format(name=name, frontends=frontends))
    command = [sys.executable, "-m", "workflows.cli"]
    corpora = {fold.corpus for folds in load(name).tasks.values() for fold in folds}
    folder = source if len(corpora) > 1 else source / corpora.pop()
    flags = ["--source", str(folder), "--root", str(root), "--max-rejected-share", "0.5"]
    done = subprocess.run([*command, "run", str(path), *flags], capture_output=True, text=True, check=False)
    report = subprocess.run(
        [*command, "report", name, "--root", str(root), "--json"], capture_output=True, text=True, check=False
    )
    assert report.returncode == 0, done.stdout + done.stderr + report.stderr
    return done, json.loads(report.stdout)


def test_every_shipped_experiment_is_run_here():
    """A new one comes with its test."""
    from_the_paper = {"single_task", "multitask", "audioset", "robustness", "ablation", "initialisation"}
    assert set(MODULES) == ELSEWHERE | from_the_paper | {"fsdd", "esc10", "three_tasks"}


def test_its_file_opens_with_command_time_and_table():
    """So that nobody has to look for them."""
    for name, module in MODULES.items():
        text = module.__doc__
        assert f"    leafworks run {name}" in text
        assert any(words in text for words in ("minute", "Times are not measured"))
    for name in set(MODULES) - ELSEWHERE:
        assert re.search(r"[Ee]xpect\s(a table|AUC)", MODULES[name].__doc__)


def test_single_tasks(source, tmp_path):
    """Four tables, and what to get for the other four; nobody's accuracy is compared with itself."""
    folder = tmp_path / "some"
    folder.mkdir()
    for corpus in ("dcase2018_birds", "nsynth", "speech_commands"):
        (folder / corpus).symlink_to(source / corpus)
    done, found = run("single_task", folder, tmp_path, frontends=["mel"])
    trained = ["birdsong", "instrument", "pitch", "speech_commands"]
    assert [section["task"] for section in found["sections"]] == trained
    assert done.returncode == 1
    for task, (fold,) in load("single_task").tasks.items():
        assert (f"{task} was left out" in done.stderr) == (task not in trained)
        assert (f"leafworks fetch {fold.corpus} --to DIR" in done.stderr) == (task not in trained)
    assert found["missing"] == "4 of 8 trials are finished"
    assert found["comparisons"] == 0


def test_tasks_together(source, tmp_path):
    """One training, a table for each of its tasks."""
    done, found = run("three_tasks", source, tmp_path, frontends=["mel"])
    assert done.returncode == 0, done.stderr
    assert [section["task"] for section in found["sections"]] == ["digit", "speaker", "esc10"]
    assert len(list(tmp_path.glob("trials/*/result.json"))) == 1


def test_the_paper_s_tasks_together_need_all_of_them(source, tmp_path):
    """What is missing is said, with how to get it."""
    path = tmp_path / "mine.py"
    path.write_text(SMALL.format(name="multitask", frontends=["mel"]))
    command = [sys.executable, "-m", "workflows.cli", "plan", str(path), "--source", str(source), "--root"]
    done = subprocess.run([*command, str(tmp_path), "--json"], capture_output=True, text=True, check=True)
    plan = json.loads(done.stdout)
    assert [snapshot["state"] for snapshot in plan["snapshots"]].count("missing") == 1
    assert [trial["state"] for trial in plan["trials"]] == ["waits"]


def test_audioset(source, tmp_path):
    """Two of the seven front ends; the report prints the paper's column of parameters beside ours, and they agree."""
    names = ["mel", "leaf"]
    done, found = run("audioset", source, tmp_path, frontends=names)
    assert done.returncode == 0, done.stderr
    (section,) = found["sections"]
    assert section["metric"] == "mAP"
    rows = {row["name"]: row for row in section["rows"]}
    assert {name: row["paper_parameters"] for name, row in rows.items()} == {
        name: PARAMETERS_AT_64_FILTERS[name] for name in names
    }
    assert [rows[name]["frontend_parameters"] for name in names] == [0, 448]
    assert "448 / 448" in done.stdout


def test_folds(source, tmp_path):
    """Every clip of two folds of ESC-10 tested once, in one table."""
    done, found = run("esc10", source, tmp_path, frontends=["mel"])
    assert done.returncode == 0, done.stderr
    assert [section["test_clips"] for section in found["sections"]] == [4]
    assert len(list(tmp_path.glob("trials/*/result.json"))) == 2


@pytest.mark.parametrize("name", ["fsdd", "ablation", "initialisation"])
def test_front_ends_of_one_corpus(name, source, tmp_path):
    """A table with the last of its front ends, which is the baseline here; all would take as long for each."""
    last = list(load(name).frontends)[-1]
    done, found = run(name, source, tmp_path, frontends=[last])
    assert done.returncode == 0, done.stderr
    assert [section["task"] for section in found["sections"]] == list(load(name).tasks)
    for section in found["sections"]:
        assert [row["name"] for row in section["rows"]] == [last] == [found["baseline"]]


def test_noise(source, tmp_path):
    """Three trainings, each tested without noise and at four ratios."""
    done, found = run("robustness", source, tmp_path, frontends=["mel"])
    assert done.returncode == 0, done.stderr
    trained = ("", "trained at 10 dB", "trained at 0 dB")
    tested = ("", "tested at 20 dB", "tested at 10 dB", "tested at 5 dB", "tested at 0 dB")
    expected = [", ".join(filter(None, (one, other))) for one in trained for other in tested]
    assert [section["setting"] for section in found["sections"]] == expected
