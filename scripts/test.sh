#!/usr/bin/env bash
# Every test there is, fastest first: style, unit tests and conformance suites under ASan + UBSan, the row path under
# TSan, the fuzz corpora, then the end-to-end and interoperability tests with real servers and independent readers.
# Everything lives under build/ or in temporary folders. Ends with pytest's totals.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

step "style"
scripts/lint.sh --quick

step "build: ASan + UBSan, crash points"
scripts/build.sh asan
step "unit tests and conformance suites"
PYTHONPATH=tests/e2e build/venv/bin/python tests/e2e/support/servers.py 15 -- \
    meson test -C build/asan --no-rebuild --quiet --print-errorlogs --timeout-multiplier 3

step "build: TSan"
threaded="base_cancel base_clock base_queue run_executor"
TARGETS="$(printf 'tests/unit/unit_%s ' $threaded) tests/conformance/conformance_source_suite" scripts/build.sh tsan
step "threads: queues, cancellation, executor"
meson test -C build/tsan --no-rebuild --quiet --print-errorlogs --timeout-multiplier 6 \
    $threaded source_suite_fake source_suite_sqlite

step "build: fuzz targets"
scripts/build.sh fuzz
step "fuzz corpora, replayed"
for target in build/fuzz/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    "$target" -runs=0 "fuzz/corpus/${target##*/fuzz_}" 2>&1 | tail -n 1
done

step "build: release"
scripts/build.sh release
scripts/check-symbols.sh build/release/librivet.a
scripts/generate-docs.sh --check

step "end to end"
RIVET_BIN=$PWD/build/asan/src/cli/rivet RIVET_RELEASE_BIN=$PWD/build/release/src/cli/rivet \
    build/venv/bin/python -m pytest -c tests/pytest.ini -q --durations=15 tests/e2e tests/interop
