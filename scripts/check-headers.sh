#!/usr/bin/env bash
# Every public header compiles alone, and twice.
set -euo pipefail
cd "$(dirname "$0")/.."
for header in include/rivet/*.h; do
    # The last line: a header may declare nothing in a build without its option, and C wants a declaration.
    printf '#include "rivet/%s"\n#include "rivet/%s"\ntypedef int last_line;\n' "$(basename "$header")" "$(basename "$header")" |
        gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Iinclude \
            -fsyntax-only -x c - || { echo "$header does not compile alone" >&2 && exit 1; }
done
echo "headers: each compiles alone"
