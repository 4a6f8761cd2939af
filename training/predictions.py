"""From the scores of a split to the rows that are kept of it."""

from infra.predictions import PredictedTask, Predictions
from training.evaluate import Scores
from training.records import Clips, Snapshot


def predicted(snapshot: Snapshot, split: str, clips: Clips, scores: Scores) -> Predictions:
    """The predictions of one split; see `infra.predictions`."""
    card = snapshot.card
    return Predictions(
        task=PredictedTask(
            name=card.corpus,
            objective="single_label",
            corpus=card.corpus,
            snapshot_id=card.snapshot_id,
            classes=card.labels,
        ),
        split=split,
        clip_ids=clips.ids,
        groups=clips.groups,
        labels=tuple((card.labels[label],) for label in clips.labels),
        logits=scores.logits,
        sample_sha256=clips.sample_sha256,
    )
