#!/bin/bash
# Every tier, the cheapest first, none skipped: 'make test'. Ends at the first tier that fails; the times come last.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
summary=()

tier() { # tier NAME COMMAND…
  local name=$1 began=$SECONDS; shift
  printf '\n=== %s\n' "$name"
  if ! "$@"; then
    printf '\n=== %s FAILED after %d s; what passed before:\n' "$name" $((SECONDS - began)) >&2
    [ ${#summary[@]} = 0 ] || printf '%s\n' "${summary[@]}" >&2
    exit 1
  fi
  summary+=("$(printf '  %-16s %4d s' "$name" $((SECONDS - began)))")
}
# What failed last time runs first. Finding no test at all is a failure too (pytest exits with 5).
pytest() { .venv/bin/python -m pytest -q --failed-first "$@"; }

tier setup "$TESTBED/install.sh"
tier check "$TESTBED/check.sh"
tier storage pytest -n 2 -m storage
tier control-plane pytest -m control_plane
tier images "$TESTBED/images.sh"
tier cluster pytest -m cluster
printf '\n=== all tiers passed\n'
printf '%s\n' "${summary[@]}"
printf '  %-16s %4d s\n' total "$SECONDS"
