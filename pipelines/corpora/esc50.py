"""ESC-50: 2,000 environmental sounds of fifty classes in five folds."""

from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.esc_layout import TABLE, list_esc

LICENCE = "CC BY-NC 3.0; single clips by the LICENSE file of the corpus"
CITATION = "K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015"
SOURCE_PAGE = "the repository karolpiczak/ESC-50 on GitHub"


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Fold `esc50.test_fold` tests, `esc50.validation_fold` validates. Group: the Freesound recording."""
    listed = list_esc(source, config.esc50, only_esc10=False)
    if not listed.clips:
        raise ValueError(
            f"ESC-50 is a folder `ESC-50-master` with `{TABLE}` and `audio/1-100032-A-0.wav`, as its zip unpacks, or "
            "the older one of `101 - Dog/1-100032-A.ogg`. "
            f"Received: {source}, which is neither. Give its folder as `--source`."
        )
    return listed
