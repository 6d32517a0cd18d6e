# Each target alone is enough on a fresh machine: it makes .venv and installs what it needs.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo install test test-wheel lint train bench clean

help:
	@echo "make demo     draw a digit in the browser: http://127.0.0.1:7860 (installs no PyTorch)"
	@echo "make install  everything into .venv"
	@echo "make test     all tests"
	@echo "make lint     ruff and mypy"
	@echo "make train    the bundled models, their figures and docs/report.md again, about 20 minutes"
	@echo "make bench    measurements into docs/benchmarks.md"

demo: .venv/.demo
	$(BIN)/python -m demo --port 7860

install: .venv/.all

test: .venv/.all
	@command -v chromium || command -v google-chrome || $(BIN)/playwright install chromium
	$(BIN)/pytest

# The runtime tests once more, against the built wheel in an environment of its own.
test-wheel: .venv/.all
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel
	$(PYTHON) -m venv --clear build/wheel/venv
	build/wheel/venv/bin/pip install --quiet --upgrade "pip>=25.1"
	build/wheel/venv/bin/pip install --quiet build/wheel/*.whl --group runtime-test
	! build/wheel/venv/bin/python -I -c "import torch" 2>/dev/null
	build/wheel/venv/bin/python -I -c "import vae_onnx; print(vae_onnx.__file__)"
	build/wheel/venv/bin/pytest tests/runtime

lint: .venv/.all
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Goes on with what is in runs/: `rm -r runs` first for everything from the beginning.
train: .venv/.all
	$(BIN)/python -m export drawing --out vae_onnx/models/drawing.onnx
	set -e; for dataset in fashion-mnist mnist; do \
	  $(BIN)/python -m export all --dataset $$dataset --out runs/$$dataset --models vae_onnx/models --resume; \
	done
	set -e; for kind in vae ae; do \
	  $(BIN)/python -m export train --dataset fashion-mnist --kind $$kind --lr 1e-3 --schedule constant \
	    --out runs/fashion-mnist/$$kind-report --resume; \
	  $(BIN)/python -m export evaluate runs/fashion-mnist/$$kind-report; \
	done
	$(BIN)/python -m export report --runs runs/fashion-mnist runs/mnist --out docs/report.md

bench: .venv/.all
	$(BIN)/python tests/bench/runtime.py --out docs/benchmarks.md

clean:
	rm -rf .venv build dist

.venv/.demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable . --group demo
	@touch $@

.venv/.all: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable . --group all
	@touch $@ .venv/.demo
