#!/bin/bash
# An NFS server (nfs-ganesha) for tests: serves one folder as /export, read and write, NFS 4.0 to 4.2.
#
#   nfs.sh up [EXPORT_DIR] [--netns NAME] [--bind ADDRESS] [--port N] [--v3] [--root-squash]
#   nfs.sh down
#   nfs.sh url             ADDRESS PORT of the running server
#
# Without --netns: 127.0.0.1, port 20490. With --netns (a cluster's name): 0.0.0.0 there, port 2049.
# --v3 (with --netns) adds NFS 3, and a rpcbind that it needs; its MOUNT is on port N+1.
# Without EXPORT_DIR a new folder is served. STORAGE_NAME lets several servers stand side by side.
# The folder may be changed behind the server: it caches no names and no attributes (clients do, for a second).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-nfs}

up() {
  local export= netns= bind= port= v3= squash=No_Root_Squash
  while [ $# -gt 0 ]; do
    case $1 in
      --netns) netns=$2; shift 2 ;;
      --bind) bind=$2; shift 2 ;;
      --port) port=$2; shift 2 ;;
      --v3) v3=,3; shift ;;
      --root-squash) squash=Root_Squash; shift ;;
      *) export=$(realpath "$1"); shift ;;
    esac
  done
  [ -z "$v3" ] || [ -n "$netns" ] || die "--v3 needs --netns: its rpcbind listens on every address"
  ! running "$STATE/ganesha.pid" || die "already up: $(cat "$STATE/url")"
  down # what an interrupted run left
  mkdir -p "$STATE/recovery"
  if [ -z "$export" ]; then export=$STATE/export; mkdir -p "$export"; fi
  bind=${bind:-$([ -n "$netns" ] && echo 0.0.0.0 || echo 127.0.0.1)}
  port=${port:-$([ -n "$netns" ] && echo 2049 || echo 20490)}
  local dial=$bind
  [ "$dial" != 0.0.0.0 ] || dial=127.0.0.1
  # Only_Numeric_Owners: NFS 4 sends owners as text, and here they must stay plain numbers.
  # Attr_Expiration_Time 0 and Dir_Chunk 0: tests change the folder behind the server between two runs.
  cat >"$STATE/ganesha.conf" <<CONF
NFS_CORE_PARAM {
  Protocols = 4$v3;
  NFS_Port = $port; MNT_Port = $((port + 1)); NLM_Port = $((port + 2));
  Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false;
  Bind_addr = $bind;
  mount_path_pseudo = true;
  Plugins_Dir = /usr/lib/$(uname -m)-linux-gnu/ganesha;
}
NFSv4 { RecoveryBackend = fs; RecoveryRoot = $STATE/recovery; Graceless = true; Lease_Lifetime = 10; Minor_Versions = 0,1,2; Only_Numeric_Owners = true; }
EXPORT_DEFAULTS { Attr_Expiration_Time = 0; }
MDCACHE { Dir_Chunk = 0; }
EXPORT { Export_Id = 1; Path = $export; Pseudo = /export; Access_Type = RW; Squash = $squash; SecType = sys;
  Protocols = 4$v3; Transports = TCP; FSAL { Name = VFS; } }
NFS_KRB5 { Active_krb5 = false; }
LOG { Default_Log_Level = WARN; }
CONF
  local in_net=()
  [ -z "$netns" ] || in_net=(nsenter --net="/run/netns/$netns")
  ! "${in_net[@]}" bash -c "exec 3<>/dev/tcp/$dial/$port" 2>/dev/null || die "port $port is taken"
  # A /run of its own: the servers keep files and sockets there, which a network namespace does not separate.
  "${in_net[@]}" unshare --mount --propagation private bash -c '
    mount -t tmpfs run /run
    if [ -n "$2" ]; then rpcbind -f & echo $! >"$1/rpcbind"; until [ -S /run/rpcbind.sock ]; do sleep 0.02; done; fi
    exec ganesha.nfsd -F -f "$1/ganesha.conf" -L "$1/ganesha.log" -p "$1/ganesha.own.pid"' nfs "$STATE" "$v3" >"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/ganesha.pid" $!
  echo "$dial $port" >"$STATE/url"
  local n=0
  until "${in_net[@]}" bash -c "exec 3<>/dev/tcp/$dial/$port" 2>/dev/null; do
    if ! running "$STATE/ganesha.pid" || [ $((n += 1)) -gt 200 ]; then tail -n 20 "$STATE"/*.log >&2; down; exit 1; fi
    sleep 0.05
  done
  [ -z "$v3" ] || remember "$STATE/rpcbind.pid" "$(cat "$STATE/rpcbind")"
  echo "NFS v4$v3 on $bind:$port${netns:+ in $netns}: /export = $export"
}

down() { # end the processes by their recorded ids, and wait for them
  finish "$STATE/ganesha.pid" 100
  finish "$STATE/rpcbind.pid" 100
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  up) up "$@" ;;
  down) down ;;
  url) cat "$STATE/url" ;;
  *) sed -n '2,11p' "$0"; exit 2 ;;
esac
