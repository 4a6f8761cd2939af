"""The paper's figures: typed right as far as they check each other, and beside the right rows of ours."""

import dataclasses
import statistics

import pytest

from frontends.config import LeafConfig, MelFilterbankConfig, SincNetConfig, TimeDomainFilterbankConfig
from infra.card import DatasetCard, SplitCard
from workflows import paper
from workflows.frontend_sets import FIVE, FOUR, seven
from workflows.metrics import d_prime
from workflows.single_task import TASKS


def card(*, corpus: str, test_clips: int, listed: int, kept: int) -> DatasetCard:
    """Of a snapshot with so many clips."""
    return DatasetCard(
        schema_version=2,
        corpus=corpus,
        sample_rate=16_000,
        features={},
        labels=("a",),
        splits=(SplitCard(name="test", clips=test_clips, shards=()),),
        listed=listed,
        kept=kept,
        config={},
        key="k",
        ledger_sha256="",
        statistics_sha256="",
        code_version="",
        licence="",
        citation="",
        snapshot_id="s",
        data_id="d",
    )


def test_the_means_of_the_single_tasks():
    """73.9, 72.9, 73.1 and 76.9, as the paper prints them."""
    for name, mean in {"mel": 73.9, "time_domain": 72.9, "sincnet": 73.1, "leaf": 76.85}.items():
        found = [
            paper.figure("single_task", task=task, encoder="efficientnet_b0", frontend=FOUR[name]).value
            for task in TASKS
        ]
        assert 100 * statistics.fmean(found) == pytest.approx(mean, abs=0.051)


@pytest.mark.parametrize("encoder", ["efficientnet_b0", "cnn14"])
def test_areas_and_d_primes_of_audioset_fit(encoder):
    """d' = sqrt(2) Phi^-1(AUC), within the rounding of AUC to three decimals."""
    for config in seven(64).values():
        found = paper.figure("audioset", task="audioset", encoder=encoder, frontend=config)
        low, high = d_prime(found.value - 0.0005), d_prime(found.value + 0.0005)
        assert low - 0.006 < found.d_prime < high + 0.006


def test_a_figure_stands_beside_what_it_is_of():
    """Other encoders, tasks and front ends have none; the number of filters and the precision do not matter."""
    leaf = LeafConfig()
    found = paper.figure("single_task", task="speaker_id", encoder="efficientnet_b0", frontend=leaf)
    assert (found.value, found.half_width) == (0.331, 0.007)
    assert paper.figure("multitask", task="emotion", encoder="efficientnet_b0", frontend=leaf).value == 0.319
    for config in (LeafConfig(num_filters=64), LeafConfig(precision="fast")):
        assert paper.figure("single_task", task="speaker_id", encoder="efficientnet_b0", frontend=config) == found
    for table, task, encoder, config in (
        ("none", "speaker_id", "efficientnet_b0", leaf),
        ("single_task", "speaker_id", "conv_net", leaf),
        ("single_task", "digit", "efficientnet_b0", leaf),
        ("multitask", "speaker_id", "efficientnet_b0", leaf),
        ("single_task", "speaker_id", "efficientnet_b0", FIVE["leaf_conditioned"]),
        ("single_task", "speaker_id", "efficientnet_b0", FIVE["mel_pcen"]),
        ("audioset", "speaker_id", "cnn14", leaf),
    ):
        assert paper.figure(table, task=task, encoder=encoder, frontend=config) is None


def test_the_column_of_parameters():
    """0, 256, 300 k, 51 k, 256, 448, 448 with 64 filters; with other numbers of them, none."""
    column = [paper.parameters(config) for config in seven(64).values()]
    assert column == ["0", "256", "300 k", "51 k", "256", "448", "448"]
    for config in (MelFilterbankConfig(), TimeDomainFilterbankConfig(), SincNetConfig(), LeafConfig()):
        assert paper.parameters(config) is None
    assert paper.parameters(dataclasses.replace(FIVE["leaf_conditioned"], num_filters=64)) is None


def test_other_data_is_said():
    """Unless the snapshot has all that AudioSet's lists name; the splits of the other tasks are not published."""
    whole = card(corpus="audioset", test_clips=20_371, listed=2_084_320, kept=2_084_320)
    assert paper.note("audioset", task="audioset", card=whole) == ""
    mine = dataclasses.replace(whole, kept=1_900_000)
    assert "184,320 of 2,084,320 listed clips are missing" in paper.note("audioset", task="audioset", card=mine)
    speech = card(corpus="speech_commands", test_clips=11_005, listed=105_829, kept=105_829)
    note = paper.note("single_task", task="speech_commands", card=speech)
    assert note.startswith("Not the same data: 11,005 test clips here, about 21,000 to 22,000 there")
