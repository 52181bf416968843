# Every recipe sets up what it needs and says so. Hooks and CI call these and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help setup assets demo site test slow quick static check bench lock vendor charts clean
help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## virtual environment, locked dependencies; on Debian as root: system packages

$(READY): requirements/dev.txt pyproject.toml tools/setup
	@tools/setup "$(PYTHON)" "$(VENV)"
	@touch $@

assets: $(READY) ## a control plane's programs and the guests' image: found, or made once in ten minutes
	@tools/assets "$(BIN)"

demo: $(READY) ## lint, drill red and green on a copy of the pages, verify, lint again
	@PATH="$(abspath $(BIN)):$$PATH" tools/demo

site: $(READY) ## build the site into build/site; look at it: .venv/bin/kbtool site serve
	$(BIN)/kbtool site build --strict

test: $(READY) ## the tests, in minutes: all but the slow ones
	$(BIN)/pytest -m "not slow"

slow: $(READY) ## the slow tests: control planes, guests, a browser, real pages; CI runs them too
	@tools/needs
	$(BIN)/pytest -m slow

quick: $(READY) ## the tests without real servers
	$(BIN)/pytest -m "not slow and not sandbox"

static: $(READY) ## format, lint, types, layers, the pages, their evidence, the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/kbtool lint
	$(BIN)/kbtool verify
	$(BIN)/kbtool site build --strict

check: static test ## the definition of done; CI adds the slow tests

bench: $(READY) ## figures, as ratios where there is a peer
	$(BIN)/python -m bench

lock: $(READY) ## refresh requirements/*.txt from pyproject.toml
	tools/lock "$(BIN)"

vendor: $(READY) ## bring kbtool/vendor anew; PACKAGES="name@version ..." moves a package
	$(BIN)/python tools/vendor $(PACKAGES)

charts: ## bring sandbox/charts anew, with Go; CHARTS="name@version ..." moves a chart
	tools/charts $(CHARTS)

clean: ## remove what the recipes made
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
