"""The recipe under a distribution strategy: two replicas make the update that one makes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def seen():
    """What one and two replicas came to; each in a process of its own, as devices are set once."""
    root = Path(__file__).parents[2]
    commands = [[sys.executable, "-m", "tests.training.replicas", str(replicas)] for replicas in (1, 2)]
    outputs = [subprocess.run(command, check=True, cwd=root, stdout=subprocess.PIPE).stdout for command in commands]
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def test_the_gradient_is_clipped_over_all_replicas(seen):
    """To the norm that was asked for, whatever their number: each by itself would come to another one."""
    assert [found["clipped_norm"] for found in seen] == pytest.approx([0.25, 0.25], rel=1e-4)


@pytest.mark.parametrize("what", ["loss", "moments", "rates"])
def test_two_replicas_make_the_update_that_one_makes(seen, what):
    """Up to rounding."""
    one, two = (np.array(found[what]) for found in seen)
    np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("what", ["weights", "averages"])
def test_weights_and_averages_are_those_of_one(seen, what):
    """Up to a few whole steps of 5e-4, which Adam makes of rounding errors."""
    one, two = (np.array(found[what]) for found in seen)
    np.testing.assert_allclose(two, one, atol=0.02, rtol=1e-3)
