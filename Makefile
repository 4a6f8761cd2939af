# Two commands do everything: `make quickstart` runs the main job, `make test` runs what CI runs.
# Either creates the environment in .venv first; a second call installs nothing.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/python -m pytest
export KERAS_BACKEND := tensorflow
export TF_CPP_MIN_LOG_LEVEL := 3
export CUDA_VISIBLE_DEVICES := -1

.PHONY: quickstart test lint format typecheck tests tests-light tests-tensorflow tests-kills browser postgres flink lock clean help

help:
	@sed -n '1,2s/^# //p' Makefile

quickstart: $(INSTALLED)
	$(BIN)/leafworks run quickstart

test: lint typecheck tests

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"leafworks needs Python 3.11 to 3.13, found {v[0]}.{v[1]}: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv || { echo 'Python lacks its venv module. On Debian: apt install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.lock)"
	UV_COMPILE_BYTECODE=1 $(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml

typecheck: $(INSTALLED)
	$(BIN)/mypy

# Two processes: tfrecord and TensorFlow cannot live in one (docs/decisions/0001-two-processes.md). Side by side, as each
# waits a lot. Trainings on Ray come first in the one and last in the other: with two clusters at once, two cores are busy
# with switching between forty processes.
tests: $(INSTALLED)
	$(MAKE) --jobs=2 --output-sync=line tests-light tests-tensorflow

tests-light: $(INSTALLED) browser flink postgres
	$(PYTEST) tests/workflows tests/test_imports.py tests/infra tests/pipelines

tests-tensorflow: $(INSTALLED) postgres
	$(PYTEST) tests/frontends tests/training --ignore=tests/training/test_kills.py

# Ten kills of one trial: apart, as it takes 5 to 10 minutes (docs/cluster.md).
tests-kills: $(INSTALLED)
	$(PYTEST) tests/training/test_kills.py

# The report is opened in a real browser; without one, and without the right to install it, that test is skipped.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else echo 'No Chromium: the test of the report page will be skipped. On Debian: apt install chromium'; fi

# MLflow's tests have a real PostgreSQL behind it; without one they are skipped.
postgres:
	@command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	else echo 'No PostgreSQL: the tests of tracking on it will be skipped. On Debian: apt install postgresql'; fi

# Beam's job server with a Flink in it, for its test and for `--flink_job_server_jar`; Maven checks the checksums.
MAVEN := mvn --batch-mode --quiet --strict-checksums --file infra/flink/pom.xml

flink:
	@test .flink/lib -nt infra/flink/pom.xml || \
	if command -v mvn >/dev/null && command -v java >/dev/null; then \
	  $(MAVEN) dependency:copy-dependencies jar:jar >/dev/null || \
	  { rm -rf .flink; echo 'Maven does not find the job server of Flink: its test will be skipped.'; }; \
	else echo 'No Maven or no Java: the test of Flink will be skipped.'; fi

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Exact versions for Python 3.11 to 3.13, without any index address.
lock: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev pyproject.toml \
	  --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache *.egg-info build dist
