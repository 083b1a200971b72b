#!/usr/bin/env bash
# Write the reference pages from the tables that the program reads; with --check, fail when a committed page is stale.
set -euo pipefail
cd "$(dirname "$0")/.."
docs=${RIVET_DOCS:-build/release/src/cli/rivet-docs}
out=docs/reference
if [ "${1:-}" = --check ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
"$docs" cli >"$out/cli.md"
"$docs" errors >"$out/errors.md"
"$docs" config >"$out/config.md"
"$docs" schema >"$out/rivet.schema.json"
if [ "${1:-}" = --check ]; then
    for page in cli.md errors.md config.md rivet.schema.json; do
        cmp "$out/$page" "docs/reference/$page" || { echo "docs/reference/$page is stale: run make docs" >&2 && exit 1; }
    done
    echo "docs: reference pages are current"
fi
