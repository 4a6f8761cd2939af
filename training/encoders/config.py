"""Which network stands behind a front end. Stdlib only."""

from dataclasses import dataclass
from typing import Any, Literal

EncoderName = Literal["conv_net", "efficientnet_b0", "cnn14", "fcn_3", "fcn_4", "fcn_5", "fcn_6", "fcn_7"]


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The network behind the front end.

    Attributes:
      name: "conv_net", the small ConvNet of the original LEAF code; "efficientnet_b0"; "cnn14" of PANNs; "fcn_3" to
        "fcn_7", the fully convolutional taggers of Choi et al. (2016).
      width: multiplies the numbers of filters (ConvNet at 1.0: 3.5 M parameters and about 3 GFLOP a training step and
        example; 0.125 trains on a laptop). 1.0 for EfficientNetB0.
      dropout: rate of every dropout in it; None: as in the original code (ConvNet 0.1, CNN14 0.2 behind its blocks
        and 0.5 around its dense layer, FCN 0.5; EfficientNetB0 0.2, at which it would skip a block at full depth).
        At small widths of the ConvNet it does harm: the variances that the next normalisation learns are not those
        of evaluation.
      head: of CNN14. "panns": mean over frequency, maximum plus mean over time, a dense layer of 2048. "reference": the
        global maximum, as the LEAF code and all other encoders have it.
    """

    name: EncoderName = "conv_net"
    width: float = 1.0
    dropout: float | None = None
    head: Literal["panns", "reference"] = "panns"

    def __post_init__(self) -> None:
        _require(self.width > 0, "width > 0", self.width)
        _require(self.dropout is None or 0 <= self.dropout < 1, "0 <= dropout < 1, or None", self.dropout)
        _require(self.name != "efficientnet_b0" or self.width == 1.0, "efficientnet_b0 has width 1.0", self.width)
        _require(self.name == "cnn14" or self.head == "panns", "only cnn14 has a choice of heads", self.head)


def _require(holds: bool, rule: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Rule: {rule}. Received: {received!r}.")
