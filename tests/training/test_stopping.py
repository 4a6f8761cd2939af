"""A worker's watch: SIGTERM, a claim that is lost, and a worker that gets on no more."""

import signal
import subprocess
import sys

from tests.training import kills
from training.cluster.claim import Claim
from training.cluster.stopping import HANG_NAME, Watch

# As TensorFlow's multi-worker runtime does, SIGTERM is taken away in C; "ready" is said when the watch took it back.
WORKER = """
import ctypes, os, signal, sys, threading, time
from training.cluster.claim import Claim
from training.cluster.stopping import Watch, listen_for_termination

handler = ctypes.pythonapi.PyOS_getsig
handler.restype = ctypes.c_void_p
listen_for_termination()
ours = handler(signal.SIGTERM)
ctypes.CDLL(None).signal(signal.SIGTERM, None)
watch = Watch(Claim.take(sys.argv[1]), index=0, stall_timeout_s=600.0)

def train():
    while handler(signal.SIGTERM) != ours:
        time.sleep(0.01)
    print("ready", flush=True)
    while not watch.asked():
        time.sleep(0.01)
    os._exit(7)

threading.Thread(target=train).start()
"""
STUCK = """
import sys, threading
from training.cluster.claim import Claim
from training.cluster.stopping import Watch

def never_returns():
    threading.Event().wait()

Watch(Claim.take(sys.argv[1]), index=3, stall_timeout_s=0.2)
never_returns()
"""


def test_sigterm_asks_a_worker_whoever_took_it_away(tmp_path):
    """The training, in another thread than the main one, ends as it wants to."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 7


def test_who_gets_on_no_more_says_where_and_ends(tmp_path):
    """With the rule, its number and what every thread was doing."""
    process = subprocess.run([sys.executable, "-c", STUCK, str(tmp_path)], timeout=120, check=False)
    assert process.returncode == 1
    words = (tmp_path / HANG_NAME.format(3)).read_text()
    assert "at least every 0.2 s (--stall-timeout-s)" in words
    assert "never_returns" in words


def test_the_claim_asks_and_is_lost(tmp_path):
    """The driver asks through it; a later attempt takes it away, and then the former one asks nobody any more."""
    first = Claim.take(str(tmp_path))
    watch = Watch(first, index=0, stall_timeout_s=600.0)
    assert watch.holds()
    assert not watch.asked()
    first.ask_to_stop()
    kills.wait_until(watch.asked)
    assert watch.holds()
    second = Claim.take(str(tmp_path))
    assert not watch.holds()
    first.ask_to_stop()
    assert second.state() == "held"
    watch.end()


def test_a_folder_that_is_gone_belongs_to_nobody(tmp_path):
    """Whoever still writes there must not bring it back."""
    claim = Claim.take(str(tmp_path))
    (tmp_path / "attempt.json").unlink()
    assert claim.state() == "lost"
