PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-long bench browser clean

# The CPU build of torch, where one is to be had: the newest one brings gigabytes of CUDA.
TORCH := torch==2.13.0

.venv/.demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable ".[cpu,offline]"
	touch $@

.venv/.dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

demo: .venv/.demo
	$(BIN)/ragkit ingest examples/documents --kb demo.kb
	$(BIN)/ragkit ask "How many days of annual leave do I get from the 15th year of service?" --kb demo.kb

test: .venv/.dev browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not long"

# The tests of the page need a browser; where Debian's cannot be installed they are skipped.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || { \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get -qq update && \
	    apt-get -qq install --yes --no-install-recommends chromium fonts-liberation; \
	  } >/dev/null 2>&1 || echo "Chromium could not be installed; tests that need it are skipped"

# Kill sweeps and load: minutes, run before a release.
test-long: .venv/.dev
	$(BIN)/pytest -m long -s

bench: .venv/.dev
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv demo.kb dist build
