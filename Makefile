.DEFAULT_GOAL := help
.PHONY: help up down restart logs status clean doctor backup restore upgrade build build-agent build-manager uninstall dev test lint bench

# embedded: everything in one supervisor on this machine. compose: each process in a container of its own.
MODE := embedded
PYTHON := .venv/bin/python
ifeq ($(MODE),compose)
INSTALLED :=
PORTAL := scripts/compose
else ifneq ($(MODE),embedded)
$(error MODE is embedded or compose, not $(MODE))
else
INSTALLED := $(PYTHON)
PORTAL := $(PYTHON) manage.py portal
endif
PACKAGES := agents cam_site metrics_app voice_app

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

up: $(INSTALLED) ## Start the portal, if it is not running, and say where it is
	@$(PORTAL) up

down: $(INSTALLED) ## Stop the portal; agents' containers stay as they are
	@$(PORTAL) down

restart: $(INSTALLED) ## Stop and start the portal, with the settings that .env has now
	@$(PORTAL) restart

logs: $(INSTALLED) ## Follow every process's log; Ctrl+C leaves
	@$(PORTAL) logs

status: $(INSTALLED) ## What runs: the portal's processes and the agents' containers
	@$(PORTAL) status
	@docker ps --all --filter label=cam.agent

doctor: $(INSTALLED) ## Look at everything that CAM needs, and say what to do
ifeq ($(MODE),compose)
	@$(PORTAL) doctor
else
	@$(PYTHON) manage.py doctor
endif

backup: $(INSTALLED) ## Back up every row and the settings into data/backups; the portal may go on
ifeq ($(MODE),compose)
	@$(PORTAL) backup
else
	@$(PYTHON) manage.py backup
endif

restore: $(INSTALLED) ## Restore a backup into an installation without users: make restore FROM=FOLDER
ifeq ($(MODE),compose)
	@$(PORTAL) restore $(FROM)
else
	@$(PYTHON) manage.py restore $(FROM)
	@scripts/take_keys $(FROM)/env .env
endif

upgrade: $(INSTALLED) ## After new code has come: back up, build, migrate, restart; agents go on
ifeq ($(MODE),compose)
	@$(PORTAL) upgrade
else
	@$(PYTHON) manage.py backup
	@./install.sh
endif

clean: $(INSTALLED) ## Stop the portal and remove its agents' containers; PURGE=1: their homes as well
	@$(PORTAL) clean $(if $(filter 1,$(PURGE)),--purge)

ifeq ($(MODE),compose)
build: ## Build everything that has changed
	@$(PORTAL) build
else
build: build-agent build-manager ## Build everything that has changed
endif

build-agent: ## Build the agents' image
	@agent_image/build

build-manager: ## Make the Python environments and collect the static files
	@./install.sh --no-start

uninstall: ## Remove everything but what you made: data/, .env and Docker stay
	@if [ -x $(PYTHON) ]; then $(PORTAL) uninstall; fi
	rm -rf .venv .venv-gateway staticfiles
	@echo 'Left as they are: the data directory (data/, or where CAM_DATA_DIR says), .env, and Docker itself.'
	@echo 'To remove these: rm -rf data .env; and as root: apt-get purge docker.io'

dev: $(PYTHON) ## Run in the foreground with CAM_DEBUG, reloading pages' code as it changes; Ctrl+C stops
	@trap '$(PORTAL) down' EXIT; trap : INT; \
		CAM_DEBUG=true $(PORTAL) restart && $(PORTAL) logs

test: ## Install what the tests need, then run them all, end to end included
	@scripts/test

lint: ## ruff, mypy, djade, and shellcheck where it is installed
	@scripts/install_dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy --exclude /sample_repository/ $(wildcard $(PACKAGES))
	.venv/bin/djade --target-version 5.2 --check $(shell find templates -name '*.html')
	@if command -v shellcheck >/dev/null; then shellcheck -x install.sh scripts/install_dev scripts/test scripts/compose scripts/take_keys .ci/run; \
		else echo 'shellcheck is not installed: shell scripts are not checked'; fi

bench: $(PYTHON) ## Measure costs, streaming, starts and memory
	@scripts/install_dev
	@$(PYTHON) -m bench

$(PYTHON):
	@echo 'CAM is not installed here yet: run ./install.sh'; exit 1
