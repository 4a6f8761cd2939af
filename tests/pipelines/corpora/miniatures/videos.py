"""AudioSet in miniature: lists as they are published, and audio for nearly all of their segments."""

from tests.pipelines.corpora.miniatures.miniature import JUNK, Miniature, table


def audioset() -> Miniature:
    """Comments, blanks after commas, labels in quotes; one listed segment has no audio."""
    train = [f"-train{number:05d}" for number in range(30)]
    tested = [f"_eval-{number:05d}" for number in range(3)]
    comments = ("# Segments csv created Sun Mar  5 10:54:31 2017", "# num_ytids=31", "# YTID, start_seconds, ...")
    rows = [f'{video}, 30.000, 40.000, "/m/09x0r,/t/dd00088"' for video in [*train, "gone0000000"]]
    tests = [f'{video}, 0.000, 10.000, "/m/04rlf"' for video in tested]
    classes = ('0,/m/09x0r,"Speech"', '1,/t/dd00088,"Gush"', '2,/m/04rlf,"Music"')
    return Miniature(
        audio=(*(f"balanced/Y{video}.wav" for video in train), *(f"eval/{video}.flac" for video in tested)),
        files={
            "balanced_train_segments.csv": table(*comments, *rows),
            "eval_segments.csv": table(*comments, *tests),
            "class_labels_indices.csv": table("index,mid,display_name", *classes),
            **JUNK,
        },
        missing=("gone0000000",),
        labels=frozenset({"Speech", "Gush", "Music"}),
    )
