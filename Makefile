# stave: an OCI runtime. `make` builds static binaries into bin/.

VERSION ?= 0.1.0-dev
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null)
GO      ?= go
PREFIX  ?= /usr/local
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'

.PHONY: all build
all build: bin/stave

.PHONY: bin/stave bin/stave-faults
bin/stave:
	@mkdir -p bin
	$(BUILD) -o $@ ./cmd/stave

# The same with a switch that makes it fail or die at any step, for the tests.
bin/stave-faults:
	@mkdir -p bin
	$(BUILD) -tags faults -o $@ ./cmd/stave
