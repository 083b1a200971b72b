#!/usr/bin/env bash
# Export a small shop from a throw-away PostgreSQL and read it with DuckDB. Leaves its output in build/demo.
# RIVET, PYTHON: other binaries than those in build.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
rivet=${RIVET:-$root/build/release/src/cli/rivet}
python=${PYTHON:-$root/build/venv/bin/python}
. scripts/throwaway-postgres.sh

trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi
}

say "Starting a throw-away PostgreSQL 15 and filling a shop of one million rows"
postgres_start
psql=("$POSTGRES_BIN/psql" -X -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres)
"${psql[@]}" -d postgres -c 'CREATE DATABASE shop'
"${psql[@]}" -d shop -f scripts/demo.sql
echo "127.0.0.1:$POSTGRES_PORT, database shop, user exporter, who may SELECT and nothing else"

rm -rf build/demo
mkdir -p build/demo
cd build/demo
export DATABASE_URL="postgresql://exporter@127.0.0.1:$POSTGRES_PORT/shop"

say "rivet init --source-env DATABASE_URL -o rivet.yaml"
"$rivet" init --source-env DATABASE_URL -o rivet.yaml
sed -n 1,15p rivet.yaml

say "rivet doctor -c rivet.yaml"
"$rivet" doctor -c rivet.yaml

say "rivet run -c rivet.yaml"
"$rivet" run -c rivet.yaml

say "The files, in build/demo/out"
find out -type f -printf '%10s  %p\n' | sort -k2

"$python" "$root/scripts/demo-read.py" out
