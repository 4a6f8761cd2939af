"""Reads every record of a snapshot; the folder is the argument."""

import json
import sys
from pathlib import Path

import tensorflow as tf

folder = Path(sys.argv[1])
card = json.loads((folder / "card.json").read_text())
shards = [str(folder / shard["name"]) for split in card["splits"] for shard in split["shards"]]
fields = {"waveform": tf.io.FixedLenFeature([], tf.string), "labels": tf.io.RaggedFeature(tf.int64)}
batches = tf.data.TFRecordDataset(shards).batch(32).map(lambda records: tf.io.parse_example(records, fields))
clips = batches.unbatch().map(lambda clip: (tf.io.decode_raw(clip["waveform"], tf.int16), clip["labels"]))

sums = [int(tf.reduce_sum(tf.cast(samples, tf.int64))) for samples, labels in clips]
print(json.dumps({"clips": len(sums), "sum_of_samples": sum(sums)}))
