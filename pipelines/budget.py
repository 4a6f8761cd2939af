"""Whether so many clips were rejected that the run must not pass for a success.

A clip without a file counts as rejected, except where a corpus lists more than anybody holds (AudioSet): there, missing
clips have a budget of their own, and the rejected ones are a share of the clips that have a file.
"""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from pipelines.ledger import iterate_ledger

_NAMED = 5


def check_budget(
    statuses: Mapping[str, int], ledger: Path, *, max_rejected_share: float, max_missing_share: float | None
) -> None:
    """Compares the counts by status of the clips in `ledger` with the budgets; None: missing clips have none.

    Raises:
      ValueError: nothing was kept, or more than a budget; the text says what, and which flag would accept it.
    """
    listed = sum(statuses.values())
    apart = 0 if max_missing_share is None else statuses.get("missing", 0)
    rejected = listed - statuses.get("kept", 0) - apart
    if not statuses.get("kept"):
        raise ValueError(
            f"A snapshot has at least one clip. Received: {listed} listed, none kept. {_findings(statuses, ledger)}"
        )
    if max_missing_share is not None and apart / listed > max_missing_share:
        raise ValueError(
            f"At most {max_missing_share:.1%} of the clips may be missing. Received: {apart} of {listed} "
            f"({apart / listed:.1%}) have no file. {_advice(ledger, 'missing', apart / listed)}"
        )
    share = rejected / max(listed - apart, 1)
    if share > max_rejected_share:
        raise ValueError(
            f"At most {max_rejected_share:.1%} of the clips may be rejected. Received: {rejected} of "
            f"{listed - apart} ({share:.1%}). {_findings(statuses, ledger, without_missing=bool(apart))}\n"
            f"{_advice(ledger, 'rejected', share)}"
        )


def _advice(ledger: Path, what: str, share: float) -> str:
    return (
        f"Every reason is in {ledger}. Mend or remove these files, or raise the budget: "
        f"`--max-{what}-share {share + 0.005:.2f}` finishes without decoding again."
    )


def _findings(statuses: Mapping[str, int], ledger: Path, *, without_missing: bool = False) -> str:
    apart = {"kept", "missing"} if without_missing else {"kept"}
    counts = {status: number for status, number in sorted(statuses.items()) if status not in apart}
    first = islice((row for row in iterate_ledger(ledger) if row.status not in apart), _NAMED)
    lines = "\n".join(f"  {row.clip_id}: {row.status}: {row.reason}" for row in first)
    left = sum(counts.values()) - _NAMED
    more = f"\n  and {left} more" if left > 0 else ""
    words = ", ".join(f"{number} {status}" for status, number in counts.items())
    return f"Rejected: {words}. The first:\n{lines}{more}"
