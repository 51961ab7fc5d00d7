#!/bin/bash
# A first sync on a real Kubernetes, as a user does it: 'make demo-cluster' (root, on Linux).
#
#   run.sh                 cluster up, chart installed, four transfers, each compared with its source; then all is taken down
#   KEEP=1 run.sh          leave it up to look around
#   run.sh down            take down what KEEP=1 left
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
cd "$HERE/../.."
export TESTBED_NAME=dsdemo TESTBED_SUBNET=10.88 TESTBED_STATE=/var/tmp/dsdemo STORAGE_NAME=demo
. tests/testbed/lib.sh
EXPORT=/var/tmp/dsdemo-export # what the NFS server serves
SHARE=/var/tmp/dsdemo-share   # what the SMB server serves
CLAIM=/var/tmp/dsdemo-claim   # what stands behind the claim's volume
PYTHON=.venv/bin/python
export PATH=$BIN:$PATH KUBECONFIG=$TESTBED_STATE/kubeconfig
export HELM_CACHE_HOME=$TESTBED_STATE/helm HELM_CONFIG_HOME=$TESTBED_STATE/helm HELM_DATA_HOME=$TESTBED_STATE/helm

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

down() { # pods first: an unmount waits for its server
  tests/testbed/cluster.sh down
  STORAGE_NAME=demo-nfs tests/testbed/nfs.sh down
  STORAGE_NAME=demo-smb tests/testbed/smb.sh down
  STORAGE_NAME=demo-s3 tests/testbed/s3.sh down
  rm -rf "$EXPORT" "$SHARE" "$CLAIM"
}

up() {
  [ "$(id -u)" = 0 ] || die "this makes a cluster with network namespaces and mounts: run it as root"
  for part in hyperkube helm nfs-fuse; do [ -x "$BIN/$part" ] || die "$BIN/$part is missing: run 'make setup'"; done
  local images; images=$(tests/testbed/images.sh)
  down
  tests/testbed/cluster.sh up
  tests/testbed/cluster.sh nfs-client
  tests/testbed/cluster.sh load $images
  mkdir -p "$EXPORT/tree" "$SHARE/team" "$CLAIM"
  chmod 777 "$CLAIM"
  cp -a "$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')/." "$EXPORT/tree/"
  rm -rf "$EXPORT/tree/site-packages" "$EXPORT/tree/dist-packages"
  find "$EXPORT/tree" -type l -delete # some lead out of the tree, and links are restored only where they stay inside
  chmod -R a+rX "$EXPORT/tree"
  cp -a "$EXPORT/tree"/{asyncio,email,json,unittest} "$SHARE/team/"
  STORAGE_NAME=demo-nfs tests/testbed/nfs.sh up "$EXPORT" --netns "$TESTBED_NAME"
  STORAGE_NAME=demo-smb tests/testbed/smb.sh up "$SHARE" --netns "$TESTBED_NAME"
  STORAGE_NAME=demo-s3 tests/testbed/s3.sh up --netns "$TESTBED_NAME"
  eval "$(STORAGE_NAME=demo-s3 tests/testbed/s3.sh env)"
  "$PYTHON" "$HERE/compare.py" --make archive archive-copy
}

# watch EXECUTION: what 'kubectl get dse -w' prints, until the run has ended; fails unless it succeeded.
watch() {
  local name=$1 phase watcher
  printf '\033[2m$ kubectl get dse %s --watch\033[0m\n' "$name"
  kubectl get dse "$name" --watch &
  watcher=$!
  for _ in $(seq 600); do
    phase=$(kubectl get dse "$name" -o jsonpath='{.status.phase}')
    case $phase in Success | Error | Cancelled) break ;; esac
    sleep 0.5
  done
  sleep 1 # the last line
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null || true
  [ "$phase" = Success ] || { kubectl describe dse "$name"; kubectl get events; kubectl get pods -o wide; return 1; }
}

demo() {
  say "Helm installs the CRDs and the operator"
  show helm upgrade --install datasync charts/datasync --namespace datasync-system --create-namespace --wait --timeout 2m \
    --set operator.image.repository=localhost/datasync-operator,operator.image.tag=dev,operator.image.pullPolicy=Never \
    --set runner.image.repository=localhost/datasync-runner,runner.image.tag=dev,runner.image.pullPolicy=Never \
    --set operator.exchangeIntervalSeconds=1 | sed -n 1,4p
  kubectl create namespace demo >/dev/null
  kubectl label namespace demo pod-security.kubernetes.io/enforce=restricted >/dev/null
  kubectl config set-context --current --namespace=demo >/dev/null

  say "NFS to S3: $(find "$EXPORT/tree" -type f | wc -l) files, $(du -sh "$EXPORT/tree" | cut -f1)"
  show kubectl apply -f examples/nfs-to-s3/
  show kubectl get dst
  watch first
  show kubectl get dsa,dsl,dst
  "$PYTHON" "$HERE/compare.py" "$EXPORT/tree" s3://archive/tree/

  say "Once more: nothing changed, so nothing is transferred"
  sed 's/name: first/name: second/' examples/nfs-to-s3/execution.yaml | show kubectl apply -f -
  watch second
  [ "$(kubectl get dse second -o jsonpath='{.status.counters.filesTransferred}')" = 0 ] || die "the second run transferred files"

  say "S3 to a volume of the cluster"
  kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: demo}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  claimRef: {namespace: demo, name: restored}
  hostPath: {path: "$CLAIM", type: Directory}
YAML
  show kubectl apply -f examples/s3-to-pvc/
  watch restore-first
  "$PYTHON" "$HERE/compare.py" "$EXPORT/tree" "$CLAIM"

  say "S3 to S3, without an agent"
  show kubectl apply -f examples/s3-to-s3/
  watch replicate-first
  "$PYTHON" "$HERE/compare.py" s3://archive/tree/ s3://archive-copy/

  say "An encrypted SMB share to S3"
  show kubectl apply -f examples/smb-to-s3/
  watch share-first
  "$PYTHON" "$HERE/compare.py" "$SHARE/team" s3://archive/team/

  say "Nothing that was applied shows a change"
  show kubectl diff -f examples/nfs-to-s3/ -f examples/s3-to-pvc/ -f examples/s3-to-s3/ -f examples/smb-to-s3/ && echo "  no difference"
  show kubectl get datasync
}

case ${1:-} in
  "") ;;
  down) down; exit ;;
  *) sed -n '2,6p' "$0"; exit 2 ;;
esac

finish_demo() {
  local status=$?
  if [ -n "${KEEP:-}" ]; then
    say "It is still up"
    echo "  export KUBECONFIG=$KUBECONFIG PATH=$BIN:\$PATH"
    echo "  kubectl get datasync; kubectl describe dse first; kubectl -n datasync-system logs deployment/datasync"
    echo "  the NFS export is $EXPORT/tree; the share is $SHARE; the S3 server is ${AWS_ENDPOINT_URL:-} (keys: STORAGE_NAME=demo-s3 tests/testbed/s3.sh env)"
    echo "  examples/demo-cluster/run.sh down"
  else
    down
  fi
  [ "$status" != 0 ] || say "Done in $SECONDS s"
  exit "$status"
}
trap finish_demo EXIT
say "A real Kubernetes, an NFS, an SMB and an S3 server"
up
demo
