"""Configs: to JSON and back, hashes, the flat view, refusals."""

import dataclasses
from dataclasses import dataclass, field

import pytest

from frontends.config import LeafConfig, MelFilterbankConfig
from infra import config
from pipelines.config import PrepareConfig, PrepareRequest
from training.config import TrainConfig, TrialConfig
from training.tasks.config import TaskConfig
from workflows.catalog import MODULES


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    rate: float = 0.5
    names: tuple[str, ...] = ("a",)


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A whole."""

    count: int
    inner: Inner = field(default_factory=Inner)
    note: str | None = None


@pytest.mark.parametrize(
    "value",
    [
        Outer(count=3, inner=Inner(rate=1.0, names=())),
        PrepareRequest(config=PrepareConfig(corpus="folder"), source="a b", root="r", beam_options=("--x=1",)),
        TrialConfig(frontend=LeafConfig(), train=TrainConfig(), seed=1, tasks=(TaskConfig(name="a"),)),
        TrialConfig(
            frontend=MelFilterbankConfig(compression=None),
            train=TrainConfig(),
            seed=0,
            tasks=(TaskConfig(name="a"), TaskConfig(name="b", objective="multi_label")),
        ),
        *(module.WORKFLOW for module in MODULES.values()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_json_round_trip(value):
    """Every config comes back equal, unions and nested parts included, and with the same hash."""
    back = config.from_json(type(value), config.to_json(value))
    assert back == value
    assert config.content_hash(back) == config.content_hash(value)


def test_hash_does_not_depend_on_the_process():
    """The first digits of `sha256sum` of the canonical JSON: hashes name folders, so they must not change."""
    assert config.content_hash(Outer(count=1), "x") == "fd5c431b772edb36"


def test_every_field_changes_the_hash():
    """Also a nested one."""
    base = Outer(count=1)
    others = [
        dataclasses.replace(base, count=2),
        dataclasses.replace(base, note=""),
        dataclasses.replace(base, inner=Inner(rate=0.25)),
    ]
    assert len({config.content_hash(value) for value in (base, *others)}) == 4


def test_flat_view_and_changes():
    """`a.b.c` keys, and the fields in which two configs differ."""
    flat = config.flatten(Outer(count=1))
    assert flat == {"count": 1, "inner.rate": 0.5, "inner.names": ["a"], "note": None}
    old, new = (config.to_dict(Outer(count=1, inner=Inner(rate=rate))) for rate in (0.5, 0.25))
    assert config.changed_fields(old, new) == ["inner.rate"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"count": 1, "cuont": 2}', "cuont"),
        ('{"note": null}', "count"),
        ('{"count": "1"}', "count"),
        ('{"count": 1, "inner": {"rate": "fast"}}', "inner.rate"),
    ],
)
def test_a_wrong_field_is_named(text, word):
    """Unknown, missing and wrongly typed fields are refused by name."""
    with pytest.raises(ValueError, match=word):
        config.from_json(Outer, text)
