#!/usr/bin/env bash
# Build one of the kinds below into build/<kind>: release, asan (ASan + UBSan, crash points), tsan (clang), fuzz (clang),
# lint (clang; tests and fuzz targets as well).
# Further arguments go to meson setup. TARGETS: build only these.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
shift

options=()
compiler=gcc
case $kind in
release) options=(--buildtype=release -Dtests=false) ;;
asan) options=(--buildtype=debugoptimized -Db_sanitize=address,undefined -Dcrash_points=true) ;;
tsan) compiler=clang-14 options=(--buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false) ;;
fuzz) compiler=clang-14 options=(--buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dtests=false -Dfuzz=true) ;;
lint) compiler=clang-14 options=(--buildtype=debug -Db_lundef=false -Dfuzz=true) ;;
*) echo "unknown kind of build: $kind" >&2 && exit 2 ;;
esac

if [ -e "build/$kind/build.ninja" ]; then
    meson configure "build/$kind" "${options[@]}" "$@" >/dev/null
else
    CC=$compiler meson setup "build/$kind" "${options[@]}" "$@" >/dev/null
fi
# shellcheck disable=SC2086 # a list of targets
ninja -C "build/$kind" --quiet ${TARGETS:-}
