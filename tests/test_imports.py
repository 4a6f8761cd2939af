"""Which way imports go, held by fresh interpreters."""

import ast
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("infra", "pipelines", "frontends", "training", "workflows")
ALLOWED = {
    "infra": {"infra"},
    "pipelines": {"pipelines", "infra"},
    "frontends": {"frontends"},
    "training": {"training", "frontends", "infra"},
    "workflows": {
        "workflows",
        "infra",
        "pipelines.config",
        "pipelines.corpora.config",
        "pipelines.requests",
        "training.config",
        "training.cluster.config",
        "training.requests",
        "training.encoders.config",
        "training.recipe.config",
        "training.tasks.config",
        "frontends.config",
    },
}
ONLY_IMPORTER = {
    "mlflow": {"infra/mlflow_store.py", "infra/mlflow_model.py"},
    "tfrecord": {"pipelines/examples.py"},
    "h5py": {"pipelines/hdf5.py"},
    "requests": {"pipelines/download.py"},
    "pyarrow": {
        "infra/predictions.py",
        "pipelines/ledger.py",
        "pipelines/merging.py",
        "pipelines/tables.py",
        "training/records.py",
        "training/export.py",
    },
}
HEAVY = ("tensorflow", "keras", "apache_beam", "ray", "mlflow", "tfrecord", "pyarrow", "matplotlib", "scipy")


def sources() -> list[Path]:
    """Every module of ours."""
    return sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    """Dotted names that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    """A package imports itself and what stands below it, nothing else of ours."""
    allowed = ALLOWED[path.relative_to(ROOT).parts[0]]
    for name in imported_names(path):
        if name.split(".")[0] in OURS:
            assert any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed), f"{path} imports {name}"


@pytest.mark.parametrize(("module", "importers"), ONLY_IMPORTER.items())
def test_a_library_with_traps_has_one_importer(module, importers):
    """mlflow, tfrecord and pyarrow are met in the named files only."""
    found = {
        str(path.relative_to(ROOT))
        for path in sources()
        for name in imported_names(path)
        if name.split(".")[0] == module
    }
    assert found == importers


def test_ray_starts_in_one_place():
    """`ray.init` is called in infra/cluster.py only."""
    assert [path.name for path in sources() if "ray.init(" in path.read_text()] == ["cluster.py"]


@pytest.mark.parametrize(
    "module", ["infra.config", "infra.card", "infra.stage", "infra.delivery", "infra.cluster", "infra.predictions"]
)
def test_the_ground_is_light(module):
    """infra loads none of the heavy libraries before it needs them."""
    assert not loaded_by(f"import {module}") & set(HEAVY)


@pytest.mark.parametrize("package", ["frontends", "training", "training.cluster", "pipelines"])
def test_a_config_file_needs_the_standard_library_only(package):
    """So that the workflow process stays light."""
    third_party = {name.split(".")[0] for name in loaded_by(f"import {package}.config")} - sys.stdlib_module_names
    ours = set(OURS) | {"__main__", "sitecustomize", "lazy_loader"}
    editable = {name for name in third_party if name.startswith(("__editable__", "_virtualenv"))}
    assert third_party <= ours | editable | {"_distutils_hack"}


def test_the_command_line_is_light():
    """`leafworks` loads none of the heavy libraries."""
    assert not loaded_by("import workflows.cli") & set(HEAVY)


def test_preparation_loads_no_tensorflow():
    """tfrecord and TensorFlow cannot live in one process."""
    assert not loaded_by("import pipelines.prepare, pipelines.verify") & {"tensorflow", "keras"}


def test_preparation_loads_no_pandas():
    """Beam and pyarrow would, if it is there: half a second of every process."""
    stage = "from pipelines.stage import leave_out_pandas; leave_out_pandas(); import apache_beam, pyarrow; "
    loaded = loaded_by(stage + "pyarrow.array(['a'])")
    assert {"apache_beam", "pyarrow"} <= loaded
    assert "pandas" not in loaded
    serving = {path.name for path in sources() if path.parts[-2] == "pipelines" and "serve(" in path.read_text()}
    ours = {path.name for path in sources() if "pipelines.stage.serve" in imported_names(path)}
    assert serving == ours | {"stage.py"}


def test_listing_a_corpus_loads_no_beam():
    """So that a plan is quick."""
    assert not loaded_by("import pipelines.listing") & set(HEAVY)


def test_the_launcher_loads_no_tensorflow():
    """Only the workers do; the driver would pay 800 MB for nothing."""
    assert "tensorflow" not in loaded_by("import training.launch")


def test_front_ends_load_keras_when_they_are_used():
    """`import frontends` is free, `frontends.Leaf` is the Keras layer."""
    assert "keras" not in loaded_by("import frontends, frontends.config")
    assert "keras" in loaded_by("from frontends import Leaf, MelFilterbank")


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "quickstart"]])
def test_the_command_line_answers_in_two_seconds(arguments, tmp_path):
    """Of processor time, and the best of three, as other work on the machine is not leafworks'."""
    command = [sys.executable, "-m", "workflows.cli", *arguments]
    root = [] if arguments == ["--help"] else ["--root", str(tmp_path)]
    seconds = []
    for _ in range(3):
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *root], check=True, capture_output=True, cwd=ROOT)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime)
    assert min(seconds) < 2.0
