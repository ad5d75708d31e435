# stave: an OCI runtime.
#
#   make            static binaries into bin/
#   make demo       what a container is, in under a minute
#   make test       everything that can be tested on this machine (root)
#   make validate   the OCI project's own validation programs; RUNTIME=runc for another runtime
#   make crio       CRI-O with conmon and with stave-monitor; builds CRI-O once, which takes minutes
#   make bench      speed beside runc, crun and a C program that makes the same calls
#   make bench-monitor  memory, logs and exec of the monitor beside conmon
#   make soak       thousands of cycles: nothing may be left
#   make lint       gofmt, vet, shellcheck
#   make cross      builds and vets for arm64 and riscv64
#   make install    PREFIX=/usr/local DESTDIR=

VERSION ?= 0.1.0-dev
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null)
GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
# The first instructions are ours where they are written: libct/quick, libct/entry.
entry    = $(if $(filter amd64,$(shell $(GO) env GOARCH)),-E _stave_$(1)_amd64)
# The heap of a command begins where a chunk of it does and not at a random page,
# so that it lies in one huge page and not in two: libct/warm. A Go that does not
# know the experiment does without.
chunk    = norandomizedheapbase64
command  = $(if $(GOEXPERIMENT),,$(if $(shell GOEXPERIMENT=$(chunk) $(GO) env GOEXPERIMENT 2>/dev/null),GOEXPERIMENT=$(chunk)))
build    = CGO_ENABLED=0 $(if $(filter quick,$(1)),$(command)) $(GO) build -trimpath -ldflags '$(LDFLAGS) $(call entry,$(1))'
GOFILES  = $(shell git ls-files '*.go')

.PHONY: all deps demo test pure blackbox validate crio bench bench-monitor soak lint cross install clean bin/stave bin/stave-faults bin/stave-monitor

all: bin/stave bin/stave-monitor

bin/stave:
	@mkdir -p bin
	$(call build,quick) -o $@ ./cmd/stave

bin/stave-monitor:
	@mkdir -p bin
	$(call build,entry) -o $@ ./cmd/stave-monitor

# The same with a switch that makes it fail or die at any step, for the tests.
bin/stave-faults:
	@mkdir -p bin
	$(call build,quick) -tags faults -o $@ ./cmd/stave

deps:
	sh tests/deps.sh

demo: bin/stave
	sh tests/demo.sh

test: deps bin/stave bin/stave-faults bin/stave-monitor
	$(GO) run ./tests/tally ./cmd/... ./libct/... ./monitor/... ./specs/... -- -p 1 ./tests/...

pure:
	$(GO) run ./tests/tally ./cmd/... ./libct/... ./monitor/... ./specs/...

validate: deps bin/stave
	$(GO) run ./tests/validate

crio: deps bin/stave bin/stave-monitor
	STAVE_CRIO=1 $(GO) run ./tests/tally -timeout 30m ./tests/crio

bench: deps bin/stave
	$(GO) run ./tests/bench

bench-monitor: deps bin/stave bin/stave-monitor
	$(GO) run ./tests/bench/monitor

soak: deps bin/stave bin/stave-faults bin/stave-monitor
	STAVE_SOAK=1 $(GO) run ./tests/tally -- -p 1 -timeout 3h ./tests/...

lint:
	@test -z "$$(gofmt -l $(GOFILES))" || { echo "gofmt would change:"; gofmt -l $(GOFILES); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags faults ./libct/... ./cmd/...
	@if command -v shellcheck >/dev/null; then shellcheck tests/*.sh .ci/run; else echo "shellcheck is not installed: shell scripts not checked"; fi

cross:
	for arch in arm64 riscv64; do \
		echo "linux/$$arch"; \
		GOARCH=$$arch CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/stave-$$arch ./cmd/stave && \
		GOARCH=$$arch CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/stave-monitor-$$arch ./cmd/stave-monitor && \
		GOARCH=$$arch CGO_ENABLED=0 $(GO) vet ./cmd/stave ./cmd/stave-monitor ./libct/... ./specs ./monitor/... || exit 1; \
	done

install: bin/stave bin/stave-monitor
	install -D -m 0755 bin/stave $(DESTDIR)$(PREFIX)/bin/stave
	install -D -m 0755 bin/stave-monitor $(DESTDIR)$(PREFIX)/bin/stave-monitor
	for page in cmd/stave*/cli/text/man/*.8; do install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man8/$${page##*/} || exit 1; done
	install -D -m 0644 cmd/stave/cli/text/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/stave
	install -D -m 0644 cmd/stave-monitor/cli/text/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/stave-monitor
	install -D -m 0644 cmd/stave/cli/text/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_stave
	install -D -m 0644 cmd/stave-monitor/cli/text/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_stave-monitor
	install -D -m 0644 cmd/stave/cli/text/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/stave.fish
	install -D -m 0644 cmd/stave-monitor/cli/text/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/stave-monitor.fish

clean:
	rm -rf bin tests/.cache
