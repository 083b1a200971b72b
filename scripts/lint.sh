#!/usr/bin/env bash
# Everything a machine can say about style. `make test` runs the quick part; clang-tidy and clang only here.
set -euo pipefail
cd "$(dirname "$0")/.."
quick=${1:-}
python3 scripts/check-layers.py
python3 scripts/check-size.py
python3 scripts/check-banned.py
scripts/check-headers.sh
mapfile -t files < <(git ls-files -- '*.c' '*.h')
clang-format-14 --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files"
[ "$quick" = --quick ] && exit 0
scripts/build.sh lint
echo "clang: all of it, without a warning"
python3 scripts/check-tidy.py build/lint
