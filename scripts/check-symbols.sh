#!/usr/bin/env bash
# No two modules define one symbol: a static library would silently take whichever comes first.
set -euo pipefail
library=${1:?path of librivet.a}
twice=$(nm -A --defined-only "$library" 2>/dev/null | awk '$2 ~ /^[TDBRG]$/ || $3 ~ /^[TDBRG]$/ {print $NF}' | sort | uniq -d)
if [ -n "$twice" ]; then
    printf 'defined in more than one file:\n%s\n' "$twice" >&2
    exit 1
fi
echo "symbols: each is defined once"
