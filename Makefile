# Two commands set everything up: `make benchmark` and `make test`.
PYTHON ?= python3
BIN = .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The lowest versions have wheels for Python 3.11 and 3.12 only.
PYTHON_LOWEST ?= python3.11
PIP_INSTALL = -m pip install --disable-pip-version-check --quiet

.PHONY: benchmark test docs check-docs test-docs test-lowest smoke-lowest test-latest test-wheel lint types check format dist clean

benchmark: .venv/installed
	$(BIN)/python -m benchmarks pca --dataset digits --n-components 2 8 32

test: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto

# The whole suite with the lowest supported versions; a minute of it, with scikit-learn's checks of
# two configurations, one for each training loop.
test-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest --numprocesses auto

smoke-lowest: .venv-lowest/installed
	.venv-lowest/bin/python -m pytest --numprocesses auto tests/test_transformer.py \
		tests/test_outlier_detector.py tests/common/test_checks.py \
		-k "not test_checks or 0.0003 or momentum"

# The whole suite with the newest release of everything, as of now.
test-latest:
	$(PYTHON) -m venv .venv-latest
	.venv-latest/bin/python $(PIP_INSTALL) --upgrade pip
	.venv-latest/bin/python $(PIP_INSTALL) --upgrade --upgrade-strategy eager \
		--group dev --editable ".[benchmarks,onnx]"
	.venv-latest/bin/python -m pytest --numprocesses auto

# Builds wheel and sdist, installs the wheel into an empty environment, and runs the README there.
test-wheel: .venv/installed
	$(BIN)/python -m pytest -m wheel tests/test_packaging.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/rumdl check --no-cache .
	$(BIN)/zizmor --offline --quiet .
	$(BIN)/python -m repo_review . --show err
	$(BIN)/python -m numpydoc lint sklearn_ae/*.py sklearn_ae/latents/*.py \
		sklearn_ae/metrics/[a-z]*.py sklearn_ae/plotting/[a-z]*.py sklearn_ae/nn/latent.py sklearn_ae/nn/random.py

types: .venv/installed
	$(BIN)/mypy

# The site, in build/html. Warnings are errors.
docs: .venv/installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/html

# The same without running the examples: seconds instead of minutes.
check-docs: .venv/installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html -D sphinx_gallery_conf.plot_gallery=0 docs build/check-docs

# Opens every page in Debian's Chromium.
test-docs: docs
	$(BIN)/python -m pytest -m site tests/site

check: lint types test

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: .venv/installed
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf .venv .venv-lowest .venv-latest build dist *.egg-info

# --no-deps: the pinned list is complete, and pip check says so.
.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP_INSTALL) --requirement requirements-dev.txt
	$(BIN)/python $(PIP_INSTALL) --no-deps --editable .
	$(BIN)/python -m pip check
	touch $@

# pip brings the CUDA libraries of torch by itself, where there are any. pip check compares with the
# bounds in pyproject.toml.
.venv-lowest/installed: requirements-lowest.txt pyproject.toml
	$(PYTHON_LOWEST) -m venv .venv-lowest
	.venv-lowest/bin/python $(PIP_INSTALL) --requirement requirements-lowest.txt
	.venv-lowest/bin/python $(PIP_INSTALL) --no-deps --editable .
	.venv-lowest/bin/python -m pip check
	touch $@
