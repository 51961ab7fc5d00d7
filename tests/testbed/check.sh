#!/bin/bash
# Everything that needs no server: 'make check'. Static checks first, the cheapest of them first.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
BIN=.venv/bin

run() { # run NAME COMMAND…: quiet when it passes
  local name=$1 began=$SECONDS output; shift
  if output=$("$@" 2>&1); then
    printf '[check] %-12s ok in %d s\n' "$name" $((SECONDS - began))
  else
    printf '%s\n[check] %-12s FAILED: %s\n' "$output" "$name" "$*" >&2
    exit 1
  fi
}

run format $BIN/ruff format --check .
run lint $BIN/ruff check .
run contracts $BIN/lint-imports
run crds $BIN/python -m datasync_api.crds --check
run types $BIN/pyright
$BIN/python -m pytest -q -n 2 -m 'not storage and not control_plane and not cluster'
