#!/bin/bash
# A real Kubernetes for tests, on one Linux machine, as root, with no image registry and no systemd.
#
#   cluster.sh build           build the one binary that holds etcd, apiserver, controller-manager,
#                              scheduler, kube-proxy, kubelet and kubectl (Go; minutes once, then cached)
#   cluster.sh up              control plane and one node that runs real pods
#   cluster.sh up --no-node    control plane alone, for API, CRD and operator tests (a few seconds)
#   cluster.sh kubectl ARGS    kubectl against it
#   cluster.sh kubeconfig      path of its kubeconfig, which works from any process of this machine
#   cluster.sh load FILE.tar…  import OCI archives into the node
#   cluster.sh nfs-client      volumes of type nfs for its pods, through FUSE (for a kernel with no NFS client)
#   cluster.sh down            delete the pods, end every process by its id, remove what was made
#
# Everything runs in one network namespace and one private mount namespace; cgroups only below one folder. The node's
# address, TESTBED_SUBNET.0.1, is the one address for all: pods reach servers of the namespace there, and this machine's
# own processes reach it (and the API server on it) through a veth pair whose route covers that one address alone.
# Several clusters stand side by side with another TESTBED_NAME (13 characters) and TESTBED_SUBNET (e.g. dstest2, 10.89).
# TESTBED_AUDIT=1: what service accounts ask of the API server is in TESTBED_STATE/log/audit.log, a JSON object a line.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
NAME=${TESTBED_NAME:-dstest}
STATE=${TESTBED_STATE:-/var/tmp/$NAME}
SUBNET=${TESTBED_SUBNET:-10.88}
NODE_IP=$SUBNET.0.1
HOST_IP=$SUBNET.255.254
NET=/run/netns/$NAME
SERVICES="kubelet kube-proxy kube-scheduler kube-controller-manager kube-apiserver etcd containerd"
export KUBECONFIG=$STATE/kubeconfig
[ ${#NAME} -le 13 ] || die "TESTBED_NAME '$NAME' is too long: with -h it names a network interface, so 13 characters at most"

in_net() { nsenter --net="$NET" "$@"; }
mount_namespace() { local pid _; read -r pid _ <"$STATE/run/mount.pid"; echo "/proc/$pid/ns/mnt"; }
in_node() { nsenter --mount="$(mount_namespace)" --net="$NET" "$@"; }
start() { # start NAME COMMAND…: in the node's namespaces, log to a file, remember the process id
  local name=$1; shift
  nsenter --mount="$(mount_namespace)" --net="$NET" "$@" >"$STATE/log/$name.log" 2>&1 </dev/null &
  remember "$STATE/run/$name.pid" $!
}
alive() { running "$STATE/run/$1.pid" || { echo "$1 ended:" >&2; tail -n 15 "$STATE/log/$1.log" >&2; exit 1; }; }
kubectl() { "$BIN/kubectl" "$@"; }

build() {
  mkdir -p "$BIN"
  local source=$TESTBED/kubernetes want; want=$(cat "$source/main.go" "$source/go.mod" | sha256sum | cut -c1-16)
  [ "$(cat "$BIN/version" 2>/dev/null)" = "$want" ] && return
  local version; version=$(awk '$2=="k8s.io/kubernetes"{print $3} $1=="k8s.io/kubernetes"{print $2}' "$source/go.mod" | head -1)
  local package=k8s.io/component-base/version
  (cd "$source" && CGO_ENABLED=0 go build -trimpath -o "$BIN/hyperkube" -ldflags "-s -w \
    -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<<"$version") \
    -X $package.gitTreeState=clean -X $package.gitCommit=unknown" .)
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do ln -sf hyperkube "$BIN/$name"; done
  echo "$want" >"$BIN/version"
}

namespaces() {
  mkdir -p "$STATE"/{log,run,pki,etcd,kubelet,sysctl,containerd,cni}
  ip netns add "$NAME" 2>/dev/null || true
  ip -n "$NAME" link set lo up
  ip -n "$NAME" link add "$NAME" type bridge
  ip -n "$NAME" addr replace "$NODE_IP/16" dev "$NAME"
  ip -n "$NAME" link set "$NAME" up
  # The way in for this machine's own processes: one route to one address, so that no other network's range is taken.
  ip link add "$NAME-h" type veth peer name "$NAME-n" netns "$NAME"
  ip -n "$NAME" link set "$NAME-n" master "$NAME" up
  ip addr add "$HOST_IP/32" dev "$NAME-h"
  ip link set "$NAME-h" up
  ip route add "$NODE_IP/32" dev "$NAME-h" src "$HOST_IP"
  # No default route: with one, the kubelet looks for a cloud's metadata service for seconds.
  in_net sysctl -qw net.ipv4.ip_forward=1
  unshare --mount --propagation private sleep infinity >/dev/null 2>&1 </dev/null &
  local pid=$! n
  for ((n = 0; n < 100; n++)); do
    [ "$(readlink "/proc/$pid/ns/mnt" 2>/dev/null)" = "$(readlink /proc/self/ns/mnt)" ] || break
    sleep 0.02
  done
  remember "$STATE/run/mount.pid" $pid
}

control_plane() {
  start etcd "$BIN/etcd" --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  openssl genrsa -out "$STATE/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$STATE/pki/sa.key" -pubout -out "$STATE/pki/sa.pub" 2>/dev/null
  local token; token=$(openssl rand -hex 16)
  (umask 077; echo "$token,admin,1,system:masters" >"$STATE/pki/tokens.csv")
  local audit=()
  if [ -n "${TESTBED_AUDIT:-}" ]; then
    printf '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}]}' >"$STATE/audit-policy.json"
    audit=(--audit-policy-file="$STATE/audit-policy.json" --audit-log-path="$STATE/log/audit.log")
  fi
  # OwnerReferencesPermissionEnforcement: on by default in OpenShift, where an operator needs rights that nobody else asks for.
  start kube-apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 "${audit[@]}" \
    --enable-admission-plugins=OwnerReferencesPermissionEnforcement \
    --bind-address="$NODE_IP" --advertise-address="$NODE_IP" --secure-port=6443 --cert-dir="$STATE/pki/api" \
    --token-auth-file="$STATE/pki/tokens.csv" --authorization-mode=RBAC --allow-privileged=true \
    --service-cluster-ip-range=10.96.0.0/16 --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$STATE/pki/sa.pub" --service-account-signing-key-file="$STATE/pki/sa.key"
  until [ -s "$STATE/pki/api/apiserver.crt" ]; do alive kube-apiserver; sleep 0.05; done
  # The certificate's own CA is in the same file. Clients verify it: one that does not warns, and warnings fail our tests.
  (umask 077; cat >"$KUBECONFIG") <<YAML
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 <"$STATE/pki/api/apiserver.crt")}}]
users: [{name: admin, user: {token: $token}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: admin}}]
current-context: $NAME
YAML
  until kubectl get --raw /readyz >/dev/null 2>&1; do alive etcd; alive kube-apiserver; sleep 0.1; done
  # Without a kubelet a node tells once that it is ready; the default takes it for lost 50 s later, in the middle of the tests.
  start kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig="$KUBECONFIG" --leader-elect=false --node-monitor-grace-period=1h \
    --service-account-private-key-file="$STATE/pki/sa.key" --use-service-account-credentials=true --root-ca-file="$STATE/pki/api/apiserver.crt"
  start kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$KUBECONFIG" --leader-elect=false
}

node() {
  # The network namespaces of its pods are files there, which would stay behind on this machine.
  in_node mount -t tmpfs netns /run/netns
  # The kubelet wants to set kernel tunables: give it files that already hold the values.
  local setting file
  for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$STATE/sysctl/$(tr / _ <<<"${setting%=*}")
    echo "${setting#*=}" >"$file"
    in_node mount --bind "$file" "/proc/sys/${setting%=*}"
  done
  in_node sh -c "mount --bind $STATE/kubelet $STATE/kubelet && mount --make-rshared $STATE/kubelet"
  if [ -d /sys/fs/cgroup/memory ]; then
    for c in /sys/fs/cgroup/*/; do mkdir -p "$c$NAME"; done
    for f in cpuset.cpus cpuset.mems; do cat /sys/fs/cgroup/cpuset/$f >"/sys/fs/cgroup/cpuset/$NAME/$f"; done
  else
    mkdir -p "/sys/fs/cgroup/$NAME"
  fi
  # restrict_oom_score_adj, oomScoreAdj 0: root without CAP_SYS_RESOURCE cannot lower a score, and every sandbox would end.
  cat >"$STATE/containerd/config.toml" <<TOML
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
[grpc]
  address = "$STATE/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
TOML
  cat >"$STATE/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "$NAME", "plugins": [
  {"type": "bridge", "bridge": "$NAME", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$STATE/cni-state", "ranges": [[{"subnet": "$SUBNET.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  start containerd containerd -c "$STATE/containerd/config.toml"
  until ctr -a "$STATE/containerd/containerd.sock" version >/dev/null 2>&1; do alive containerd; sleep 0.1; done
  pause_image
  load "$CACHE/pause/pause.tar"
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$STATE/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$NAME
failSwapOn: false
oomScoreAdj: 0
nodeStatusUpdateFrequency: 1s
serializeImagePulls: false
address: $NODE_IP
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
clusterDNS: []
resolvConf: ""
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
imageGCHighThresholdPercent: 100
volumePluginDir: $STATE/kubelet/volume-plugins
YAML
  AWS_EC2_METADATA_DISABLED=true start kubelet "$BIN/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$KUBECONFIG" \
    --hostname-override=node-1 --node-ip="$NODE_IP" --root-dir="$STATE/kubelet" --cert-dir="$STATE/kubelet/pki" --v=2
  start kube-proxy "$BIN/kube-proxy" --kubeconfig="$KUBECONFIG" --hostname-override=node-1 --cluster-cidr="$SUBNET.0.0/16" \
    --proxy-mode=iptables --conntrack-max-per-core=0 --conntrack-min=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  until kubectl get node node-1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -q True; do alive kubelet; sleep 0.2; done
}

pause_image() { # the sandbox image, built from a few lines of C
  local dir=$CACHE/pause
  [ -f "$dir/pause.tar" ] && return
  mkdir -p "$dir"
  printf '#include <signal.h>\n#include <stdlib.h>\n#include <sys/wait.h>\n#include <unistd.h>\nstatic void down(int s){exit(0);}\nstatic void reap(int s){while(waitpid(-1,0,WNOHANG)>0);}\nint main(){signal(SIGINT,down);signal(SIGTERM,down);signal(SIGCHLD,reap);for(;;)pause();}\n' >"$dir/pause.c"
  gcc -Os -static -s -o "$dir/pause" "$dir/pause.c"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT ["/pause"]\n' >"$dir/Dockerfile"
  buildah bud -q --format oci -t localhost/pause:1 "$dir" >/dev/null
  buildah push -q localhost/pause:1 "oci-archive:$dir/pause.tar.new:localhost/pause:1"
  mv "$dir/pause.tar.new" "$dir/pause.tar"
}

load() { for archive in "$@"; do in_node ctr -a "$STATE/containerd/containerd.sock" -n k8s.io images import "$archive" >/dev/null; done; }

nfs_client() { # the kubelet's mount.nfs becomes nfs-fuse, in the node's mount namespace alone
  local dir=$STATE/nfs-client
  [ -x "$BIN/nfs-fuse" ] || die "$BIN/nfs-fuse is missing: run 'make setup'"
  mkdir -p "$dir"
  printf '#!/bin/sh\nNFS_FUSE_RUN=%s exec %s "$@"\n' "$dir" "$BIN/nfs-fuse" >"$dir/mount.nfs"
  chmod 755 "$dir/mount.nfs"
  in_node grep -qs "$BIN/nfs-fuse" /usr/sbin/mount.nfs || in_node mount --bind "$dir/mount.nfs" /usr/sbin/mount.nfs
}

down() {
  local name pid shim procs
  ip link del "$NAME-h" 2>/dev/null || true
  [ -d "$STATE/run" ] || { ip netns del "$NAME" 2>/dev/null || true; return 0; }
  if running "$STATE/run/kubelet.pid" && running "$STATE/run/kube-apiserver.pid"; then
    in_net "$BIN/kubectl" delete pods --all --all-namespaces --grace-period=1 --wait=true --timeout=20s >/dev/null 2>&1 || true
  fi
  for name in $SERVICES; do signal "$STATE/run/$name.pid" TERM; done
  sleep 0.5
  # Containers outlive their shims: end exactly the processes in this cluster's own cgroups.
  for _ in 1 2 3; do
    { find /sys/fs/cgroup/pids/"$NAME" /sys/fs/cgroup/"$NAME" -name cgroup.procs 2>/dev/null || true; } | while read -r procs; do
      while read -r pid; do kill -9 "$pid" 2>/dev/null || true; done <"$procs"
    done
    sleep 0.2
  done
  for shim in $(pgrep -f "containerd-shim-runc-v2 .*-address $STATE/containerd/containerd.sock" || true); do kill -9 "$shim" 2>/dev/null || true; done
  for name in $SERVICES; do signal "$STATE/run/$name.pid" KILL; done # the apiserver waits long for an etcd that is gone
  for pid in "$STATE"/nfs-client/*.pid; do
    if [ -f "$pid" ] && [ "$(tr -d '\0' <"/proc/$(cat "$pid")/cmdline" 2>/dev/null | cut -c1-15)" = nfs-fuse--serve ]; then kill "$(cat "$pid")" 2>/dev/null || true; fi
  done
  signal "$STATE/run/mount.pid" KILL
  for dir in /sys/fs/cgroup/*/"$NAME" /sys/fs/cgroup/*/k8s.io /sys/fs/cgroup/"$NAME"; do
    if [ -d "$dir" ]; then find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null || true; fi
  done
  ip netns del "$NAME" 2>/dev/null || true
  local n
  for ((n = 0; n < 50; n++)); do rm -rf "$STATE" 2>/dev/null && return; sleep 0.1; done # mounts of the ended namespace go a moment later
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  build) build ;;
  up)
    [ "$(id -u)" = 0 ] || die "cluster.sh makes network namespaces and cgroups: run it as root"
    build; down; namespaces; control_plane
    [ "${1:-}" = --no-node ] || node ;;
  kubectl) [ -f "$KUBECONFIG" ] || die "cluster '$NAME' is not up: run '$0 up'"; exec "$BIN/kubectl" "$@" ;;
  kubeconfig) echo "$KUBECONFIG" ;;
  load) load "$@" ;;
  nfs-client) nfs_client ;;
  pause-image) pause_image ;;
  down) down ;;
  *) sed -n '2,19p' "$0"; exit 2 ;;
esac
