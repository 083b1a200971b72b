# The front door. Meson builds; this file only knows the way.
PREFIX ?= /usr/local
# What `make demo` reads from: postgres or mysql.
SOURCE ?= postgres

.PHONY: all build demo test bench lint docs install clean

all: build

build:
	scripts/install-deps.sh build
	scripts/build.sh release

demo:
	scripts/install-deps.sh build demo-$(SOURCE)
	scripts/build.sh release
	SOURCE=$(SOURCE) scripts/demo.sh

test:
	scripts/install-deps.sh build test
	scripts/test.sh

bench:
	scripts/install-deps.sh build bench
	scripts/build.sh release
	scripts/bench.sh

lint:
	scripts/install-deps.sh build lint
	scripts/lint.sh

docs:
	scripts/install-deps.sh build
	scripts/build.sh release
	scripts/generate-docs.sh

install:
	scripts/install-deps.sh build
	scripts/build.sh release --prefix "$(PREFIX)"
	meson install -C build/release --no-rebuild

clean:
	rm -rf build
