# Everything here needs bash, make and Python >= 3.11 only. GNU make 3.81 (macOS) is enough.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test up bench pictures motifnet lint format lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

# With NVIDIA GPUs: make up EXTRAS=gpu,redis,flower,postgres,s3,dev; what was chosen once stays chosen.
DEFAULT := worker,redis,flower,postgres,s3,dev
# The stamp's first line has extras other than these, its second one where .venv was set up.
CHOSEN := $(or $(shell sed -n 1p $(STAMP) 2>/dev/null),$(DEFAULT))
EXTRAS ?= $(CHOSEN)
HERE := $$(cd $(VENV) && pwd -P)
MOVED := $(shell [ ! -s $(STAMP) ] || [ "$$(sed -n 2p $(STAMP))" = "$(HERE)" ] || echo yes)
# More arguments for pytest, `dreamfarm up` or the benchmarks
ARGS ?=

help:
	@echo 'make demo    render a few pictures on a farm of its own, into demo-output/'
	@echo 'make up      run the farm until Ctrl-C'
	@echo 'make test    run all tests; ARGS="tests/unit -k plan" runs some'
	@echo 'make bench   run the benchmarks'
	@echo 'make pictures  render the pictures of README.md again'
	@echo 'make motifnet  train the bundled network anew (hours; see worker/networks/motifnet/making/README.md)'
	@echo 'make lint    ruff and mypy'
	@echo 'make format  let ruff format the code'
	@echo 'make lock    choose versions anew (needs uv)'
	@echo 'make clean   remove .venv, caches and demo-output/'

setup: $(STAMP)

# Other extras may not get on with those that are there, and the programs of a .venv that was moved point to where it was.
ifneq ($(if $(MOVED),,$(EXTRAS)),$(CHOSEN))
ANEW := rm -rf "$(VENV)"
$(STAMP): again
again:
endif

$(STAMP): pyproject.toml constraints.txt deploy/make-venv
	@$(ANEW)
	@deploy/make-venv "$(VENV)" "$(EXTRAS)"
	@printf '%s\n' "$(filter-out $(DEFAULT),$(EXTRAS))" "$(HERE)" > $@

demo: $(STAMP)
	@$(BIN)/python -m deploy.demo $(ARGS)

# Half of the tests wait for a farm to do something: two files at a time, those with farms first, take little more than half
# the time.
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

up: $(STAMP)
	@$(BIN)/dreamfarm up $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m tests.bench $(ARGS)

pictures: $(STAMP)
	$(BIN)/python -m deploy.readme_pictures

motifnet: $(STAMP)
	$(BIN)/python -m worker.networks.motifnet.making.train build/motifnet-first $(ARGS)
	$(BIN)/python -m worker.networks.motifnet.making.train build/motifnet-second --after build/motifnet-first $(ARGS)
	$(BIN)/python -m worker.networks.motifnet.making.train build/motifnet-third --after build/motifnet-second --seed 3 --draws 1000 $(ARGS)
	$(BIN)/python -m worker.networks.motifnet.making.train build/motifnet --after build/motifnet-third --wide $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Comments would name the registry and who asked for what; the versions are all that counts.
lock:
	uv pip compile --universal --upgrade --no-emit-index-url --no-header --all-extras --python-version 3.11 \
	  --quiet --no-annotate pyproject.toml --output-file constraints.txt.new
	grep -v '^ *#' constraints.txt.new > constraints.txt
	rm constraints.txt.new

clean:
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
