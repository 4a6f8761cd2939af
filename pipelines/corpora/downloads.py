"""Where the files of each corpus are published, with what their owners or their readers say of them.

A size or a checksum is here only where one is published; its origin is `source`. GitHub makes its archives
anew now and then, so they have neither. None of these addresses could be tried where this table was written.
"""

from pipelines.corpora.remote import Download, Remote

_SPEECH_COMMANDS = "https://storage.googleapis.com/download.tensorflow.org/data"
_LIBRISPEECH = "https://www.openslr.org/resources/12"
_NSYNTH = "http://download.magenta.tensorflow.org/datasets/nsynth"
_FSD50K = "https://zenodo.org/record/4060432/files"
_TUT = "https://zenodo.org/record/1228142/files"
_AUDIOSET = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1"
_MAGNATAGATUNE = "https://mirg.city.ac.uk/datasets/magnatagatune"
_TFDS, _SOUNDATA = "TensorFlow Datasets 4.9.10, checksums.tsv", "soundata 1.0.1, REMOTES"

_ESC50 = Remote(
    url="https://github.com/karolpiczak/ESC-50/archive/master.zip",
    file_name="ESC-50-master.zip",
)


def _librispeech(name: str, num_bytes: int, sha256: str, *, optional: bool = True) -> Remote:
    return Remote(
        url=f"{_LIBRISPEECH}/{name}.tar.gz",
        file_name=f"{name}.tar.gz",
        num_bytes=num_bytes,
        sha256=sha256,
        source=_TFDS,
        optional=optional,
    )


def _nsynth(split: str) -> Remote:
    name = f"nsynth-{split}.jsonwav.tar.gz"
    return Remote(url=f"{_NSYNTH}/{name}", file_name=name)


def _nsynth_records(split: str, num_bytes: int, sha256: str) -> Remote:
    name = f"nsynth-{split}.tfrecord.tar"
    url = f"{_NSYNTH}/{name}"
    return Remote(url=url, file_name=name, num_bytes=num_bytes, sha256=sha256, source=_TFDS, optional=True)


def _fsd50k(name: str, md5: str, *, part_of: str | None = None) -> Remote:
    url = f"{_FSD50K}/{name}?download=1"
    return Remote(url=url, file_name=name, md5=md5, part_of=part_of, source=_SOUNDATA)


def _tut(part: str) -> Remote:
    name = f"TUT-urban-acoustic-scenes-2018-development.{part}.zip"
    return Remote(url=f"{_TUT}/{name}", file_name=name)


def _audioset(path: str) -> Remote:
    return Remote(url=f"{_AUDIOSET}/{path}", file_name=path.rpartition("/")[2])


def _magnatagatune(name: str, *, part_of: str | None = None) -> Remote:
    return Remote(url=f"{_MAGNATAGATUNE}/{name}", file_name=name, part_of=part_of)


def _voxceleb(name: str, *, part_of: str | None = None) -> Remote:
    return Remote(url=None, file_name=name, part_of=part_of)


_DEV, _EVAL = "FSD50K.dev_audio.zip", "FSD50K.eval_audio.zip"

DOWNLOADS: dict[str, Download] = {
    "audioset": Download(
        remotes=(
            _audioset("csv/balanced_train_segments.csv"),
            _audioset("csv/eval_segments.csv"),
            _audioset("csv/unbalanced_train_segments.csv"),
            _audioset("csv/class_labels_indices.csv"),
            _audioset("qa/qa_true_counts.csv"),
            _audioset("qa/rerated_video_ids.txt"),
            Remote(
                url="https://raw.githubusercontent.com/audioset/ontology/master/ontology.json",
                file_name="ontology.json",
            ),
        ),
        by_hand=(
            "AudioSet publishes lists, not recordings. Put your copy of the audio beside the lists: the segments as "
            "Y<id>.wav or <id>.flac in any folders (PANNs, AST, EVAR), the parquet or tar files of a public copy "
            "(agkphysics/AudioSet on the Hugging Face hub) as they are. Clips that nobody has any more are listed as "
            "missing."
        ),
    ),
    "crema_d": Download(
        by_hand=(
            "CREMA-D is a git repository whose audio is in Git LFS, and an archive of it holds text pointers instead. "
            "Run `git lfs install`, then `git clone --depth 1 https://github.com/CheyneyComputerScience/CREMA-D`, and "
            "give the clone, with AudioWAV/ in it, as `--source`."
        ),
    ),
    "dcase2018_birds": Download(
        remotes=(
            Remote(
                url="https://ndownloader.figshare.com/files/10853303",
                file_name="ff1010bird_metadata_2018.csv",
            ),
            Remote(
                url="https://ndownloader.figshare.com/files/10853306",
                file_name="warblrb10k_public_metadata_2018.csv",
            ),
            Remote(
                url="https://ndownloader.figshare.com/files/10853300",
                file_name="BirdVoxDCASE20k_csvpublic.csv",
            ),
            Remote(
                url="https://archive.org/download/ff1010bird/ff1010bird_wav.zip",
                file_name="ff1010bird_wav.zip",
                into="ff1010bird",
            ),
            Remote(
                url="https://archive.org/download/warblrb10k_public/warblrb10k_public_wav.zip",
                file_name="warblrb10k_public_wav.zip",
                into="warblrb10k",
            ),
            Remote(
                url="https://zenodo.org/record/1208080/files/BirdVox-DCASE-20k.zip",
                file_name="BirdVox-DCASE-20k.zip",
                into="BirdVox-DCASE-20k",
            ),
        ),
    ),
    "esc10": Download(remotes=(_ESC50,), folder="ESC-50-master"),
    "esc50": Download(remotes=(_ESC50,), folder="ESC-50-master"),
    "folder": Download(by_hand="A folder corpus is your own recordings: give their folder as `--source`."),
    "fsd50k": Download(
        remotes=(
            _fsd50k("FSD50K.ground_truth.zip", "ca27382c195e37d2269c4c866dd73485"),
            _fsd50k("FSD50K.metadata.zip", "b9ea0c829a411c1d42adb9da539ed237"),
            _fsd50k("FSD50K.doc.zip", "3516162b82dc2945d3e7feba0904e800"),
            _fsd50k("FSD50K.dev_audio.z01", "faa7cf4cc076fc34a44a479a5ed862a3", part_of=_DEV),
            _fsd50k("FSD50K.dev_audio.z02", "8f9b66153e68571164fb1315d00bc7bc", part_of=_DEV),
            _fsd50k("FSD50K.dev_audio.z03", "1196ef47d267a993d30fa98af54b7159", part_of=_DEV),
            _fsd50k("FSD50K.dev_audio.z04", "d088ac4e11ba53daf9f7574c11cccac9", part_of=_DEV),
            _fsd50k("FSD50K.dev_audio.z05", "81356521aa159accd3c35de22da28c7f", part_of=_DEV),
            _fsd50k(_DEV, "c480d119b8f7a7e32fdb58f3ea4d6c5a", part_of=_DEV),
            _fsd50k("FSD50K.eval_audio.z01", "3090670eaeecc013ca1ff84fe4442aeb", part_of=_EVAL),
            _fsd50k(_EVAL, "6fa47636c3a3ad5c7dfeba99f2637982", part_of=_EVAL),
        ),
    ),
    "fsdd": Download(
        remotes=(
            Remote(
                url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip",
                file_name="free-spoken-digit-dataset-master.zip",
            ),
        ),
        folder="free-spoken-digit-dataset-master",
    ),
    "librispeech": Download(
        remotes=(
            _librispeech(
                "train-clean-100",
                6_387_309_499,
                "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
                optional=False,
            ),
            _librispeech(
                "train-clean-360", 23_049_477_885, "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf"
            ),
            _librispeech(
                "train-other-500", 30_593_501_606, "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2"
            ),
            _librispeech("dev-clean", 337_926_286, "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3"),
            _librispeech("dev-other", 314_305_928, "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365"),
            _librispeech("test-clean", 346_663_984, "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"),
            _librispeech("test-other", 328_757_843, "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29"),
        ),
        folder="LibriSpeech",
    ),
    "magnatagatune": Download(
        remotes=(
            _magnatagatune("annotations_final.csv"),
            _magnatagatune("clip_info_final.csv"),
            _magnatagatune("mp3.zip.001", part_of="mp3.zip"),
            _magnatagatune("mp3.zip.002", part_of="mp3.zip"),
            _magnatagatune("mp3.zip.003", part_of="mp3.zip"),
        ),
    ),
    "nsynth": Download(
        remotes=(
            _nsynth("train"),
            _nsynth("valid"),
            _nsynth("test"),
            _nsynth_records(
                "train", 74_159_943_680, "09149ea1420f01a65de10a310b9e94ecc74f1640b85f68fb9122bbca0b5d207a"
            ),
            _nsynth_records("valid", 3_250_995_200, "eb535520a9643db461c0cd177307d7fe691c32fe6a4da60fd23ac75f6e18ae07"),
            _nsynth_records("test", 1_050_327_040, "65df0d0ada540ca1983849a051cbec4d0d9c51900b6acb8a4c06492560680a71"),
        ),
    ),
    "speech_commands": Download(
        remotes=(
            Remote(
                url=f"{_SPEECH_COMMANDS}/speech_commands_v0.02.tar.gz",
                file_name="speech_commands_v0.02.tar.gz",
                num_bytes=2_428_923_189,
                sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
                into="speech_commands_v0.02",
                source=_TFDS,
            ),
            Remote(
                url=f"{_SPEECH_COMMANDS}/speech_commands_test_set_v0.02.tar.gz",
                file_name="speech_commands_test_set_v0.02.tar.gz",
                num_bytes=112_563_277,
                sha256="cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
                into="speech_commands_test_set_v0.02",
                source=_TFDS,
            ),
            Remote(
                url=f"{_SPEECH_COMMANDS}/speech_commands_v0.01.tar.gz",
                file_name="speech_commands_v0.01.tar.gz",
                into="speech_commands_v0.01",
                optional=True,
            ),
            Remote(
                url=f"{_SPEECH_COMMANDS}/speech_commands_test_set_v0.01.tar.gz",
                file_name="speech_commands_test_set_v0.01.tar.gz",
                into="speech_commands_test_set_v0.01",
                optional=True,
            ),
        ),
    ),
    "synthetic": Download(by_hand="The synthetic corpus is made on the spot: `leafworks prepare synthetic`."),
    "tut_urban_2018": Download(
        remotes=(_tut("meta"), _tut("doc"), *(_tut(f"audio.{number}") for number in range(1, 14))),
        folder="TUT-urban-acoustic-scenes-2018-development",
    ),
    "urbansound8k": Download(
        remotes=(
            Remote(
                url="https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz?download=1",
                file_name="UrbanSound8K.tar.gz",
                md5="9aa69802bbf37fb986f71ec1483a196e",
                source=_SOUNDATA,
            ),
        ),
        folder="UrbanSound8K",
    ),
    "voxceleb1": Download(
        remotes=(
            _voxceleb("vox1_dev_wav_partaa", part_of="vox1_dev_wav.zip"),
            _voxceleb("vox1_dev_wav_partab", part_of="vox1_dev_wav.zip"),
            _voxceleb("vox1_dev_wav_partac", part_of="vox1_dev_wav.zip"),
            _voxceleb("vox1_dev_wav_partad", part_of="vox1_dev_wav.zip"),
            _voxceleb("vox1_test_wav.zip"),
            Remote(
                url="https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/iden_split.txt",
                file_name="iden_split.txt",
            ),
        ),
        by_hand=(
            "VoxCeleb1 is given to those who register with the Visual Geometry Group of Oxford "
            "(https://www.robots.ox.ac.uk/~vgg/data/voxceleb/). Put vox1_dev_wav_partaa to partad and "
            "vox1_test_wav.zip, both are needed for the identification split, into the folder and run this again: it "
            "joins the parts, unpacks both and fetches iden_split.txt."
        ),
    ),
    "voxforge": Download(
        by_hand=(
            "VoxForge is about 13,800 archives, one for each session of a speaker, at "
            "http://www.repository.voxforge1.org/downloads/<language>/Trunk/Audio/Main/16kHz_16bit/ (English below "
            "SpeechCorpus/ instead), for the languages de en es fr it ru. Fetch each with `wget --recursive "
            "--no-parent --continue --accept tgz`, keep them as <language>/<user>-<date>-<xxx>.tgz, packed or "
            "unpacked, and give the folder of the languages as `--source`."
        ),
    ),
    **{
        name: Download(by_hand="It is a packing that you have already: give its folder as `--source`.")
        for name in ("panns_hdf5", "audio_json", "tfds", "webdataset", "hf_parquet")
    },
}
