# Every target makes its own .venv: with uv when it is on PATH, else with python3 and its pip.
# Another Python: make test PYTHON=python3.12 (and remove an old .venv first: make clean).
PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN = $(VENV)/bin
UV := $(shell command -v uv)
comma := ,

ifneq ($(UV),)
new_venv = $(UV) venv --quiet --python '$(PYTHON)' '$(VENV)'
pip = $(UV) pip install --quiet --python '$(BIN)/python'
else
new_venv = $(PYTHON) -m venv --without-pip '$(VENV)'
pip = $(PYTHON) -m pip --disable-pip-version-check --python '$(BIN)/python' install --quiet
endif

# Remove a .venv that is of no use: its Python is gone or too old, or the folder has been moved.
$(shell { '$(BIN)/python' -c 'import sys; sys.exit(sys.version_info < (3, 11))' && \
	grep -qF '$(VENV)' '$(BIN)/activate'; } >/dev/null 2>&1 || rm -rf '$(VENV)')

# pytest with a fresh kernel cache, so that no stale kernel is ever tested.
pytest = cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && export NUMBA_CACHE_DIR="$$cache" && '$(BIN)/pytest'

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-lowest lint docs bench cuda-check clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# $(VENV)/.with-a+b: the project and its extras a and b are installed; again when pyproject.toml changes.
$(VENV)/.with-%: pyproject.toml
	@test -e '$(BIN)/python' || $(new_venv)
	$(pip) $(PIP_ARGS) -e '.[$(subst +,$(comma),$*)]'
	@touch '$@'

demo: $(VENV)/.with-demo  ## fit an RBM on real digits: accuracy, log-likelihood, pictures
	'$(BIN)/ebm' demo

# CUDA's tests run beside the CPU's, in the same fresh cache, and are shown after them.
test: $(VENV)/.with-test  ## the tests: CPU, CUDA simulator, CUDA compilation (no GPU needed)
	@mkdir -p build; cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && export NUMBA_CACHE_DIR="$$cache"; \
	{ '$(BIN)/python' -m tests.cuda_check && NUMBA_ENABLE_CUDASIM=1 '$(BIN)/pytest' tests/cuda_simulator; } \
		>build/cuda.txt 2>&1 & cuda=$$!; \
	'$(BIN)/pytest'; cpu=$$?; wait $$cuda; cuda=$$?; cat build/cuda.txt; exit $$((cpu || cuda))

test-slow: $(VENV)/.with-test  ## statistics, other libraries as oracles, large files: many minutes
	$(pytest) -m slow

test-lowest:  ## the tests with the oldest versions that pyproject.toml allows, on Python 3.11
	@mkdir -p build
	$(PYTHON) tests/lowest.py > build/lowest.txt
	$(MAKE) test VENV='$(CURDIR)/.venv-lowest' PYTHON=python3.11 PIP_ARGS='-c build/lowest.txt'

lint: $(VENV)/.with-lint  ## style, types, and who may import whom
	'$(BIN)/ruff' check
	'$(BIN)/ruff' format --check
	'$(BIN)/mypy'
	'$(BIN)/lint-imports'

docs: $(VENV)/.with-docs  ## the documentation, into docs/_build/html
	rm -rf docs/generated
	'$(BIN)/sphinx-build' -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.with-bench  ## timings beside other libraries, into benchmarks/results
	'$(BIN)/python' -m benchmarks.compare
	'$(BIN)/python' -m benchmarks.time_to_likelihood
	'$(BIN)/python' -m benchmarks.networks_torch
	'$(BIN)/python' -m benchmarks.recurrent_torch

cuda-check: $(VENV)/.with-test  ## compile every CUDA kernel for sm_80 and sm_90, without a GPU
	'$(BIN)/python' -m tests.cuda_check

clean:  ## remove all that these targets made, the environments too
	rm -rf .venv .venv-lowest build dist docs/_build docs/auto_gallery docs/generated .asv
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
