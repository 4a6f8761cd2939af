"""Sets of front ends that several experiments compare."""

from frontends.config import (
    FrontendConfig,
    LeafConfig,
    MelFilterbankConfig,
    SincNetConfig,
    SincNetPlusConfig,
    TimeDomainFilterbankConfig,
    WavegramConfig,
)

# Those of the paper's tables of single tasks.
FOUR: dict[str, FrontendConfig] = {
    "mel": MelFilterbankConfig(),
    "time_domain": TimeDomainFilterbankConfig(),
    "sincnet": SincNetConfig(),
    "leaf": LeafConfig(),
}
# Mel and the front ends with learned PCEN, and LEAF in both parametrisations.
FIVE: dict[str, FrontendConfig] = {
    "mel": MelFilterbankConfig(),
    "mel_pcen": MelFilterbankConfig(compression="spcen"),
    "sincnet_plus": SincNetPlusConfig(),
    "leaf": LeafConfig(),
    "leaf_conditioned": LeafConfig(parametrization="conditioned"),
}


def seven(num_filters: int) -> dict[str, FrontendConfig]:
    """Those of the paper's table of AudioSet."""
    return {
        "mel": MelFilterbankConfig(num_filters=num_filters),
        "mel_pcen": MelFilterbankConfig(num_filters=num_filters, compression="spcen"),
        "wavegram": WavegramConfig(form="reference"),
        "time_domain": TimeDomainFilterbankConfig(num_filters=num_filters),
        "sincnet": SincNetConfig(num_filters=num_filters),
        "sincnet_plus": SincNetPlusConfig(num_filters=num_filters),
        "leaf": LeafConfig(num_filters=num_filters),
    }
