"""VoxForge: sentences read by volunteers in six languages, for telling the language."""

import re
from pathlib import Path

from pipelines.clip import Clip, Listed
from pipelines.config import PrepareConfig
from pipelines.corpora.recordings import has_audio_suffix
from pipelines.corpora.tree import Tree
from pipelines.sources import members
from pipelines.splits import hashed_split

LICENCE = "GPL (each archive's LICENSE file)"
CITATION = "K. MacLean, VoxForge, www.voxforge.org"
SOURCE_PAGE = "www.voxforge.org; the archives that TensorFlow Datasets lists in voxforge_urls.txt, by `wget -i ... -x`"

LANGUAGES = ("de", "en", "es", "fr", "it", "ru")

_ENGLISH_FOLDER = "SpeechCorpus"
_ANONYMOUS = "anonymous"
_ARCHIVE = re.compile(r"(?:.*/)?(?P<archive>[^/]+)\.(tgz|tar\.gz|tar|zip)", re.IGNORECASE)
_FOLDER = re.compile(r"(?:.*/)?(?P<archive>[^/]+)/(?:wav|flac)/(?P<name>[^/]+)", re.IGNORECASE)
_MEMBER = re.compile(r"(?:.*/)?(?:wav|flac)/(?P<name>[^/.][^/]*)", re.IGNORECASE)


def list_clips(source: Path, config: PrepareConfig) -> Listed:
    """Archives as downloaded, read without unpacking, or unpacked; WAV and FLAC. Label: the language.

    The language is the last of the folders above an archive that is named `de`, `en`, `es`, `fr`, `it` or `ru`
    (`SpeechCorpus` is English), as in the addresses they are downloaded from. No official split: the shares of `split`
    by a stable hash of the speaker, who is the archive's name up to the first `-`. All anonymous volunteers count as
    one speaker, too large to divide fairly: they train. Group: the speaker.

    An archive that cannot be read is listed as one clip, so that the ledger says why.
    """
    tree = Tree(source)
    clips: dict[str, Clip] = {}
    for path in tree.recordings():
        match, language = _FOLDER.fullmatch(path), _language(path)
        if match and language:
            clip_id = f"{language}/{match['archive']}/{_stem(match['name'])}"
            if clip_id not in clips:
                clips[clip_id] = _clip(tree, path, clip_id, config)
    for path in tree.files(_ARCHIVE.pattern):
        match, language = _ARCHIVE.fullmatch(path), _language(path)
        if match and language and not path.rpartition("/")[2].startswith("."):
            tree.use(path)
            for member, name in _inside(source / path):
                clip_id = f"{language}/{match['archive']}" + (f"/{_stem(name)}" if name else "")
                if clip_id not in clips:
                    clips[clip_id] = _clip(tree, path, clip_id, config, member=member)
    if not clips:
        raise ValueError(
            "VoxForge is a folder of archives as downloaded, below folders that name the language: "
            "`de/Trunk/Audio/Main/16kHz_16bit/guenter-20140214-afn.tgz`, or of what they unpack to. "
            f"Received: {source}, which holds none. Give its folder as `--source`."
        )
    return tree.listed(list(clips.values()))


def _inside(archive: Path) -> list[tuple[str | None, str]]:
    """(member, file name) of the recordings in an archive; the archive itself where it cannot be read."""
    try:
        found = [(name, _MEMBER.fullmatch(name)) for name, _ in members(archive)]
    except ValueError:
        return [(None, "")]
    return sorted((name, match["name"]) for name, match in found if match and has_audio_suffix(name))


def _clip(tree: Tree, path: str, clip_id: str, config: PrepareConfig, *, member: str | None = None) -> Clip:
    language, archive = clip_id.split("/")[:2]
    speaker = archive.partition("-")[0]
    return tree.clip(
        path,
        clip_id=clip_id,
        labels=(language,),
        split="train" if speaker.lower() == _ANONYMOUS else hashed_split(speaker, config.split),
        group=speaker,
        member=member,
    )


def _language(path: str) -> str | None:
    for folder in reversed(path.split("/")[:-1]):
        if folder in LANGUAGES:
            return folder
        if folder == _ENGLISH_FOLDER:
            return "en"
    return None


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
