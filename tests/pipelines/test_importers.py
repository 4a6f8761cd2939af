"""Packings that people hold: the same samples as the files that went into them, and what is missing is missing."""

import io
import json
import tarfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet
from tfrecord import TFRecordWriter

from infra.card import read_card
from pipelines import ledger
from pipelines.config import PrepareConfig, PrepareRequest
from pipelines.corpora.catalog import list_corpus
from pipelines.corpora.config import AudioJsonConfig, TfdsConfig
from pipelines.prepare import prepare
from pipelines.sources import read_source
from pipelines.status import Rejected

RATE, LENGTH = 32_000, 9_600
NAMES = [f"-{number:010d}" for number in range(12)]
CLASSES = {"/m/09x0r": "Speech", "/m/04rlf": "Music"}
TABLE = "index,mid,display_name\n0,/m/09x0r,Speech\n1,/m/04rlf,Music\n"


def samples_of(number: int) -> np.ndarray:
    """int16 noise, another for each clip."""
    return np.random.default_rng(number).integers(-9_000, 9_000, LENGTH).astype(np.int16)


def wav_of(number: int) -> bytes:
    """The same as a file."""
    stream = io.BytesIO()
    soundfile.write(stream, samples_of(number), RATE, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def mid_of(number: int) -> str:
    """The class of a clip."""
    return list(CLASSES)[number % 2]


def features_json(**audio: object) -> str:
    """What TFDS says of records with this audio and a label."""
    said = {"dtype": "int16", "encoding": "BYTES", "sampleRate": str(RATE), "shape": {"dimensions": ["-1"]}, **audio}
    features = {"audio": {"audio": said}, "label": {"classLabel": {"numClasses": "2"}}, "clip_id": {"text": {}}}
    return json.dumps({"featuresDict": {"features": features}})


def write_tfds(folder: Path, records: list[tuple[object, str]], **audio: object) -> Path:
    """A TFDS folder with a record for each (audio, kind of its feature)."""
    folder.mkdir(parents=True, exist_ok=True)
    info = {"name": "mini", "splits": [{"name": "train", "shardLengths": [str(len(records))]}]}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    (folder / "features.json").write_text(features_json(**audio))
    (folder / "label.labels.txt").write_text("Speech\nMusic\n")
    writer = TFRecordWriter(str(folder / "mini-train.tfrecord-00000-of-00001"))
    for number, (value, kind) in enumerate(records):
        label = (number % 2, "int")
        writer.write({"audio": (value, kind), "label": label, "clip_id": (NAMES[number].encode(), "byte")})
    writer.close()
    return folder


def write_panns(folder: Path, names: list[bytes], waveforms: np.ndarray, targets: np.ndarray) -> Path:
    """A folder with one HDF5 file of PANNs and the class names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "class_labels_indices.csv").write_text(TABLE)
    with h5py.File(folder / "balanced_train.h5", "w") as packed:
        packed.create_dataset("audio_name", data=names, dtype="S20")
        packed.create_dataset("waveform", data=waveforms, dtype=np.int16)
        packed.create_dataset("target", data=targets, dtype=bool)
        packed.attrs["sample_rate"] = RATE
    return folder


def panns_hdf5(folder: Path) -> None:
    """The clips as PANNs packs them."""
    names = [f"Y{name}.wav".encode() for name in NAMES]
    targets = np.array([[mid_of(number) == mid for mid in CLASSES] for number in range(len(NAMES))])
    write_panns(folder, names, np.stack([samples_of(number) for number in range(len(NAMES))]), targets)


def audio_json(folder: Path) -> None:
    """The clips as AST lists them."""
    (folder / "wavs").mkdir(parents=True)
    (folder / "class_labels_indices.csv").write_text(TABLE)
    data = [{"wav": f"/elsewhere/wavs/{name}.wav", "labels": mid_of(number)} for number, name in enumerate(NAMES)]
    (folder / "all.json").write_text(json.dumps({"data": data}))
    for number, name in enumerate(NAMES):
        (folder / f"wavs/{name}.wav").write_bytes(wav_of(number))


def webdataset(folder: Path) -> None:
    """The clips as WebDataset packs them."""
    folder.mkdir()
    with tarfile.open(folder / "000000.tar", "w") as tar:
        for number, name in enumerate(NAMES):
            for suffix, content in (("wav", wav_of(number)), ("cls", CLASSES[mid_of(number)].encode())):
                info = tarfile.TarInfo(f"./{name}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def hf_parquet(folder: Path) -> None:
    """The clips as Hugging Face keeps them."""
    folder.mkdir()
    audio = [{"bytes": wav_of(number), "path": f"{name}.wav"} for number, name in enumerate(NAMES)]
    labels = [[CLASSES[mid_of(number)]] for number in range(len(NAMES))]
    parquet.write_table(pa.table({"video_id": NAMES, "audio": audio, "human_labels": labels}), folder / "00.parquet")


def tfds(folder: Path) -> None:
    """The clips as TensorFlow Datasets keeps them."""
    write_tfds(folder, [(samples_of(number).tobytes(), "byte") for number in range(len(NAMES))])


def kept(source: Path, root: Path, **config: object) -> dict[str, tuple[tuple[str, ...], str | None]]:
    """(labels, hash of the samples) by the eleven characters of a clip's name."""
    config = PrepareConfig(**{"clips_per_shard": 4, **config})
    snapshot = prepare(PrepareRequest(config=config, source=str(source), root=str(root))).snapshot
    rows = ledger.read_ledger(Path(snapshot, "clips.parquet"))
    assert {row.status for row in rows} == {"kept"}
    return {row.clip_id.split("/")[-1].removesuffix(".wav"): (row.labels, row.sha256) for row in rows}


@pytest.mark.parametrize("packing", [panns_hdf5, audio_json, webdataset, hf_parquet, tfds])
def test_a_packing_has_the_samples_of_the_files_in_it(tmp_path, write_files, packing):
    """Prepared from the packing, and from a folder of the same recordings: clip by clip the same."""
    files = {f"{CLASSES[mid_of(number)]}/{name}.wav": wav_of(number) for number, name in enumerate(NAMES)}
    folder = kept(write_files(tmp_path / "folder", files), tmp_path / "root", corpus="folder")
    assert len(folder) == len(NAMES)
    packing(tmp_path / "packing")
    assert kept(tmp_path / "packing", tmp_path / "root", corpus=packing.__name__) == folder


def test_rows_that_panns_left_empty_are_missing(tmp_path):
    """Not silence: a row of zeros without a name. With a name it is silent; without a class, a clip of none of them."""
    waveforms = np.stack([samples_of(0), samples_of(1) * 0, samples_of(2) * 0, samples_of(3)])
    names = [b"Y-0000000000.wav", b"", b"Y-0000000002.wav", b"Y-0000000003.wav"]
    targets = np.array([[True, True], [False, False], [True, False], [False, False]])
    source = write_panns(tmp_path / "source", names, waveforms, targets)
    config = PrepareConfig(corpus="panns_hdf5")
    request = PrepareRequest(config=config, source=str(source), root=str(tmp_path / "root"), max_rejected_share=0.9)
    snapshot = Path(prepare(request).snapshot)
    statuses = {row.clip_id: row.status for row in ledger.read_ledger(snapshot / "clips.parquet")}
    assert statuses == {
        "-0000000000": "kept",
        "balanced_train.h5/1": "missing",
        "-0000000002": "silent",
        "-0000000003": "kept",
    }
    assert read_card(snapshot).labels == ("Speech", "Music")


@pytest.mark.parametrize("kind", ["external link", "external storage", "virtual", "no rate", "flat", "text"])
def test_hdf5_files_that_panns_does_not_make_are_refused(tmp_path, kind):
    """Among them those that would show another file of the machine as sound."""
    source = write_panns(tmp_path, [b"Y-0000000000.wav"], samples_of(0)[None], np.array([[True, False]]))
    path = source / "balanced_train.h5"
    (tmp_path / "secret").write_bytes(bytes(2 * LENGTH))
    with h5py.File(path, "a") as packed:
        if kind == "no rate":
            del packed.attrs["sample_rate"]
        else:
            del packed["waveform"]
        if kind == "external link":
            packed["waveform"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "waveform")
        elif kind == "external storage":
            storage = [(str(tmp_path / "secret"), 0, 2 * LENGTH)]
            packed.create_dataset("waveform", (1, LENGTH), np.int16, external=storage)
        elif kind == "virtual":
            layout = h5py.VirtualLayout((1, LENGTH), np.int16)
            layout[0] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "waveform", (LENGTH,))
            packed.create_virtual_dataset("waveform", layout)
        elif kind == "flat":
            packed.create_dataset("waveform", data=samples_of(0))
    if kind == "text":
        path.write_text("not HDF5")
    with pytest.raises(ValueError, match=r"A packing of PANNs .*balanced_train\.h5"):
        list_corpus(PrepareConfig(corpus="panns_hdf5"), str(source))


def test_paths_of_another_machine_are_found(tmp_path):
    """By their end, or below the root that is named; one that leads up is refused; what is not there is missing."""
    audio_json(tmp_path / "source")
    source = str(tmp_path / "source")
    found = list_corpus(PrepareConfig(corpus="audio_json"), source).clips
    assert all(clip.stamp for clip in found)
    named = PrepareConfig(corpus="audio_json", audio_json=AudioJsonConfig(root="/elsewhere"))
    assert list_corpus(named, source).clips == found
    wrong = PrepareConfig(corpus="audio_json", audio_json=AudioJsonConfig(root="/nowhere"))
    assert not any(clip.stamp for clip in list_corpus(wrong, source).clips)
    (tmp_path / "source/all.json").write_text(json.dumps({"data": [{"wav": "../../etc/passwd", "labels": ""}]}))
    with pytest.raises(ValueError, match="leads down"):
        list_corpus(PrepareConfig(corpus="audio_json"), source)


TWICE = np.stack([samples_of(0), samples_of(1)], axis=1)


@pytest.mark.parametrize(
    ("audio", "value", "expected"),
    [
        ({"dtype": "int64", "encoding": "NONE"}, (samples_of(0).tolist(), "int"), samples_of(0)),
        ({"dtype": "int64"} | {"encoding": ""}, (samples_of(0).tolist(), "int"), samples_of(0)),
        ({}, (samples_of(0).tobytes(), "byte"), samples_of(0)),
        ({"encoding": "ZLIB"}, (zlib.compress(samples_of(0).tobytes()), "byte"), samples_of(0)),
        ({"lazyDecode": True, "encoding": "NONE"}, (wav_of(0), "byte"), samples_of(0)),
        ({"dtype": "float32", "encoding": "NONE"}, ((samples_of(0) / 32768).tolist(), "float"), samples_of(0)),
        ({"shape": {"dimensions": ["-1", "2"]}}, (TWICE.tobytes(), "byte"), TWICE),
    ],
    ids=["int64 list", "older", "bytes", "zlib", "file", "float list", "stereo"],
)
def test_every_encoding_of_tfds_is_read(tmp_path, audio, value, expected):
    """The samples come out as they went in."""
    source = write_tfds(tmp_path, [value], **audio)
    (clip,) = list_corpus(PrepareConfig(corpus="tfds"), str(source)).clips
    content = read_source(source / clip.source, clip.member)
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float64")
    assert rate == RATE
    np.testing.assert_array_equal(samples, expected / 32768.0)


@pytest.mark.parametrize(
    ("audio", "value", "reason"),
    [
        ({"dtype": "int64", "encoding": "NONE"}, ([40_000, 1], "int"), "beyond 16 bits"),
        ({"encoding": "ZLIB"}, (b"junk", "byte"), "damaged"),
        ({"encoding": "ZLIB"}, (zlib.compress(bytes(1000))[:-8], "byte"), "ends early"),
        ({"encoding": "ZLIB"}, (zlib.compress(bytes(300 << 20)), "byte"), "more than 268435456 bytes"),
        ({}, (b"", "byte"), "0 samples"),
        ({"shape": {"dimensions": ["-1", "2"]}}, (samples_of(0)[:3].tobytes(), "byte"), "3 samples, 2 channels"),
    ],
)
def test_a_bad_record_of_tfds_costs_itself(tmp_path, audio, value, reason):
    """Its reason is in the ledger."""
    source = write_tfds(tmp_path, [value], **audio)
    (clip,) = list_corpus(PrepareConfig(corpus="tfds"), str(source)).clips
    with pytest.raises(Rejected, match=reason):
        read_source(source / clip.source, clip.member)


def test_a_tfds_folder_that_is_not_whole_is_refused(tmp_path):
    """A shard that is gone or cut off, and audio without a rate: the text says what to do."""
    source = write_tfds(tmp_path, [(samples_of(0).tobytes(), "byte"), (samples_of(1).tobytes(), "byte")])
    config, shard = PrepareConfig(corpus="tfds"), source / "mini-train.tfrecord-00000-of-00001"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"instead of 2|whole records"):
        list_corpus(config, str(source))
    shard.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="whole records"):
        list_corpus(config, str(source))
    shard.rename(source / "away")
    with pytest.raises(ValueError, match=r"without mini-train\.tfrecord-00000-of-00001"):
        list_corpus(config, str(source))
    (source / "features.json").write_text(features_json(sampleRate=None))
    with pytest.raises(ValueError, match='"sampleRate": "16000"'):
        list_corpus(config, str(source))
    other = PrepareConfig(corpus="tfds", tfds=TfdsConfig(label="speaker"))
    (source / "features.json").write_text(features_json())
    with pytest.raises(ValueError, match=r"--tfds.label.*\['label'\]. Received: 'speaker'"):
        list_corpus(other, str(source))


def test_a_snapshot_of_ours_is_a_data_set_of_tfds(pristine, tmp_path):
    """Read back as one, it is the same snapshot."""
    request = PrepareRequest(config=PrepareConfig(corpus="tfds"), source=str(pristine), root=str(tmp_path))
    assert prepare(request).snapshot_id == read_card(pristine).snapshot_id
