"""The seven front ends before CNN14, two before EfficientNetB0: each trains on two workers of a real Ray cluster."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)  # trainings on Ray, of minutes on a busy machine

FRONTENDS = ("mel", "mel_pcen", "wavegram", "time_domain", "sincnet", "sincnet_plus", "leaf")
PARAMETERS = (0, 256, 309_568, 51_729, 256, 448, 448)  # the paper's column with 64 filters


@pytest.fixture(scope="module")
def seen(snapshot, tmp_path_factory) -> list[dict[str, Any]]:
    """What each of two workers saw."""
    folder = tmp_path_factory.mktemp("matrix")
    command = [sys.executable, "-m", "tests.training.encoder_matrix", str(snapshot.folder), str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    return [json.loads((folder / f"{index}.json").read_text()) for index in range(2)]


TITLES = [f"{kind} before cnn14" for kind in FRONTENDS] + [f"{kind} before efficientnet_b0" for kind in ("mel", "leaf")]


@pytest.mark.parametrize("title", TITLES)
def test_every_pair_trains_on_two_workers(seen, title):
    """Losses are finite, every weight moves, and both workers end with the same ones."""
    first, second = (worker[title] for worker in seen)
    assert len(first["losses"]) == 2
    assert all(0 < loss < 100 for loss in first["losses"])
    assert not first["still"]
    assert (first["losses"], first["sums"]) == (second["losses"], second["sums"])


@pytest.mark.parametrize(("kind", "count"), list(zip(FRONTENDS, PARAMETERS, strict=True)))
def test_front_ends_have_the_paper_s_numbers_of_parameters(seen, kind, count):
    """With 64 filters, whatever stands behind them."""
    assert {found["frontend"] for title, found in seen[0].items() if title.startswith(f"{kind} before")} == {count}
