# Each target alone is enough on a fresh machine with Python: it makes .venv and installs what it
# needs, programs that the machine has not included: demo/tools.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EMOJI := emoji-datasource-google@16.0.0
LONG := --train-on all --precision auto --bend 0.7
TOOLS := node npm cmake cc c++ chromium curl
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo site web kernel install tools emoji test test-wheel test-newest test-oldest test-openvino \
  test-graphs test-demo test-bare test-serve test-root serve-env fuzz audit lint train ablation bench clean build/wheel

help:
	@echo "make demo     draw a digit in the browser: http://127.0.0.1:7860 (installs no PyTorch)"
	@echo "make web      the same without a server's help: http://127.0.0.1:8000, the site from build/site"
	@echo "make site     that site alone, for any server of files"
	@echo "make kernel   the engine of vae.js, compiled again from demo/web/kernel"
	@echo "make install  everything into .venv"
	@echo "make test     all tests"
	@echo "make lint     ruff, mypy and hadolint"
	@echo "make fuzz     a million mutated inputs to every reader, into SECURITY.md, a quarter of an hour"
	@echo "make audit    what is installed, and npm's packages, beside the lists of known weaknesses"
	@echo "make train    the bundled models, their figures and docs/report.md again, three to four hours"
	@echo "make emoji    3,781 colour emoji as a folder to train on: data/emoji"
	@echo "make ablation what each part of the recipe is worth, into docs/training.md, 15 minutes"
	@echo "make bench    measurements into docs/benchmarks.md, training.md and your-model.md"

demo: $(VENV)/.demo
	$(BIN)/python -m demo --port 7860

site: $(VENV)/.demo
	$(BIN)/python -m demo.web.build --out build/site

web: site
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory build/site

kernel: $(VENV)/.all
	$(BIN)/python -m demo.web.kernel

install: $(VENV)/.all

# Two at a time: many tests wait for a browser, a server or another process.
test: tools data/emoji
	$(BIN)/pytest -n 2 --dist loadfile

tools: $(VENV)/.all
	$(BIN)/python -m demo.tools $(TOOLS)

# The runtime tests once more, against the built wheel in environments of its own: with the newest
# numpy and onnxruntime, with the oldest that are supported, and with OpenVINO's onnxruntime; and the
# bare graphs in the oldest onnxruntime that there is.
test-wheel: test-newest test-oldest test-openvino test-graphs

build/wheel: $(VENV)/.all
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel

test-newest: build/wheel
	$(call wheel-venv,newest,build/wheel/*.whl)
	build/newest/bin/pytest tests/runtime

test-oldest: build/wheel
	$(call wheel-venv,oldest,build/wheel/*.whl $(shell $(BIN)/python tests/oldest.py))
	build/oldest/bin/pytest tests/runtime --ignore tests/runtime/bulk # what that needs has no oldest

test-openvino: build/wheel
	$(call wheel-venv,openvino,--no-deps build/wheel/*.whl onnxruntime-openvino numpy)
	build/openvino/bin/pytest tests/runtime/engine/test_device.py -m openvino

test-graphs:
	$(PYTHON) -m venv --clear build/graphs
	build/graphs/bin/pip install --quiet pytest $(shell $(PYTHON) tests/oldest.py graphs)
	! build/graphs/bin/python -I -c "import vae_onnx" 2>/dev/null
	build/graphs/bin/pytest tests/embed/test_onnxruntime.py

# The service, and the repository for Triton, asked by Triton's client.
test-serve: serve-env
	build/serve/bin/pytest tests/serving

serve-env: build/wheel
	$(call wheel-venv,serve,"$$(ls build/wheel/*.whl)[serve]")
	build/serve/bin/pip install --quiet --group serve-test

# The demo as `make demo` has it, in an environment of its own: no PyTorch there, a digit drawn.
test-demo: $(VENV)/.all
	rm -rf build/demo
	$(MAKE) VENV=build/demo build/demo/.demo
	! build/demo/bin/python -I -c "import torch" 2>/dev/null
	$(BIN)/python -m demo.screenshot --python build/demo/bin/python --out build/demo/demo.png

# What a bare machine fetches, though this one may have it: on a PATH without those programs.
test-bare: $(VENV)/.all
	rm -rf build/bare
	$(MAKE) VENV=build/bare build/bare/.demo
	build/bare/bin/pip install --quiet --group browser
	mkdir build/bare/path
	for program in /usr/bin/* /bin/*; do case "$${program##*/}" in \
	  node|npm|npx|cmake|cc|c++|*gcc*|*g++*|*clang*|*chrom*|curl) ;; \
	  *) ln -sf "$$program" build/bare/path ;; esac; done
	PATH="$(abspath build/bare/path)" build/bare/bin/python -m demo.tools $(TOOLS)
	PATH="$(abspath build/bare/path)" build/bare/bin/python -m demo.screenshot --out build/bare/demo.png

# The Dockerfile's steps and a stranger's path in bare roots, timed: as root, with mmdebstrap.
test-root:
	$(PYTHON) tests/bare_root.py

lint: $(VENV)/.all
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

# What is found is in build/fuzz, and `python -m tests.fuzz.replay NAME FILE` shows it again.
fuzz: tools serve-env
	$(BIN)/pip install --quiet --group fuzz
	build/serve/bin/pip install --quiet --group fuzz
	rm -rf build/fuzz
	build/serve/bin/python -m tests.fuzz protocol
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m demo.web.join build/fuzz
	PATH="$(abspath $(BIN)):$$PATH" node tests/fuzz/graphs.mjs build/fuzz/vae.js tests/runtime/graphs 100000 1 \
	  >build/fuzz/vae_js.json
	$(BIN)/python -m tests.fuzz --page SECURITY.md

# Asks PyPI and npm, which know by name and version what is weak.
audit: tools serve-env
	$(BIN)/pip install --quiet --group audit
	set -e; for environment in $(BIN) build/serve/bin; do \
	  $(BIN)/pip-audit --skip-editable --path \
	    "$$($$environment/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	done
	set -e; for lock in $$(git ls-files '*package-lock.json'); do \
	  (cd "$$(dirname "$$lock")" && PATH="$(abspath $(BIN)):$$PATH" npm audit); \
	done

# Goes on with what is in runs/: `rm -r runs` first for everything from the beginning.
train: $(VENV)/.all data/emoji
	$(BIN)/python -m export drawing --out vae_onnx/models/drawing.onnx
	set -e; for run in fashion-mnist/vae:250:50 fashion-mnist/ae:250:50 mnist/vae:450:250 mnist/ae:250:50 \
	  fashion-mnist/vae-16d:210:30 mnist/vae-16d:400:60; do \
	  name=$${run%%:*}; dataset=$${name%/*}; model=$${name#*/}; lengths=$${run#*:}; \
	  case $$model in \
	    *-16d) extra="--latent-dim 16 --z-lr-factor 2 --batch-size 256 --lr 0.006" ;; *) extra= ;; esac; \
	  $(BIN)/python -m export train --dataset $$dataset --kind $${model%-16d} $(LONG) $$extra \
	    --epochs $${lengths%:*} --encoder-epochs $${lengths#*:} --out runs/$$name --resume; \
	  $(BIN)/python -m export evaluate runs/$$name; \
	  $(BIN)/python -m export onnx runs/$$name --out vae_onnx/models/$$dataset-$$model; \
	done
	set -e; for dataset in fashion-mnist mnist; do \
	  $(BIN)/python -m export figures runs/$$dataset/vae runs/$$dataset/ae --out runs/$$dataset/figures; \
	done
	$(BIN)/python -m export quantize vae_onnx/models/*mnist*/ --precision int8 --page docs/precision.md
	$(BIN)/python -m export quantize vae_onnx/models/*mnist*/ --precision float16 --dry-run \
	  --page docs/precision.md
	set -e; for dataset in fashion-mnist mnist; do for latent in 2 16; do \
	  case $$dataset-$$latent in \
	    fashion-mnist-16) long="--epochs 60 --train-on all" ;; *) long="--epochs 30" ;; esac; \
	  $(BIN)/python -m export train --dataset $$dataset --network conv --latent-dim $$latent \
	    $$long --out runs/$$dataset/conv-$${latent}d --resume; \
	  $(BIN)/python -m export evaluate runs/$$dataset/conv-$${latent}d; \
	done; done
	set -e; for kind in vae:220 ae:160; do \
	  $(BIN)/python -m export train --dataset folder:data/emoji --colour --image-size 32 \
	    --network conv --latent-dim 64 --epochs $${kind#*:} --batch-size 32 --input-noise 0 --mirror \
	    --shift 2 --recolour 0.5 --train-on all --kind $${kind%:*} --name emoji-$${kind%:*} \
	    --out runs/emoji/$${kind%:*} --resume; \
	done
	$(BIN)/python -m export figures runs/emoji/vae runs/emoji/ae --out docs/figures/emoji
	$(BIN)/python -m export evaluate runs/emoji/vae
	$(BIN)/python -m export onnx runs/emoji/vae --out vae_onnx/models/emoji-vae --licence Apache-2.0
	set -e; for kind in vae ae; do \
	  $(BIN)/python -m export train --dataset fashion-mnist --kind $$kind --recipe report \
	    --out runs/fashion-mnist/$$kind-report --resume; \
	  $(BIN)/python -m export evaluate runs/fashion-mnist/$$kind-report; \
	done
	$(BIN)/python -m export report --runs runs/fashion-mnist runs/mnist --out docs/report.md

emoji: data/emoji

# By concept: all skin tones and genders of one emoji on one side. BIN, where npm may just be fetched to.
data/emoji: | $(VENV)/.demo
	$(BIN)/python -m demo.tools npm
	rm -rf build/emoji
	mkdir -p build/emoji
	PATH="$$PATH:$(abspath $(BIN))" npm pack --silent --pack-destination build/emoji $(EMOJI)
	$(BIN)/python -m export.data.emoji --source build/emoji/*.tgz --out $@
	rm -r build/emoji

ablation: $(VENV)/.all
	$(BIN)/python -m export ablation --epochs 15 --out runs/ablation --page docs/training.md

# What `make bench` compares with and .venv does not have; it lies over .venv, which has torch.
# onnx2c is no package: apt install libprotobuf-dev protobuf-compiler, clone kraiskil/onnx2c with its
# submodules, `cmake -DCMAKE_BUILD_TYPE=Debug` (gcc 12 warns of a Release, which ends it), `make onnx2c`, and
# ONNX2C=.../onnx2c make bench. Without it the page says that it is not there.
build/peers/.done: $(VENV)/.all tests/bench/peers/install.py
	$(BIN)/python tests/bench/peers/install.py build/peers
	@touch $@

# numpy's threads would take part where everything else is given one.
bench: tools data/emoji build/peers/.done serve-env
	$(BIN)/python -m export speedrun --device cpu --page docs/training.md
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/bench/page.py --out docs/benchmarks.md
	$(BIN)/python tests/bench/strangers.py --page docs/your-model.md

clean:
	rm -rf $(VENV) build dist

define new-venv
@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
  'Python 3.11 or newer is needed, $(PYTHON) is ' + sys.version.split()[0] + '; \
  name another one: make PYTHON=python3.12 ...')"
@$(PYTHON) -c "import ensurepip" 2>/dev/null || \
  { echo "$(PYTHON) cannot make a venv; apt install python3-venv" >&2; exit 1; }
$(PYTHON) -m venv $(VENV)
$(BIN)/pip install --quiet --upgrade "pip>=25.1"
endef

# $(call wheel-venv,NAME,WHAT): an environment build/NAME with WHAT and what the runtime tests need.
define wheel-venv
$(PYTHON) -m venv --clear build/$(1)
build/$(1)/bin/pip install --quiet --upgrade "pip>=25.1"
build/$(1)/bin/pip install --quiet $(2)
build/$(1)/bin/pip install --quiet --group runtime-test
! build/$(1)/bin/python -I -c "import torch" 2>/dev/null
build/$(1)/bin/python -I -c "import vae_onnx, numpy, onnxruntime; \
  print(vae_onnx.__file__, numpy.__version__, onnxruntime.__version__)"
endef

$(VENV)/.demo: pyproject.toml
	$(new-venv)
	$(BIN)/pip install --quiet --editable . --group demo
	@touch $@

$(VENV)/.all: pyproject.toml
	$(new-venv)
	$(BIN)/pip install --quiet --editable . --group all
	@touch $@ $(VENV)/.demo
