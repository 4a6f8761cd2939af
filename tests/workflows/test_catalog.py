"""What `leafworks list` prints is what a config accepts."""

from typing import get_args, get_type_hints

from frontends.config import FrontendConfig
from pipelines.corpora.config import CorpusName
from training.encoders.config import EncoderConfig
from workflows import catalog


def choices(config_type: type, field: str) -> set[str]:
    """The values of a field that is a `Literal`."""
    return set(get_args(get_type_hints(config_type)[field]))


def test_every_corpus_is_described():
    """Those that a preparation takes, and no other."""
    assert set(catalog.CORPORA) == set(get_args(CorpusName))


def test_every_front_end_is_described():
    """Those that have a config, by their kind."""
    assert set(catalog.FRONTENDS) == set().union(*(choices(kind, "kind") for kind in get_args(FrontendConfig)))


def test_every_encoder_is_described():
    """Those that a training takes."""
    assert set(catalog.ENCODERS) == choices(EncoderConfig, "name")
