# The two commands: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SYSTEM_PACKAGES := samba samba-ad-provision samba-dsdb-modules python3-samba ldb-tools ldap-utils openssl strace \
  krb5-user libsasl2-modules-gssapi-mit curl chromium rsyslog rsyslog-openssl libpango-1.0-0 libpangoft2-1.0-0 \
  libharfbuzz-subset0 fonts-dejavu-core poppler-utils systemd
# What python-ldap is built with.
LDAP_PACKAGES := gcc libldap2-dev libsasl2-dev libkrb5-dev

.PHONY: demo test check format docs setup setup-service setup-dev system-packages lock benchmark fault fuzz soak clean

demo: setup
	@$(BIN)/mailwitness demo

# Hundreds of processes are started: compiled files are kept, whatever the environment says, or each compiles anew.
test: setup-dev system-packages
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 --dist loadfile tests

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup-dev
	$(BIN)/python -m mailwitness.faces.documents docs
	$(BIN)/python -m tests.faces.readme

setup: $(VENV)/.core
setup-service: $(VENV)/.service
setup-dev: $(VENV)/.dev $(VENV)/.directory

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mailwitness needs Python 3.11 or newer; say which with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -qy python3-venv; \
	  else echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.core: requirements/core.lock pyproject.toml | $(BIN)/uv
	@test -f $(VENV)/.dev || $(BIN)/python -m uv pip install -q --python $(BIN)/python --require-hashes -r requirements/core.lock
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

# What `mailwitness serve` needs: console, rules, reports and live intake.
$(VENV)/.service: requirements/service.lock pyproject.toml | $(BIN)/uv
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --require-hashes -r requirements/service.lock
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.core

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/uv
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.core

# The extra `directory`. python-ldap is built from source: its headers are installed as root; elsewhere, where they are
# missing, the tests that read a directory skip and name the packages.
$(VENV)/.directory: requirements/directory.lock | $(VENV)/.dev
	@if [ ! -e /usr/include/ldap.h ] || [ ! -e /usr/include/sasl/sasl.h ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(LDAP_PACKAGES); fi; fi
	@if [ -e /usr/include/ldap.h ] && [ -e /usr/include/sasl/sasl.h ]; then \
	  $(BIN)/python -m uv pip install -q --python $(BIN)/python --require-hashes -r requirements/directory.lock && touch $@; \
	  else echo "python-ldap is not built: its headers are missing ($(LDAP_PACKAGES))"; fi

# As root the packages that real parts of the tests need are installed; otherwise those tests skip and name them.
# syslog-ng is unpacked only: its package and rsyslog's exclude each other.
system-packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  dpkg -s $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(SYSTEM_PACKAGES); }; \
	  test -x $(VENV)/syslog-ng/usr/sbin/syslog-ng || sh tests/collect/unpack_syslog_ng.sh $(CURDIR)/$(VENV)/syslog-ng || echo "syslog-ng cannot be had: its tests skip"; fi

lock: setup-dev
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements/core.lock
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml --extra console --extra kafka --extra live --extra reports --extra rules -o requirements/service.lock
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml --extra console --extra kafka --extra live --extra reports --extra rules --group dev -o requirements/dev.lock
	echo "python-ldap>=3.4.8" | $(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header - -o requirements/directory.lock

benchmark: setup-dev
	$(BIN)/python benchmarks/import_security_log.py

fault: setup-dev system-packages
	$(BIN)/pytest -m slow -p no:randomly tests/fault

fuzz: setup-dev
	$(BIN)/pytest -m slow tests/fuzz

soak: setup-dev
	$(BIN)/pytest -m slow tests/soak

clean:
	rm -rf $(VENV) build dist
