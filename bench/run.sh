#!/usr/bin/env bash
# Makes the full Debian package graph from this machine's package lists (once) and measures on it.
#   bench/run.sh [WORK_DIR]          default: a directory in the user's cache
# Needs `apt-cache` with lists (apt-get update). Compare only numbers of one run on one quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
work="${1:-${XDG_CACHE_HOME:-$HOME/.cache}/omnigraph/bench}"
mkdir -p "$work"

cargo build --workspace
target="${CARGO_TARGET_DIR:-target}/debug"

if [ ! -s "$work/debian.jsonl" ]; then
  apt-cache dumpavail > "$work/available"
  "$target/omnigraph-convert" debian --packages "$work/available" --out "$work/debian.jsonl"
fi

graphs="$(mktemp -d "$work/run.XXXXXX")"
trap 'rm -rf "$graphs"' EXIT
"$target/omnigraph-bench" debian --data "$work/debian.jsonl" --dir "$graphs"
"$target/omnigraph-bench" versions
"$target/omnigraph-bench" storage --data "$work/debian.jsonl"
