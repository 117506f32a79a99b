# make run   a real search within a 3-minute budget (BUDGET=10min for another)
# make test  lint, types and tests
#
# PyPI's Linux wheel of torch is the CUDA build. For the much smaller CPU build:
#   make run TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
BUDGET ?= 3min

.PHONY: run test
run: $(VENV)/.installed
	$(VENV)/bin/mfsearch run --budget $(BUDGET)

test: $(VENV)/.installed-dev
	PYTHON="$(VENV)/bin/python" scripts/check
	PYTHON="$(VENV)/bin/python" scripts/test

# The stamps make a second call quick; a change of the dependencies installs again. torch goes first, so that its index is
# asked for torch alone.
$(VENV)/.installed: setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"mfsearch needs Python 3.11 or later; got {v[0]}.{v[1]}. Name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv "$(VENV)"
	$(VENV)/bin/python -m pip install --quiet $(TORCH)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch "$@"

$(VENV)/.installed-dev: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch "$@"
