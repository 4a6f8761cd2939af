"""The corpora of other sounds in miniature, with the peculiarities of their files."""

from tests.pipelines.corpora.miniatures.miniature import JUNK, Miniature, table


def folder() -> Miniature:
    """A class per sub-folder."""
    audio = tuple(f"{label}/{index}.wav" for label in ("cat", "dog") for index in range(12))
    return Miniature(audio=audio, labels=frozenset({"cat", "dog"}), files=JUNK)


def esc10() -> Miniature:
    """The older layout, Ogg Vorbis."""
    audio = tuple(
        f"{name}/{fold}-{100 + fold}-A.ogg" for name in ("001 - Dog bark", "002 - Rain") for fold in range(1, 6)
    )
    return Miniature(audio=audio, kind=(44_100, 1, ""), labels=frozenset({"dog_bark", "rain"}), files=JUNK)


def esc50() -> Miniature:
    """The table with words as booleans, in its `ESC-50-master`; one listed file is absent."""
    clips = [(fold, 100 + fold, target) for fold in range(1, 6) for target in (0, 14)]
    names = [f"{fold}-{source}-A-{target}.wav" for fold, source, target in clips]
    category = {0: "dog", 14: "chirping_birds"}
    rows = [
        f"{name},{fold},{target},{category[target]},{target == 0},{source},A"
        for name, (fold, source, target) in zip(names, clips, strict=True)
    ]
    rows.append("1-101-B-0.wav,1,0,dog,True,101,B")
    head = "filename,fold,target,category,esc10,src_file,take"
    return Miniature(
        audio=tuple(f"ESC-50-master/audio/{name}" for name in names),
        files={"ESC-50-master/meta/esc50.csv": table(head, *rows), "ESC-50-master/audio/.DS_Store": b"x"},
        kind=(44_100, 1, "PCM_16"),
        missing=("audio/1-101-B-0.wav",),
        labels=frozenset(category.values()),
    )


def tut_urban_2018() -> Miniature:
    """Tables of tabs, with a header and without; 24-bit stereo at 48 kHz."""
    base = "TUT-urban-acoustic-scenes-2018-development"
    clips = [(scene, f"barcelona-{place}") for scene in ("airport", "metro_station") for place in range(16)]
    names = [f"audio/{scene}-{place}-{index}-a.wav" for index, (scene, place) in enumerate(clips)]
    rows = [f"{name}\t{scene}\t{place}\ta" for name, (scene, place) in zip(names, clips, strict=True)]
    train = [f"{name}\t{scene}" for name, (scene, place) in zip(names, clips, strict=True) if place[-1] not in "01"]
    test = [name for name, (_, place) in zip(names, clips, strict=True) if place[-1] in "01"]
    return Miniature(
        audio=tuple(f"{base}/{name}" for name in names),
        files={
            f"{base}/meta.csv": table("filename\tscene_label\tidentifier\tsource_label", *rows),
            f"{base}/evaluation_setup/fold1_train.txt": table(*train),
            f"{base}/evaluation_setup/fold1_test.txt": table(*test),
            f"{base}/evaluation_setup/fold1_evaluate.txt": b"",
        },
        kind=(48_000, 2, "PCM_24"),
        labels=frozenset({"airport", "metro_station"}),
    )


def dcase2018_birds() -> Miniature:
    """Three sets; the first table with CRLF and without an end of its last line."""
    ids = {
        "ff1010bird": [str(number) for number in range(40, 60)],
        "warblrb10k": [f"759808e5-f824-401e-9058-{number:04d}" for number in range(20)],
        "BirdVox-DCASE-20k": [f"8ae2e63e-9dc2-4b05-a4aa-{number:04d}" for number in range(20)],
    }
    files, audio = {}, []
    for name, items in ids.items():
        rows = [f"{item},{name},{index % 2}" for index, item in enumerate(items)]
        first = name == "ff1010bird"
        head = "itemid,datasetid,hasbird"
        files[f"{name}_metadata.csv"] = table(head, *rows, end="\r\n" if first else "\n", last=not first)
        audio += [f"{name}/wav/{item}.wav" for item in items]
    return Miniature(
        audio=tuple(audio),
        files=files,
        kind=(44_100, 1, "PCM_16"),
        labels=frozenset({"bird", "no_bird"}),
        shared_groups=True,  # a set is a group
    )


def urbansound8k() -> Miniature:
    """Ten folds; one listed slice is absent, and there is a file of the Finder."""
    base = "UrbanSound8K"
    names = [(fold, f"{1000 + fold}-3-0-{take}.wav") for fold in range(1, 11) for take in range(2)]
    rows = [f"{name},{name.split('-')[0]},0.0,0.317551,1,{fold},3,dog_bark" for fold, name in names]
    rows.append("1001-6-0-0.wav,1001,0.0,4.0,1,1,6,gun_shot")
    head = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    return Miniature(
        audio=tuple(f"{base}/audio/fold{fold}/{name}" for fold, name in names),
        files={f"{base}/metadata/UrbanSound8K.csv": table(head, *rows), f"{base}/audio/fold1/.DS_Store": b"x"},
        kind=(96_000, 2, "FLOAT"),
        missing=("audio/fold1/1001-6-0-0.wav",),
        labels=frozenset({"dog_bark", "gun_shot"}),
    )


def fsd50k() -> Miniature:
    """Labels that are lists in quotes, a vocabulary without a header, ids with a leading zero."""
    truth = "FSD50K.ground_truth"
    guitar = '"Electric_guitar,Music","/m/02sgy,/m/04rlf"'
    return Miniature(
        audio=("FSD50K.dev_audio/064760.wav", "FSD50K.dev_audio/16399.wav", "FSD50K.eval_audio/37199.wav"),
        files={
            f"{truth}/dev.csv": table(
                "fname,labels,mids,split", f"064760,{guitar},train", f"16399,{guitar},val", mark=True
            ),
            f"{truth}/eval.csv": table("fname,labels,mids", '37199,"Music","/m/04rlf"', '37200,"Music","/m/04rlf"'),
            f"{truth}/vocabulary.csv": table("0,Electric_guitar,/m/02sgy", "1,Music,/m/04rlf", "2,Wind,/m/03m9d0z"),
        },
        kind=(44_100, 1, "PCM_16"),
        missing=("eval/37200",),
        labels=frozenset({"Electric_guitar", "Music", "Wind"}),
    )
