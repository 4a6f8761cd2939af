"""ESC-10: 400 environmental sounds of ten classes in five folds."""

from pathlib import Path

from pipelines.clip import Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.esc_layout import TABLE, list_esc

LICENCE = "CC BY 3.0; single clips CC0, CC BY or Sampling+"
CITATION = "K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015"
SOURCE_PAGE = "the repositories karolpiczak/ESC-10 and karolpiczak/ESC-50 on GitHub"


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Fold `esc10.test_fold` tests, `esc10.validation_fold` validates. Group: the Freesound recording."""
    listed = list_esc(source, config.esc10, only_esc10=True)
    if not listed.clips:
        raise ValueError(
            "ESC-10 is a folder of `NNN - Class name/FOLD-FREESOUNDID-TAKE.ogg`, or the ESC-50 layout with "
            f"`{TABLE}` and `audio/`. Received: {source}, which is neither. Give its folder as `--source`."
        )
    return listed
