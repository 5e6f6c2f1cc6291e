# gradlab's two commands are `make lab` and `make test`; the others are for working on it.
#   make lab PYTHON=python3.12   uses another Python (3.11 or newer)
#   make lab LAB='--no-browser --port 9000'

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LAB ?=
# The CUDA that CuPy and cuDNN are for, in gpu-test and gpu-bench: 12 or 13.
CUDA ?= 12
# Workers for pytest; `auto` is one per core.
WORKERS ?= auto

BUILD_FILES := pyproject.toml hatch_build.py $(shell find jupyter -type f)
FRONT_END := $(shell find widgets/src widgets/scripts widgets/*.json -type f)
BUNDLE := widgets/gradlab_widgets/static/graph.js

.PHONY: help lab test check front-end-test bench gpu-test gpu-bench screenshots lock cupy-names \
	pytorch-names clean-notebooks clean

help:
	@echo "make lab          open JupyterLab on the first lesson"
	@echo "make test         install what tests need and run all of them"
	@echo "make bench        time gradlab beside its peers"
	@echo "make gpu-test     run the engine's tests on a CUDA device"
	@echo "make gpu-bench    time gradlab beside PyTorch on a CUDA device"
	@echo "make screenshots  keep pictures of the widgets in artefacts/"
	@echo "make lock         choose the pinned versions in requirements/ anew"
	@echo "make cupy-names   read anew which functions CuPy has"
	@echo "make pytorch-names  list anew which of PyTorch's names are here (needs PyTorch installed)"

lab: $(VENV)/.lab
	$(BIN)/gradlab lab $(LAB)

$(BIN)/python:
	$(PYTHON) tools/make_venv.py $(VENV)

# The editable install also makes the widgets' bundle, so it is due again when a source changed.
$(VENV)/.lab: $(BUILD_FILES) $(FRONT_END) requirements/lab.txt | $(BIN)/python
	@echo "Installing gradlab and JupyterLab into $(VENV); the first time this takes a minute."
	$(BIN)/python -m pip install --quiet -r requirements/lab.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

$(VENV)/.test: $(VENV)/.lab requirements/test.txt
	$(BIN)/python -m pip install --quiet -r requirements/test.txt
	touch $@

test: check front-end-test
	$(BIN)/python tools/chromium.py
	$(BIN)/python -m pytest -n $(WORKERS) -ra --durations=10

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/mypy

front-end-test: $(VENV)/.test widgets/node_modules/.package-lock.json
	$(BIN)/python hatch_build.py test

# npm writes this file last.
widgets/node_modules/.package-lock.json: widgets/package-lock.json | $(VENV)/.test
	$(BIN)/python hatch_build.py ci --no-progress

bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet -r requirements/bench.txt
	$(BIN)/python benchmarks/run.py

# Tests that say nothing of what text or which NumPy array comes out.
ON_GPU := tests/gpu tests/generated $(addprefix tests/test_,$(addsuffix .py,\
	engine errors grad_mode gradcheck inplace dtypes))
gpu-test: $(VENV)/.test
	$(BIN)/python -m pip install --quiet -c requirements/test.txt -e ".[cudnn$(CUDA)]"
	$(BIN)/python -m pytest $(ON_GPU) --device cuda -ra

gpu-bench: $(VENV)/.test
	$(BIN)/python -m pip install --quiet -c requirements/test.txt -e ".[cudnn$(CUDA)]" torch
	$(BIN)/python benchmarks/run.py --device cuda

screenshots: $(VENV)/.test widgets/node_modules/.package-lock.json
	$(BIN)/python tools/chromium.py
	$(BIN)/python -m pytest tests/browser
	@echo "Pictures: artefacts/"

# Versions for every Python and system gradlab supports; no registry's address is written.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--upgrade --no-annotate --no-header
lock: $(BIN)/python
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --extra data -o requirements/lab.txt
	$(COMPILE) --extra test -c requirements/lab.txt -o requirements/test.txt
	$(COMPILE) --extra bench -c requirements/lab.txt -o requirements/bench.txt

# What the tests without a GPU know of CuPy; the wheel is only read, never installed.
cupy-names: $(BIN)/python
	$(BIN)/python -m pip download --quiet --no-deps --dest dist/cupy cupy-cuda12x
	$(BIN)/python tools/cupy_names.py dist/cupy/*.whl > tests/data/cupy_names.txt
	rm -r dist/cupy

pytorch-names: $(VENV)/.test
	$(BIN)/python tools/pytorch_names.py > docs/pytorch_names.md.new
	mv docs/pytorch_names.md.new docs/pytorch_names.md

clean-notebooks:
	$(PYTHON) tools/clean_notebooks.py

clean:
	rm -rf $(VENV) artefacts dist widgets/node_modules $(dir $(BUNDLE))
