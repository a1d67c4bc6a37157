# Two commands set everything up: `make benchmark` and `make test`.
PYTHON ?= python3
BIN = .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: benchmark test test-wheel lint types check format dist clean

benchmark: .venv/installed
	$(BIN)/python -m benchmarks pca --dataset digits --n-components 2 8 32

test: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto

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
	$(BIN)/python -m numpydoc lint sklearn_ae/*.py sklearn_ae/latents/*.py sklearn_ae/nn/latent.py sklearn_ae/nn/random.py

types: .venv/installed
	$(BIN)/mypy

check: lint types test

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: .venv/installed
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf .venv build dist *.egg-info

# --no-deps: the pinned list is complete, and pip check says so.
.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	$(BIN)/python -m pip check
	touch $@
