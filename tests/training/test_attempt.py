"""Why an attempt ended, from what Ray says of its workers."""

import pytest
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback
from ray.train.v2._internal.execution.worker_group.poll import WorkerGroupPollStatus, WorkerStatus

from training.cluster import attempt
from training.cluster.claim import Claim
from training.cluster.stopping import InterruptedEvaluation


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [(InterruptedEvaluation(), "interrupted", "asked to stop"), (OSError("disk"), "failed", "disk")],
)
def test_what_a_worker_raised(tmp_path, monkeypatch, raised, kind, words):
    """Asked to stop in an evaluation, a trial goes on at once; what is raised by itself uses up a retry."""
    monkeypatch.setattr(attempt, "reachable_nodes", set)
    error = WorkerStatus(running=False, error=UserExceptionWithTraceback(raised, "Traceback"))
    failed = WorkerGroupPollStatus(worker_statuses={0: error}).get_worker_group_error()
    ended = attempt._classify(failed, Claim.take(str(tmp_path)), nodes=set())
    assert ended.kind == kind
    assert words in ended.reason
