# Sourced by the scripts of S3 servers that are Go programs: built once and kept in the cache, started, taken down.
#
# Such a script sets NAME, MODULE, VERSION, PORT and READY (the path that answers once the server does), and defines serve PORT KEY SECRET,
# which becomes the server $PROGRAM with its objects below $STATE. Go checks the module against its checksum database.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-$NAME}
PROGRAM=$BIN/$NAME-$VERSION
PROBE='
import sys, urllib.request as r
r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=2)'

compile() {
  local folder=$BIN/$NAME.$$
  command -v go >/dev/null || die "Go is missing: install Go 1.25 or later"
  mkdir -p "$folder"
  CGO_ENABLED=0 GOBIN=$folder go install "$MODULE@$VERSION"
  mv "$folder/${MODULE##*/}" "$PROGRAM" # whole or not at all
  rmdir "$folder"
}

build() {
  mkdir -p "$CACHE"
  exec 8>"$CACHE/$NAME.lock"
  flock 8 # one build for all that ask at once
  [ -x "$PROGRAM" ] || step "$NAME (Go, 2 minutes)" compile >&2
  exec 8>&-
}

up() {
  local port=$PORT n=0
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      *) die "unknown: $1" ;;
    esac
  done
  build
  ! running "$STATE/$NAME.pid" || die "already up (STORAGE_NAME=${STORAGE_NAME:-$NAME})"
  down # what an interrupted run left
  mkdir -p "$STATE/data"
  local key=${S3_ACCESS_KEY:-testbed} secret=${S3_SECRET_KEY:-testbed-secret-key} endpoint=http://127.0.0.1:$port
  ! bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || die "port $port is taken"
  (cd "$STATE" && serve "$port" "$key" "$secret") >"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/$NAME.pid" $!
  printf 'export %s=%s\n' AWS_ENDPOINT_URL "$endpoint" AWS_ACCESS_KEY_ID "$key" AWS_SECRET_ACCESS_KEY "$secret" AWS_REGION us-east-1 >"$STATE/env"
  until "$ROOT/.venv/bin/python" -c "$PROBE" "$endpoint$READY" 2>/dev/null; do
    if ! running "$STATE/$NAME.pid" || [ $((n += 1)) -gt 100 ]; then
      tail -n 20 "$STATE/out.log" >&2
      down
      exit 1
    fi
    sleep 0.1
  done
  echo "S3 at $endpoint, access key $key, secret key $secret"
}

down() {
  finish "$STATE/$NAME.pid" 100
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  build) build; echo "$PROGRAM" ;;
  up) up "$@" ;;
  down) down ;;
  env) cat "$STATE/env" ;;
  *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2 ;;
esac
