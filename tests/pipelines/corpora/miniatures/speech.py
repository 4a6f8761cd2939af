"""The corpora of speech in miniature, with the peculiarities of their files."""

import io
import tarfile

from tests.pipelines.corpora.miniatures.miniature import JUNK, Miniature, recording, table


def fsdd() -> Miniature:
    """Two digits by two speakers; takes 0 and 5 are in other splits than 10."""
    names = [(digit, speaker, take) for digit in "07" for speaker in ("george", "jackson") for take in (0, 5, 10)]
    audio = tuple(f"recordings/{digit}_{speaker}_{take}.wav" for digit, speaker, take in names)
    labels = frozenset({*"0123456789", "george", "jackson"})
    return Miniature(audio=audio, kind=(8_000, 1, "PCM_16"), labels=labels, shared_groups=True, files=JUNK)


def speech_commands() -> Miniature:
    """Real names, whose splits the hash rule knows; a listed file is absent; the test-set archive lies beside."""
    train, validation, test = "0a7c2a8d_nohash_0.wav", "026290a7_nohash_1.wav", "bb05582b_nohash_3.wav"
    main, tested = "speech_commands_v0.02", "speech_commands_test_set_v0.02"
    words = [f"{main}/{word}/{name}" for word in ("right", "bed") for name in (train, validation, test)]
    noise = [f"{main}/_background_noise_/{name}.wav" for name in ("running_tap", "white_noise")]
    separate = [
        f"{tested}/right/{test}",
        f"{tested}/_silence_/4888.wav",
        f"{tested}/_unknown_/bed_{test}.wav",
    ]
    return Miniature(
        audio=(*words, *noise, *separate),
        files={
            f"{main}/validation_list.txt": table(
                f"right/{validation}", f"bed/{validation}", "yes/026290a7_nohash_0.wav"
            ),
            f"{main}/testing_list.txt": table(f"right/{test}", f"bed/{test}", end="\r\n", last=False),
            f"{main}/_background_noise_/README.md": b"noise",
            f"{main}/LICENSE": b"CC BY",
        },
        seconds=dict.fromkeys(noise, 2.5),
        missing=("yes/026290a7_nohash_0.wav",),
        labels=frozenset({"right", "bed", "yes", "_silence_", "_unknown_"}),
    )


def voxceleb1() -> Miniature:
    """Both zips, unpacked apart; the list names a file that neither has."""
    dev = ("id10001/1zcIwhmdeo4/00001.wav", "id10001/7gWzIy6yIIk/00001.wav", "id10001/9mQ11vBs1wc/00003.wav")
    test = ("id10270/5r0dWxy17C8/00001.wav", "id10270/8jEAjG6SegY/00008.wav")
    lines = [f"{split} {path}" for split, path in zip((1, 2, 3), dev, strict=True)]
    lines += [f"1 {test[0]}", f"3 {test[1]}", "1 id10006/nLEBBc9oIFs/00003.wav"]
    return Miniature(
        audio=(*(f"vox1_dev_wav/wav/{path}" for path in dev), *(f"vox1_test_wav/wav/{path}" for path in test)),
        files={"iden_split.txt": table(*lines), **JUNK},
        missing=("id10006/nLEBBc9oIFs/00003.wav",),
        labels=frozenset({"id10001", "id10006", "id10270"}),
    )


def librispeech() -> Miniature:
    """Speakers of three chapters, and the one whose name holds the separator; one transcribed file is absent."""
    base, files, audio = "LibriSpeech/train-clean-100", {}, []
    for speaker, chapters in {"60": ("121082", "121083", "121084"), "103": ("1240", "1241", "1242")}.items():
        for chapter in chapters:
            names = [f"{speaker}-{chapter}-{index:04d}" for index in range(2)]
            audio += [f"{base}/{speaker}/{chapter}/{name}.flac" for name in names]
            lines = [f"{name} CHAPTER ONE" for name in names]
            lines += ["103-1240-0002 GONE"] * (chapter == "1240")
            files[f"{base}/{speaker}/{chapter}/{speaker}-{chapter}.trans.txt"] = table(*lines)
    files["LibriSpeech/SPEAKERS.TXT"] = table(
        *("; a comment", ";ID  |SEX| SUBSET           |MINUTES| NAME"),
        *("60   | M | train-clean-100  | 20.18 | |CBW|Simon", "103  | F | train-clean-100  | 25.03 | Karen Savage"),
    )
    files["LibriSpeech/BOOKS.TXT"] = b";\n"
    missing = ("train-clean-100/103/1240/103-1240-0002.flac",)
    return Miniature(audio=tuple(audio), files=files, missing=missing, labels=frozenset({"60", "103"}))


def crema_d() -> Miniature:
    """Actors of every split in both ways to split, one of the four clips that both leave out, and an MP3 beside."""
    names = [f"{actor}_DFA_{emotion}_XX" for actor in range(1001, 1092) for emotion in ("ANG", "NEU")]
    names += ["1040_ITH_SAD_X", "1001_IEO_HAP_LO"]
    files = {"AudioMP3/1001_DFA_ANG_XX.mp3": b"", "VideoDemographics.csv": b"", **JUNK}
    labels = frozenset({"ANG", "DIS", "FEA", "HAP", "NEU", "SAD"})
    return Miniature(audio=tuple(f"AudioWAV/{name}.wav" for name in names), files=files, labels=labels)


def voxforge() -> Miniature:
    """Archives as downloaded, of WAV and of FLAC, an unpacked one, and a web page that is named like an archive."""
    site = "www.repository.voxforge1.org/downloads"
    main = "Trunk/Audio/Main/16kHz_16bit"
    files = {f"{site}/de/{main}/gone-20110101-xyz.tgz": b"<html>404 Not Found</html>"}
    for index in range(12):
        language, kind = ("de", "it", "SpeechCorpus")[index % 3], ("wav", "flac")[index % 2]
        archive = f"speaker{index}-20140214-afn"
        names = [f"{archive}/{kind}/{language[:2].lower()}11-{take:03d}.{kind}" for take in (95, 96)]
        files[f"{site}/{language}/{main}/{archive}.tgz"] = tgz(
            {**{name: recording(name) for name in names}, f"{archive}/etc/PROMPTS": b"x", f"{archive}/LICENSE": b"GPL"}
        )
    return Miniature(
        audio=(f"{site}/fr/{main}/anonymous-20080504-qvg/wav/fr-01.wav",),
        files=files,
        labels=frozenset({"de", "it", "en", "fr"}),
    )


def tgz(members: dict[str, bytes]) -> bytes:
    """A gzipped tar, the same bytes every time."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
