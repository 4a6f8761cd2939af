"""Movement from initialisation, where a saved front end is found, and what an inspection leaves behind."""

import csv
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from frontends import Leaf, MelFilterbank, build
from frontends.config import LeafConfig, WavegramConfig
from frontends.inspect import Curves, initial_state, inspect
from frontends.scales import hz_to_erb
from infra.delivery import delivering
from infra.spool import Delivered, Spool
from infra.tracking import FileRun
from training.inspect import inspect_frontend
from training.load import load_frontend
from training.locate import LAYER_NAMES, locate
from training.movement import movement, response_distance
from training.pictures import make_pictures
from training.requests import InitialFrontend, InspectRequest, LocateRequest, SavedFrontend

# Keras's way to write weights, with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def moved_leaf(num_filters: int = 6, *, hertz: float = 25.0) -> Leaf:
    """A Leaf whose third filter has moved."""
    layer = Leaf(num_filters, name="frontend")
    layer.build((None, 16000))
    center = np.asarray(keras.ops.convert_to_tensor(layer.filterbank.center)).copy()
    center[2] += 2.0 * np.pi * hertz / 16000.0
    layer.filterbank.center.assign(center)
    return layer


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A whole model with a moved Leaf inside."""
    model = keras.Sequential([keras.Input((1600,)), moved_leaf(), keras.layers.Flatten(), keras.layers.Dense(2)])
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


def located(what: str, *, trials: Path, tracking_uri: str | None = None) -> SavedFrontend:
    """What the stage answers."""
    return locate(LocateRequest(what=what, trials=str(trials), tracking_uri=tracking_uri, download_folder=str(trials)))


@pytest.mark.parametrize("scale", ["mel", "random"])
def test_an_untrained_layer_has_not_moved(scale):
    """Not by a rounding error."""
    layer = Leaf(8, scale=scale)
    layer.build((None, 16000))
    moved = movement(inspect(initial_state(layer)), inspect(layer))
    assert len(moved) == 5
    for name, values in moved.items():
        np.testing.assert_array_equal(values, 0.0, err_msg=name)


def test_a_filter_moved_by_hertz_is_reported_in_hertz():
    """And in steps of the ERB-rate scale; its bandwidth in octaves; the others have not moved."""
    layer = moved_leaf(40, hertz=25.0)
    sigma = np.asarray(keras.ops.convert_to_tensor(layer.filterbank.sigma)).copy()
    sigma[4] /= 2.0
    layer.filterbank.sigma.assign(sigma)
    before = inspect(initial_state(layer))
    moved = movement(before, inspect(layer))
    centre = before.parameters["centre_hz"][2]
    np.testing.assert_allclose(moved["centre_shift_hz"], 25.0 * (np.arange(40) == 2), atol=0.002)
    assert moved["centre_shift_erb"][2] == pytest.approx(hz_to_erb(centre + 25.0) - hz_to_erb(centre), rel=1e-3)
    np.testing.assert_allclose(moved["bandwidth_change_octaves"], np.arange(40) == 4, atol=1e-6)
    assert np.flatnonzero(moved["response_distance"]).tolist() == [2, 4]


def test_the_response_distance_is_a_distance():
    """0 for the same, 1 without a common frequency, symmetric, and scipy's in between, of the powers."""
    hz = np.arange(4.0)
    first, second = (
        Curves(hz, np.array(rows))
        for rows in ([[1.0, 0.5, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]], [[1.0, 0.5, 0, 0], [0, 0, 1, 1], [0, 1, 0.3, 0]])
    )
    found = response_distance(first, second)
    assert found[:2].tolist() == [0.0, 1.0]
    assert found[2] == pytest.approx(jensenshannon([1, 1, 0, 0], [0, 1, 0.09, 0], base=2))
    np.testing.assert_array_equal(found, response_distance(second, first))


def test_fixed_filters_have_no_movement():
    """Nor a picture of it."""
    layer = MelFilterbank(8, compression="spcen")
    layer.build((None, 16000))
    assert movement(inspect(layer), inspect(layer)) == {}
    assert "movement" not in {picture.name for picture in make_pictures(inspect(layer), inspect(layer))}


def test_a_saved_model_leaves_pictures_page_and_numbers(saved, tmp_path):
    """The numbers are those of the layer inside, against its own initial state."""
    source = located(str(saved), trials=tmp_path)
    assert source == SavedFrontend(path=str(saved), sample_rate=16000)
    done = inspect_frontend(InspectRequest(title="it", source=source, folder=str(tmp_path / "out")))
    assert all((tmp_path / "out" / name).stat().st_size for name in done.files)
    assert {"index.html", "movement.png", "filter_responses.png", "pcen_values.png", "filters.csv"} <= set(done.files)
    with (tmp_path / "out" / "filters.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["filter"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    shift = float(rows[2]["centre_hz"]) - float(rows[2]["initial_centre_hz"])
    assert float(rows[2]["centre_shift_hz"]) == pytest.approx(25.0, abs=0.002) == shift
    with np.load(tmp_path / "out" / "curves.npz") as curves:
        assert curves["responses"].shape == (6, len(curves["frequency_hz"]))
        assert curves["impulse_responses"].dtype.kind == "c"
    quantities = {quantity.name: quantity for quantity in done.quantities}
    assert quantities["centre_shift_hz"].unit == "Hz"
    assert quantities["pooling_ms"].initial == pytest.approx(5.0)


def test_a_named_front_end_is_shown_as_it_starts(tmp_path):
    """Without anything to compare with."""
    source = InitialFrontend(config=LeafConfig(num_filters=4, max_hz=3900.0), sample_rate=8000)
    done = inspect_frontend(InspectRequest(title="leaf", source=source, folder=str(tmp_path)))
    assert "movement.png" not in done.files
    assert {quantity.initial for quantity in done.quantities} == {None}


def test_a_front_end_without_anything_to_show_leaves_a_page(tmp_path):
    """Which says so, and what the front end is."""
    source = InitialFrontend(config=WavegramConfig(), sample_rate=16000)
    done = inspect_frontend(InspectRequest(title="wavegram", source=source, folder=str(tmp_path)))
    assert done.files == ("index.html",)
    page = (tmp_path / "index.html").read_text()
    assert "no filters, windows or curves" in page
    assert "<td>form</td><td>panns</td>" in page


def test_the_layer_alone_is_a_file_too(tmp_path):
    """Its weights come back."""
    keras.saving.save_model(moved_leaf(), tmp_path / "layer.keras")
    layer = load_frontend(located(str(tmp_path / "layer.keras"), trials=tmp_path))
    expected = inspect(moved_leaf()).parameters["centre_hz"]
    np.testing.assert_array_equal(inspect(layer).parameters["centre_hz"], expected)


def test_every_front_end_can_be_located():
    """The names that a file is searched for, which cannot be imported there, are those that can be built."""
    assert set(LAYER_NAMES) == {kind.__name__ for kind in build.LAYERS.values()}


@pytest.mark.parametrize(
    ("layers", "words"),
    [([keras.layers.Dense(2)], "has 0"), ([Leaf(4), keras.layers.Flatten(), Leaf(4)], "has 2")],
    ids=["none", "two"],
)
def test_a_file_has_one_front_end(layers, words, tmp_path):
    """What to do is in the error."""
    keras.Sequential([keras.Input((1600,)), *layers]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=rf"one front end.*{words}.*Save that layer alone"):
        located(str(tmp_path / "model.keras"), trials=tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_another_file_is_refused(content, tmp_path):
    """By what it is, not by a traceback."""
    (tmp_path / "x.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.keras, which is\s+none"):
        located(str(tmp_path / "x.keras"), trials=tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        located(str(tmp_path / "nowhere.keras"), trials=tmp_path)


def test_code_in_a_file_is_not_run(tmp_path):
    """A Lambda layer could do anything."""
    code = keras.layers.Lambda(lambda waveform: waveform, output_shape=(1600,))
    keras.Sequential([keras.Input((1600,)), code, Leaf(4)]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"Keras does not load .*Lambda"):
        load_frontend(located(str(tmp_path / "model.keras"), trials=tmp_path))


@pytest.fixture(scope="module")
def trials(saved, tmp_path_factory) -> Path:
    """Two finished trials, and one that failed."""
    root = tmp_path_factory.mktemp("trials")
    for trial, run in (("aa11", "f00d"), ("aa22", "beef")):
        (root / trial).mkdir()
        FileRun(root / trial).begin(workflow="w", trial=trial, name=trial)
        Spool(root / trial).delivered = Delivered(run_id=run)
        (root / trial / "model.keras").write_bytes(saved.read_bytes())
    (root / "cc33").mkdir()
    return root


@pytest.mark.parametrize("what", ["run:aa11", "run:aa1", "run:f00d", "run:f"])
def test_a_run_is_found_by_the_beginning_of_its_id(what, trials):
    """The trial's, or MLflow's."""
    assert Path(located(what, trials=trials).path) == (trials / "aa11" / "model.keras").resolve()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("run:aa", "2 have: aa11, aa22"),
        ("run:zz", "none has"),
        ("run:", "exactly one"),
        ("run:cc33", r"cc33 has no `model\.keras`: it has not ended, or it failed"),
    ],
)
def test_a_run_that_is_not_one_is_refused(what, words, trials):
    """With what there is."""
    with pytest.raises(ValueError, match=words):
        located(what, trials=trials)


def test_a_run_that_only_mlflow_has(saved, tmp_path):
    """Its model is fetched; a run without one says so."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with delivering(uri, artifact_root=str(tmp_path / "artifacts"), on_line=pytest.fail) as delivery:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            FileRun(tmp_path / name).begin(workflow="w", trial=name, name=name)
            delivery.follow(tmp_path / name)
        shutil.copy(saved, tmp_path / "a" / "model.keras")
        FileRun(tmp_path / "a").artifact(tmp_path / "a" / "model.keras")
    with_model, without = (Spool(tmp_path / name).delivered.run_id for name in ("a", "b"))
    found = located(f"run:{with_model[:12]}", trials=tmp_path / "none", tracking_uri=uri)
    assert load_frontend(found).filterbank.num_filters == 6
    with pytest.raises(ValueError, match=r"has no `model\.keras`"):
        located(f"run:{without}", trials=tmp_path / "none", tracking_uri=uri)
    with pytest.raises(ValueError, match="none has"):
        located("run:zzz' OR '1", trials=tmp_path / "none", tracking_uri=uri)
