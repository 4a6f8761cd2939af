"""Every corpus in miniature, by its name."""

from collections.abc import Callable

import pytest

from tests.pipelines.corpora.miniatures import music, packings, sounds, speech, videos
from tests.pipelines.corpora.miniatures.miniature import Miniature

_BUILDERS = {
    name: builder
    for module in (speech, music, sounds, videos, packings)
    for name, builder in vars(module).items()
    if getattr(builder, "__module__", "") == module.__name__
}


@pytest.fixture
def miniature() -> Callable[[str], Miniature]:
    """Makes the miniature of the corpus, or form of one, of that name."""
    return lambda name: _BUILDERS[name]()
