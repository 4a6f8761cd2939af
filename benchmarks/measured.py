"""Runs a command and prints what it took, with all processes that it started: `python -P -m benchmarks.measured ...`.

A process of its own, since the system remembers the largest child for ever.
"""

import json
import resource
import subprocess
import sys
import time


def main() -> None:
    """A line of JSON: CPU-seconds, seconds, and the MB of the largest process."""
    start = time.monotonic()
    done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(done.stderr.decode("utf-8", "replace")[-2000:] or f"exit code {done.returncode}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({"cpu_seconds": cpu, "seconds": seconds, "largest_mb": usage.ru_maxrss * 1024 / 1e6}))


if __name__ == "__main__":
    main()
