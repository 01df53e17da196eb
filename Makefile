# Tideprint: `make demo` shows it, `make test` proves it. Each target sets up what it needs.
# Pass arguments through: make demo ARGS="--json report.json --people 10 --days 3"
.DEFAULT_GOAL := help
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ETH_HASH_BACKEND := pysha3
export PYTHONDONTWRITEBYTECODE := 1
ROOMS := protocol chain node vault oracles wallet audit tideprint bench
ARGS ?=

.PHONY: help setup demo test soak check format bench clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.ready ## Install everything into .tools/ and .venv/

.venv/.ready: pyproject.toml uv.lock scripts/setup.sh
	@scripts/setup.sh

demo: setup ## Walk the whole path on real walking data
	@$(BIN)/tideprint demo $(ARGS)

test: setup ## Run all tests with coverage
	@scripts/kubo.sh || echo "not run: Kubo could not be built, so the tests against real daemons are skipped" >&2
	@scripts/test.sh $(ARGS)

soak: setup ## The long trials: a thousand kills, ten minutes of hostile requests
	@scripts/soak.sh

check: setup ## Lint, types, contract sources
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(ROOMS)
	$(BIN)/python scripts/check_sources.py contracts
	@for contract in contracts/*.vy; do $(BIN)/vyper --evm-version prague -f integrity "$$contract" >/dev/null || exit 1; done
	@echo "contracts compile with $$($(BIN)/vyper --version)"
	.tools/uv/bin/uv lock --check --quiet

format: setup ## Format the Python sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Measure, side by side in one run
	@$(BIN)/python -m bench $(ARGS)

clean: ## Remove everything that make installed or built
	rm -rf .venv .tools .build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
