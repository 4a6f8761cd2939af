"""Lists AudioSet at its full size and plans its shards: seconds, and the most memory that the process had.

    python benchmarks/listing.py [--segments 2000000] [--files 0] [--folder DIR]

The segment list is made up, with the published one's form and label counts; `--files` puts that many empty files beside
it, in the parts of 50,000 of which PANNs' copy consists. It prints JSON and leaves nothing behind without `--folder`.
"""

import argparse
import json
import random
import string
import sys
import tempfile
import time
from pathlib import Path

from infra.memory import peak_bytes
from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.plan import make_plan

_ALPHABET = string.ascii_letters + string.digits + "-_"
_PART = 50_000  # files in a folder


def make_lists(folder: Path, *, segments: int, files: int) -> None:
    """A class file of 527 and an unbalanced list with two labels a clip; then files of the first segments."""
    draw = random.Random(0)
    mids = [f"/m/{number:05x}" for number in range(527)]
    with (folder / "class_labels_indices.csv").open("w") as stream:
        stream.write("index,mid,display_name\n")
        stream.writelines(f'{index},{mid},"Class {index}, made up"\n' for index, mid in enumerate(mids))
    videos = sorted({"".join(draw.choices(_ALPHABET, k=11)) for _ in range(segments)})
    with (folder / "unbalanced_train_segments.csv").open("w") as stream:
        stream.write(f"# made up\n# num_segs={len(videos)}\n# YTID, start_seconds, end_seconds, positive_labels\n")
        for video in videos:
            start = 10 * draw.randrange(30)
            labels = ",".join(draw.sample(mids, draw.choice((1, 2, 2, 3))))
            stream.write(f'{video}, {start}.000, {start + 10}.000, "{labels}"\n')
    for number, video in enumerate(videos[:files]):
        part = folder / "audios/unbalanced_train_segments" / f"unbalanced_train_segments_part{number // _PART:02d}"
        if number % _PART == 0:
            part.mkdir(parents=True, exist_ok=True)
        (part / f"Y{video}.wav").touch()


def measure(source: Path) -> dict[str, float]:
    """Lists and plans in this process, whose peak memory then says what it took."""
    before = peak_bytes()
    request = PrepareRequest(config=PrepareConfig(corpus="audioset"), source=str(source), root=str(source / "root"))
    begin = time.monotonic()
    plan = make_plan(request)
    return {
        "clips": len(plan.listed.clips),
        "with_audio": plan.sizes.with_audio,
        "shards": len(plan.shards),
        "seconds": round(time.monotonic() - begin, 1),
        "peak_bytes": peak_bytes(),
        "peak_bytes_before": before,
    }


def main() -> None:
    """Makes the lists in a process of its own, so that they do not count, then measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leafworks-") as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "unbalanced_train_segments.csv").is_file():
            import multiprocessing

            maker = multiprocessing.Process(
                target=make_lists, args=(folder,), kwargs={"segments": chosen.segments, "files": chosen.files}
            )
            maker.start()
            maker.join()
        print(json.dumps(measure(folder)), file=sys.stdout)


if __name__ == "__main__":
    main()
