# The commands of this repository. `make lab` and `make test` are all that one needs.
LAB ?= lab
PYTHON ?= python3
BIN := .venv/bin
# Tests name their files, so that one part can be run alone: make e2e ARGS="-k nodeport".
ARGS ?=
# How many end-to-end files run at once, each with a lab. Labs wait for one another's hosts a good part
# of the time: on two processors three at once take 24 minutes, two take 28 (each test a fifth less).
WORKERS ?= 3
# A run starts a program a thousand times: what Python compiles is kept, whatever the caller wants.
unexport PYTHONDONTWRITEBYTECODE
# Those packages of the stand-in that do not import all of Kubernetes.
GO_LIGHT := ./agent ./config ./pki ./registries ./supervise ./token
# As gobuild.py compiles: with other flags each module would be compiled a second time, for tests.
GO_FLAGS := -trimpath -gcflags=all=-dwarf=false

.PHONY: help lab down test check unit contract e2e soak bench settings lock clean

help: ## Say what there is.
	@grep -E '^[a-z0-9]+:.*## ' Makefile | sed -E 's/^([a-z0-9]+):.*## /  make \1|/' | column -t -s '|'

# (setuptools warns of any editable install, and pip shows it since 26.)
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("whisklab needs Python 3.11 or newer, not %d.%d: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo 'making .venv with the versions of requirements.lock'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lab: .venv/ready ## A three-node cluster and a storage host on this machine.
	@$(BIN)/whisklab make $(LAB)

down: .venv/ready ## Remove the lab again, and just that.
	$(BIN)/whisklab down $(LAB)

# The labs that end-to-end tests begin with take minutes of waiting: the other checks run meanwhile.
test: .venv/ready ## Everything: format, lint, types, unit, contract, end to end.
	mkdir -p .lab; $(BIN)/python -m tests.e2e.bases --fresh > .lab/bases.log 2>&1 & bases=$$!; \
	trap 'kill $$bases 2> /dev/null && wait $$bases || true' EXIT INT TERM; \
	$(MAKE) --no-print-directory check unit contract && \
	{ wait $$bases || { cat .lab/bases.log; exit 1; }; } && trap - EXIT INT TERM && \
	cat .lab/bases.log && DRAW=$${SEED:-$$$$} $(MAKE) --no-print-directory e2e

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	test -z "$$(gofmt -l standins tests)" || { gofmt -l standins tests; echo "run gofmt -w on these"; exit 1; }

# `go test` would look through all dependencies once more for its part of `go vet`.
go_check = go vet $(GO_FLAGS) $(1) && go test $(GO_FLAGS) -vet=off $(1)

unit: export CGO_ENABLED := 0
unit: .venv/ready
	$(BIN)/pytest -n $(WORKERS) tests/unit $(ARGS)
	cd standins/k3s && $(call go_check,$(GO_LIGHT))
	cd standins/mount-nfs && $(call go_check,./...)
	cd standins/provisioner && $(call go_check,.)
	cd standins/wsk && $(call go_check,.)

contract: .venv/ready
	$(BIN)/pytest -n $(WORKERS) --dist loadfile tests/contract $(ARGS)

e2e: .venv/ready ## End to end, all of it; one file: make e2e ARGS=tests/e2e/cluster/test_nfs.py
	$(BIN)/pytest -n $(WORKERS) --junitxml=.lab/e2e.xml $(or $(ARGS),tests/e2e)

soak: .venv/ready ## The long series of end-to-end tests, which take hours.
	$(BIN)/pytest tests/e2e -m soak -n $(WORKERS) $(ARGS)
	OLDER_K3S="v1.34.4+k3s1 v1.35.4+k3s1" $(BIN)/pytest tests/e2e/cluster/test_upgrade.py

bench: .venv/ready ## Ratios, measured side by side on the lab that is up: PARTS="a b d"; `c e` make labs.
	$(BIN)/python -m tests.bench $(LAB) $(if $(PARTS),--parts "$(PARTS)") $(ARGS)

settings: .venv/ready ## Write group_data/all.py again, of the models of all settings.
	$(BIN)/whisklab settings > .lab/settings.py && mv .lab/settings.py group_data/all.py

lock: ## Resolve the dependencies again and write requirements.lock, and the bench's.
	$(PYTHON) -m venv .lab/lock
	.lab/lock/bin/pip install --quiet pip-tools
	.lab/lock/bin/pip-compile --quiet --upgrade --extra dev --extra install --generate-hashes --allow-unsafe \
	  --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file requirements.lock pyproject.toml
	.lab/lock/bin/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint requirements.lock \
	  --output-file tests/bench/requirements.lock tests/bench/requirements.in

clean: ## Remove what was built in this directory (labs and caches stay).
	rm -rf .venv .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
