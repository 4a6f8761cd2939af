"""Reads every record of a snapshot without TensorFlow; the folder is the argument."""

import json
import sys
from pathlib import Path

import numpy as np
from tfrecord import example_loader

folder = Path(sys.argv[1])
card = json.loads((folder / "card.json").read_text())
shards = [str(folder / shard["name"]) for split in card["splits"] for shard in split["shards"]]
records = (record for shard in shards for record in example_loader(shard, None, {"waveform": "byte", "labels": "int"}))
clips = ((np.frombuffer(record["waveform"], "<i2"), record["labels"]) for record in records)

sums = [int(np.sum(samples, dtype=np.int64)) for samples, labels in clips]
print(json.dumps({"clips": len(sums), "sum_of_samples": sum(sums)}))
