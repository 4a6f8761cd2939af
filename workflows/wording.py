"""Scores, differences and p-values as people read them."""

from workflows.bootstrap import Interval
from workflows.metrics import ACCURACY
from workflows.paper import Figure
from workflows.scores import Difference, Score

METRIC_TITLES = {
    ACCURACY: "accuracy, %",
    "mAP": "mAP",
    "AUC": "AUC",
    "d_prime": "d' of mean AUC",
    "mean_d_prime": "mean d' of classes",
}
_DECIMALS = {ACCURACY: 1, "mAP": 3, "AUC": 3}


def number(metric: str, value: float, *, signed: bool = False) -> str:
    """A value of a metric: accuracies in percent, others as they are."""
    scaled = 100.0 * value if metric == ACCURACY else value
    text = f"{scaled:+.{_decimals(metric)}f}" if signed else f"{scaled:.{_decimals(metric)}f}"
    return text if float(text) or not signed else text.replace("-", "+")


def score(metric: str, found: Score) -> str:
    """The mean and the interval: "97.3 [95.1, 98.9]"."""
    return number(metric, found.mean) + _ends(metric, found.interval)


def binomial(metric: str, found: Score) -> str:
    """The paper's interval, "± 0.6"; a dash for metrics that are no proportion of clips."""
    return "-" if found.binomial is None else f"± {number(metric, found.binomial)}"


def seeds(metric: str, found: Score) -> str:
    """Every seed's value, in the order of the seeds."""
    return " ".join(number(metric, value) for value in found.seeds.values())


def difference(metric: str, found: Difference | None) -> str:
    """The mean and the interval, "+1.2 [-0.4, +2.9]"; a dash without a difference."""
    if found is None:
        return "-"
    return number(metric, found.mean, signed=True) + _ends(metric, found.interval, signed=True)


def p_value(value: float) -> str:
    """Three decimals; "<0.001" below."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def p_values(found: Difference | None) -> str:
    """As it is, and corrected: "0.012 (0.048)"; a dash without a difference."""
    return "-" if found is None else f"{p_value(found.p)} ({p_value(found.p_holm)})"


def parameters(own: int, paper: str | None) -> str:
    """Ours, and the paper's behind a slash where there is one: "448 / 448"."""
    return f"{own:,}" if paper is None else f"{own:,} / {paper}"


def figure(found: Figure | None) -> str:
    """The paper's figure: "92.4 ± 0.4", "AUC 0.968, d' 2.61"; a dash without one."""
    if found is None:
        return "-"
    if found.metric != ACCURACY:
        return f"{found.metric} {found.value:.3f}, d' {found.d_prime:.2f}"
    half = "" if found.half_width is None else f" ± {100 * found.half_width:.1f}"
    return f"{100 * found.value:.1f}{half}"


def _decimals(metric: str) -> int:
    return _DECIMALS.get(metric, 2)


def _ends(metric: str, interval: Interval | None, *, signed: bool = False) -> str:
    if interval is None:
        return ""
    low, high = (number(metric, end, signed=signed) for end in (interval.low, interval.high))
    return f" [{low}, {high}]"
