#!/usr/bin/env bash
# Every test there is, fastest first: style, unit tests and conformance suites under ASan + UBSan, the row path under
# TSan, the fuzz corpora, then the end-to-end and interoperability tests with real servers and independent readers.
# Everything lives under build/ or in temporary folders. A step that fails does not keep the others from running;
# ends with pytest's totals.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export PYTHONPATH=tests/e2e PYTHONDONTWRITEBYTECODE=1
python=build/venv/bin/python
failed=()

# step "what it is" command...
step() {
    local name=$1
    shift
    printf '\n== %s (%d s)\n' "$name" "$SECONDS"
    "$@" || failed+=("$name")
}

unit_tests() {
    $python -m support.servers 15 mariadb -- \
        meson test -C build/asan --no-rebuild --quiet --print-errorlogs --timeout-multiplier 3
}

# What talks to a server of the MySQL family, once more with MySQL 8.0.
mysql_tests() {
    $python -m support.servers mysql80 -- \
        meson test -C build/asan --no-rebuild --quiet --print-errorlogs --timeout-multiplier 3 \
        source_mysql_catalog source_mysql_faults source_mysql_indexes source_mysql_keyset source_mysql_place \
        source_mysql_session source_mysql_split source_mysql_watch source_suite_mysql
}

threaded="base_cancel base_clock base_queue base_workers format_parquet_writer run_executor run_lanes run_retry"
build_tsan() {
    TARGETS="$(printf 'tests/unit/unit_%s ' $threaded) tests/conformance/conformance_source_suite" scripts/build.sh tsan
}
thread_tests() {
    meson test -C build/tsan --no-rebuild --quiet --print-errorlogs --timeout-multiplier 6 \
        $threaded source_suite_fake source_suite_sqlite
}

replay_corpora() {
    local target rc=0
    for target in build/fuzz/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        "$target" -runs=0 "fuzz/corpus/${target##*/fuzz_}" 2>&1 | tail -n 1 || rc=1
    done
    return $rc
}

# Two workers, a file at a time, each with servers of its own: most tests wait for one program or for a server.
end_to_end() {
    RIVET_BIN=$PWD/build/asan/src/cli/rivet RIVET_RELEASE_BIN=$PWD/build/release/src/cli/rivet \
        $python -m pytest -c tests/pytest.ini -q -n 2 --dist loadfile tests/e2e tests/interop
}

step "style" scripts/lint.sh --quick
step "build: ASan + UBSan, crash points" scripts/build.sh asan
step "unit tests and conformance suites" unit_tests
step "those of MySQL, with MySQL 8.0" mysql_tests
step "build: TSan" build_tsan
step "threads: queues, cancellation, executor" thread_tests
step "build: fuzz targets" scripts/build.sh fuzz
step "fuzz corpora, replayed" replay_corpora
step "build: release" scripts/build.sh release
step "symbols" scripts/check-symbols.sh build/release/librivet.a
step "reference pages" scripts/generate-docs.sh --check
if [ "${#failed[@]}" -gt 0 ]; then
    printf '\nFAILED so far: %s\n' "${failed[@]}"
fi
step "end to end and interoperability" end_to_end
[ "${#failed[@]}" -eq 0 ]
