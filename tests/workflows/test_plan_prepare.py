"""`leafworks plan prepare CORPUS`, as a person and as a program reads it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from infra.card import read_card
from pipelines.requests import PreparationPlan
from workflows.cli import run_command
from workflows.preparation import in_words

PLAN = PreparationPlan(
    corpus="audioset",
    snapshot="output/snapshots/audioset/0123456789abcdef",
    finished=False,
    clips={"train": 2_000_000, "validation": 22_160, "test": 20_371},
    clips_with_audio=1_900_000,
    classes=527,
    hours=5_277.8,
    source_bytes=2_440_000_000_000,
    output_bytes=608_000_000_000,
    shards=4_347,
    shards_done=12,
    clips_per_shard=470,
    workers=2,
    seconds=36_000.0,
    sample={"kept": 47, "silent": 1},
    needed_bytes=640_000_000_000,
    free_bytes=639_000_000_000,
    fits=False,
    notes=("a note",),
)


def test_a_person_reads_what_to_decide_on():
    """Clips, hours, bytes, shards, time and disk; units with every number."""
    text = in_words(PLAN)
    for words in (
        "2,042,531 listed (train 2,000,000, validation 22,160, test 20,371), 1,900,000 with a file, 527 classes",
        "about 5,277.80 hours; 2,440,000.0 MB of recordings -> about 608,000.0 MB",
        "4,347 of up to 470 clips, 12 on disk",
        "about 10.0 h with 2 workers (sample of 48: 47 kept, 1 silent)",
        "640,000.0 MB needed, 639,000.0 MB free: NOT ENOUGH",
        "note:    a note",
    ):
        assert words in text


def write_wav(path: Path, seed: int) -> None:
    """A second of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.2, 0.2, 16_000), 16_000)


def test_the_command_for_a_folder(tmp_path, capsys):
    """Nothing is written; the snapshot that `prepare` makes is the one that was planned."""
    for number in range(6):
        write_wav(tmp_path / "source" / "ab"[number % 2] / f"{number}.wav", number)
    arguments = ["folder", "--source", str(tmp_path / "source"), "--root", str(tmp_path / "output")]
    assert run_command(["plan", "prepare", *arguments, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "output").exists()
    assert sum(plan["clips"].values()) == plan["clips_with_audio"] == plan["sample"]["kept"] == 6
    assert plan["hours"] == pytest.approx(6 / 3600)
    assert plan["fits"]
    assert run_command(["prepare", *arguments]) == 0
    assert plan["snapshot"] in capsys.readouterr().out
    assert run_command(["plan", "prepare", *arguments]) == 0
    words = capsys.readouterr().out
    assert re.search(r"^shards: .* finished$", words, re.MULTILINE)
    assert "0.0 MB needed" in words


def test_few_shards_for_many_workers_are_said(capsys, tmp_path):
    """With the flag that changes it; the flags of `prepare` are those of its plan."""
    arguments = ["synthetic", "--synthetic.clips-per-class", "2", "--clips-per-shard", "20", "--root", str(tmp_path)]
    assert run_command(["plan", "prepare", *arguments, "--workers", "9"]) == 0
    assert "of 9 workers busy" in capsys.readouterr().out


def test_what_cannot_be_planned_is_refused(capsys, tmp_path):
    """As by `prepare`: no source, no such corpus."""
    assert run_command(["plan", "prepare", "fsdd", "--root", str(tmp_path)]) == 2
    assert "--source" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_command(["plan", "prepare", "nothing"])


def test_a_workflow_is_planned_as_before(capsys, tmp_path):
    """`plan NAME` is not `plan prepare`."""
    assert run_command(["plan", "quickstart", "--root", str(tmp_path)]) == 0
    assert "trials would run" in capsys.readouterr().out


def test_all_behind_beam_options_goes_to_beam(tmp_path, capsys):
    """Though it begins with dashes: worker processes make the same snapshot, a runner that is none is refused."""
    for number in range(6):
        write_wav(tmp_path / "source" / "ab"[number % 2] / f"{number}.wav", number)
    snapshots = []
    for root, options in (
        ("threads", []),
        ("processes", ["--beam-options", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]),
    ):
        arguments = ["prepare", "folder", "--source", str(tmp_path / "source"), "--root", str(tmp_path / root)]
        assert run_command([*arguments, *options]) == 0
        snapshots.append(read_card(Path(capsys.readouterr().out.split("snapshot:")[1].strip())).snapshot_id)
    assert snapshots[0] == snapshots[1]
    assert run_command([*arguments[:-1], str(tmp_path / "none"), "--beam-options", "--runner=NoRunner", "--x=1"]) != 0
    assert "NoRunner" in capsys.readouterr().err
