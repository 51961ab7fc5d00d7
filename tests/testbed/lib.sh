# Sourced by the scripts beside it: where things are kept, and processes that are ended only while they are still ours.
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$TESTBED/../.." && pwd)
CACHE=${DATASYNC_TESTBED_CACHE:-$HOME/.cache/datasync-testbed}
BIN=$CACHE/bin

die() { echo "$*" >&2; exit 1; }

# A recorded id outlives its process (a reboot, a long day), and the number may then be somebody else's:
# the record also holds the start time, and nothing is signalled whose start time differs.
start_time() { awk '{ sub(/^.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null || true; }
remember() { echo "$2 $(start_time "$2")" >"$1"; } # remember FILE PID
running() {                                        # running FILE
  local pid since
  [ -f "$1" ] && read -r pid since <"$1" && [ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ]
}
signal() { # signal FILE SIGNAL
  local pid _
  if running "$1"; then read -r pid _ <"$1"; kill -"$2" "$pid" 2>/dev/null || true; fi
}
finish() { # finish FILE TWENTIETHS_OF_A_SECOND: SIGTERM, wait, SIGKILL
  local n
  signal "$1" TERM
  for ((n = 0; n < $2; n++)); do running "$1" || return 0; sleep 0.05; done
  signal "$1" KILL
}

# Proxies of the machine would be asked for addresses that only exist here.
export NO_PROXY="localhost,127.0.0.1,${TESTBED_SUBNET:-10.88}.0.0/16${NO_PROXY:+,$NO_PROXY}" no_proxy="localhost,127.0.0.1,${TESTBED_SUBNET:-10.88}.0.0/16${no_proxy:+,$no_proxy}"

# Images without a daemon and without a registry, in a store of our own.
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
buildah() { command buildah --root "$CACHE/images/store" --runroot "$CACHE/images/run" "$@"; }
fingerprint() { sha256sum "$@" | sha256sum | cut -c1-16; }

# step NAME COMMAND…: one line of progress, the output in a log, and the log's end when it fails.
step() {
  local name=$1 log=$CACHE/log/${1// /-}.log began=$SECONDS; shift
  mkdir -p "$CACHE/log"
  # In the background, because bash forgets "set -e" inside of a condition, and a step would go on after a failure.
  # For the same reason a step must not stand before "||" or "&&", nor behind "if".
  ("$@") >"$log" 2>&1 &
  if wait $!; then
    printf '[setup] %-28s done in %d s\n' "$name" $((SECONDS - began))
  else
    printf '[setup] %-28s FAILED; the end of %s:\n' "$name" "$log" >&2
    tail -n 25 "$log" >&2
    return 1
  fi
}
