"""The workflows that leafworks ships, and how one is read from a file."""

import runpy
from pathlib import Path

from frontends.config import (
    FrontendConfig,
    LeafConfig,
    MelFilterbankConfig,
    SincNetConfig,
    SincNetPlusConfig,
    TimeDomainFilterbankConfig,
    WavegramConfig,
)
from workflows import (
    ablation,
    audioset,
    esc10,
    folder,
    fsdd,
    initialisation,
    multitask,
    quickstart,
    robustness,
    single_task,
    three_tasks,
)
from workflows.matrix import Experiment, Matrix
from workflows.workflow import Workflow

MODULES = {
    "quickstart": quickstart,
    "fsdd": fsdd,
    "esc10": esc10,
    "three_tasks": three_tasks,
    "single_task": single_task,
    "multitask": multitask,
    "audioset": audioset,
    "robustness": robustness,
    "ablation": ablation,
    "initialisation": initialisation,
    "folder": folder,
}

CORPORA: dict[str, str] = {
    "synthetic": "Eleven classes of sounds made from a seed; needs no source.",
    "folder": "Any folder of recordings: a class per sub-folder, or a table with path, label(s)[, split][, group].",
    "fsdd": "Free Spoken Digit Dataset: 3,000 spoken digits of 6 speakers, 8 kHz.",
    "esc10": "ESC-10: 400 environmental sounds of 10 classes in 5 folds, 44.1 kHz (or those rows of ESC-50).",
    "esc50": "ESC-50: 2,000 environmental sounds of 50 classes in 5 folds, 44.1 kHz.",
    "speech_commands": "Speech Commands v1 and v2: one-second words, all 30 or 35 of them or 12 classes, 16 kHz.",
    "voxceleb1": "VoxCeleb1: speaker identification, 153,516 utterances of 1,251 speakers, 16 kHz.",
    "librispeech": "LibriSpeech: speaker identification inside one subset (train-clean-100: 251 speakers), 16 kHz.",
    "nsynth": "NSynth: 305,979 notes of 4 s, 11 families of instruments or 128 pitches, 16 kHz; WAV or TFRecord.",
    "crema_d": "CREMA-D: 7,438 sentences acted in 6 emotions by 91 actors, 16 kHz.",
    "voxforge": "VoxForge: spoken language, 6 languages, from its archives as downloaded, mostly 16 kHz.",
    "tut_urban_2018": "TUT Urban Acoustic Scenes 2018: 8,640 clips of 10 s, 10 scenes, 48 kHz stereo.",
    "dcase2018_birds": "Bird audio detection of DCASE 2018: 35,690 clips of 10 s in 3 sets, with and without a bird.",
    "urbansound8k": "UrbanSound8K: 8,732 city sounds up to 4 s, 10 classes in 10 folds, any format of WAV.",
    "magnatagatune": "MagnaTagATune: music tagging, 25,863 clips of 29 s, the 50 most frequent of 188 tags.",
    "panns_hdf5": "AudioSet as PANNs packs it: HDF5 files of waveforms, names and targets.",
    "audio_json": "Lists of AST and PSLA in JSON, with class_labels_indices.csv and the audio they name.",
    "tfds": "A folder that TensorFlow Datasets prepared, of any audio data set with classes.",
    "webdataset": "Tar files of WebDataset: samples of audio with .json, .cls or .txt.",
    "hf_parquet": "Parquet files with audio bytes and labels, as Hugging Face keeps data sets.",
    "fsd50k": "FSD50K: 51,197 sounds with several of 200 labels each, 44.1 kHz.",
    "audioset": "AudioSet: the published segment lists, 527 classes, and the audio one has of them, in any habit.",
}
FRONTENDS: dict[str, str] = {
    "mel": "Mel filterbank energies, logarithm or (mel_pcen) learned PCEN; fixed filters.",
    "leaf": "LEAF: learned Gabor filters, Gaussian pooling and PCEN; 7 parameters per filter.",
    "time_domain": "Time-domain filterbank: free kernels started from Gabor filters, a learned low-pass, logarithm.",
    "sincnet": "SincNet: learned sinc band-pass filters, max pooling, layer normalisation; 4 parameters per filter.",
    "sincnet_plus": "SincNet+: the same filters with LEAF's Gaussian pooling and PCEN; 7 parameters per filter.",
    "wavegram": "Wavegram: a learned stack of convolutions over the waveform.",
}
# What `inspect` and `featurize` know by name: the defaults of each, and mel with learned PCEN.
NAMED_FRONTENDS: dict[str, FrontendConfig] = {
    "mel": MelFilterbankConfig(),
    "mel_pcen": MelFilterbankConfig(compression="spcen"),
    "leaf": LeafConfig(),
    "time_domain": TimeDomainFilterbankConfig(),
    "sincnet": SincNetConfig(),
    "sincnet_plus": SincNetPlusConfig(),
    "wavegram": WavegramConfig(),
}
ENCODERS: dict[str, str] = {
    "conv_net": "The small ConvNet of the original LEAF code; 3.5 M parameters, with a width multiplier.",
    "efficientnet_b0": "EfficientNetB0 from scratch, its input unscaled; 4.0 M parameters.",
    "cnn14": "CNN14 of PANNs, with its head or the original LEAF code's; 79.7 M parameters, with a width multiplier.",
    "fcn_3": "FCN-3 of Choi et al. (2016), a fully convolutional tagger; 15.9 M parameters, with a width multiplier.",
    "fcn_4": "FCN-4 of Choi et al. (2016); 17.3 M parameters, with a width multiplier.",
    "fcn_5": "FCN-5 of Choi et al. (2016); 25.1 M parameters, with a width multiplier.",
    "fcn_6": "FCN-6 of Choi et al. (2016): FCN-5 and a 1 x 1 layer; 27.2 M parameters, with a width multiplier.",
    "fcn_7": "FCN-7 of Choi et al. (2016): FCN-5 and two 1 x 1 layers; 28.2 M parameters, with a width multiplier.",
}


def load(name_or_file: str) -> Experiment:
    """The experiment called `name_or_file`, or the `WORKFLOW` of a Python file.

    Raises:
      ValueError: neither a name nor such a file.
    """
    if name_or_file in MODULES:
        shipped: Experiment = MODULES[name_or_file].WORKFLOW
        return shipped
    if not name_or_file.endswith(".py") or not Path(name_or_file).is_file():
        raise ValueError(
            f"A workflow is one of {sorted(MODULES)} or the path of a .py file. Received: {name_or_file!r}."
        )
    workflow = runpy.run_path(name_or_file).get("WORKFLOW")
    if not isinstance(workflow, Workflow | Matrix):
        raise ValueError(
            f"{name_or_file} must define `WORKFLOW = Workflow(...)` or `Matrix(...)`. Received: {workflow!r}."
        )
    return workflow


def description(name: str) -> str:
    """The first line of a shipped workflow's file."""
    return (MODULES[name].__doc__ or "").splitlines()[0]
