"""Whether so many clips were rejected that the run must not pass for a success.

A clip without a file counts as rejected, except where a corpus lists more than anybody holds (AudioSet): there, missing
clips have a budget of their own, and the rejected ones are a share of the clips that have a file.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.ledger import LedgerRows, Row

_NAMED = 5
_NOT_REJECTED = ("kept", "duplicate")


def check_budget(
    rows: LedgerRows, summary: Mapping[str, Any], *, max_rejected_share: float, max_missing_share: float | None
) -> None:
    """Compares what `summary`, the statistics, counts in a ledger with the budgets; None: missing clips have none.

    Raises:
      ValueError: nothing was kept, or more than a budget; the text says what, and which flag would accept it.
    """
    statuses: dict[str, int] = summary["statuses"]
    listed = sum(statuses.values())
    missing = 0 if max_missing_share is None else statuses.get("missing", 0)
    rejected = listed - missing - sum(statuses.get(status, 0) for status in _NOT_REJECTED)
    if not statuses.get("kept"):
        raise ValueError(
            f"A snapshot has at least one clip. Received: {listed} listed, none kept. "
            f"{_findings(rows, summary, apart=_NOT_REJECTED)}"
        )
    if max_missing_share is not None and missing / listed > max_missing_share:
        raise ValueError(
            f"At most {max_missing_share:.1%} of the clips may be missing. Received: {missing} of {listed} "
            f"({missing / listed:.1%}) have no file. {_advice(rows.path, 'missing', missing / listed)}"
        )
    share = rejected / max(listed - missing, 1)
    if share > max_rejected_share:
        apart = _NOT_REJECTED if max_missing_share is None else (*_NOT_REJECTED, "missing")
        raise ValueError(
            f"At most {max_rejected_share:.1%} of the clips may be rejected. Received: {rejected} of "
            f"{listed - missing} ({share:.1%}). {_findings(rows, summary, apart=apart)}\n"
            f"{_advice(rows.path, 'rejected', share)}"
        )


def _advice(ledger: Path, what: str, share: float) -> str:
    return (
        f"Every reason is in {ledger}. Mend or remove these files, or raise the budget: "
        f"`--max-{what}-share {share + 0.005:.2f}` finishes without decoding again."
    )


def _findings(rows: Iterable[Row], summary: Mapping[str, Any], *, apart: tuple[str, ...]) -> str:
    counts = {status: number for status, number in summary["statuses"].items() if status not in apart}
    first = islice((row for row in rows if row.status not in apart), _NAMED)
    lines = "\n".join(f"  {row.clip_id}: {row.status}: {row.reason}" for row in first)
    left = sum(counts.values()) - _NAMED
    more = f"\n  and {left} more" if left > 0 else ""
    words = ", ".join(f"{number} {status}" for status, number in counts.items())
    return "\n".join([f"Rejected: {words}. The first:\n{lines}{more}", *summary["findings"]])
