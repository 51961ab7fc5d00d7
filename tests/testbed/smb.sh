#!/bin/bash
# An SMB server (Samba) for tests: share "data" (read and write), and share "enc" (the same folder, encryption required);
# share "acl" (the same folder) keeps security descriptors of Windows as they are, in extended attributes; share "plain" (the same
# folder) has the user's own rights; share "dfs" is the root of a DFS namespace, whose links are made in the folder SMB_DFS
# (msdfs:SERVER\SHARE\FOLDER).
#
#   smb.sh up [FOLDER] [--netns NAME] [--port N] [--keytab FILE --realm REALM] [--global 'NAME = VALUE']…
#                          with a keytab: by Kerberos too; --global: a line of smb.conf for the whole server
#   smb.sh audit grant|revoke   the right to manage audit lists (SeSecurityPrivilege), for the user and on share "acl"
#   smb.sh down
#   smb.sh env             what a client needs: export SMB_SERVER=… SMB_PORT=… SMB_USERNAME=… SMB_PASSWORD=… SMB_FOLDER=… SMB_DFS=…
#
# Without --netns: 127.0.0.1, port 4450. With --netns (a cluster's name): every address there, port 445. SMB 2.1 to 3.1.1, NTLMv2,
# no guests; cases are kept and not told apart, as on Windows. Without FOLDER a new folder is served. No account of the machine is
# made: the user is mapped to "nobody", and files are read and written as root. STORAGE_NAME lets several servers stand side by side.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-smb}

up() {
  local folder= netns= port= keytab= realm= kerberos= more= address=127.0.0.1 user=tester password='Passw0rd!'
  while [ $# -gt 0 ]; do
    case $1 in
      --netns) netns=$2; shift 2 ;;
      --port) port=$2; shift 2 ;;
      --keytab) keytab=$2; shift 2 ;;
      --realm) realm=$2; shift 2 ;;
      --global) more+="$2"$'\n  '; shift 2 ;;
      *) folder=$(realpath "$1"); shift ;;
    esac
  done
  ! running "$STATE/smbd.pid" || die "already up (STORAGE_NAME=${STORAGE_NAME:-smb})"
  down # what an interrupted run left
  mkdir -p "$STATE"/{dfs,private,lock,state,cache,run,ncalrpc}
  chmod 700 "$STATE/private"
  if [ -z "$folder" ]; then folder=$STATE/share; mkdir -p "$folder"; fi
  port=${port:-$([ -n "$netns" ] && echo 445 || echo 4450)}
  local in_net=() bind='bind interfaces only = yes
  interfaces = 127.0.0.1/8'
  if [ -n "$netns" ]; then
    in_net=(nsenter --net="/run/netns/$netns")
    bind=
    local addresses; addresses=$("${in_net[@]}" ip -4 -o addr show | awk '{split($4, a, "/"); print a[1]}')
    address=$(grep -v '^127' <<<"$addresses" | head -1 || true); address=${address:-127.0.0.1}
  fi
  echo "nobody = $user" >"$STATE/users"
  [ -z "$keytab" ] || kerberos="realm = $realm
  kerberos method = dedicated keytab
  dedicated keytab file = $keytab"
  cat >"$STATE/smb.conf" <<CONF
[global]
  server role = standalone server
  netbios name = TESTBED
  disable netbios = yes
  smb ports = $port
  $bind
  server min protocol = SMB2_10
  ntlm auth = ntlmv2-only
  map to guest = never
  username map = $STATE/users
  load printers = no
  printing = bsd
  printcap name = /dev/null
  disable spoolss = yes
  private dir = $STATE/private
  lock directory = $STATE/lock
  state directory = $STATE/state
  cache directory = $STATE/cache
  pid directory = $STATE/run
  ncalrpc dir = $STATE/ncalrpc
  passdb backend = tdbsam:$STATE/private/passdb.tdb
  log file = $STATE/smbd.log
  case sensitive = no
  $kerberos
  $more
[data]
  path = $folder
  force user = root
  read only = no
[enc]
  path = $folder
  force user = root
  read only = no
  smb encrypt = required
[acl]
  path = $folder
  force user = root
  read only = no
  vfs objects = acl_xattr
  acl_xattr:ignore system acls = yes
[plain]
  path = $folder
  read only = no
[dfs]
  path = $STATE/dfs
  force user = root
  msdfs root = yes
CONF
  printf '%s\n%s\n' "$password" "$password" | smbpasswd -c "$STATE/smb.conf" -s -a nobody >/dev/null
  ! "${in_net[@]}" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || die "port $port is taken"
  "${in_net[@]}" setsid smbd -F --no-process-group -s "$STATE/smb.conf" --debug-stdout >"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/smbd.pid" $!
  printf "export %s='%s'\n" SMB_SERVER "$address" SMB_PORT "$port" SMB_USERNAME "$user" SMB_PASSWORD "$password" SMB_FOLDER "$folder" SMB_DFS "$STATE/dfs" >"$STATE/env"
  local n=0
  until "${in_net[@]}" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; do
    if ! running "$STATE/smbd.pid" || [ $((n += 1)) -gt 200 ]; then tail -n 20 "$STATE/out.log" >&2; down; exit 1; fi
    sleep 0.05
  done
  echo "SMB at $address:$port${netns:+ in $netns}: shares data and enc = $folder, user $user"
}

audit() {
  local account
  for account in nobody 'Unix User\root'; do # who logs on, and whom share "acl" takes him for
    net -s "$STATE/smb.conf" sam rights "$1" "$account" SeSecurityPrivilege
  done
}

down() { # end smbd, and the child that each connection has
  local pid=0 _ child number=0
  if running "$STATE/smbd.pid"; then
    read -r pid _ <"$STATE/smbd.pid"
    for child in $(pgrep -P "$pid" || true); do remember "$STATE/child-$((number += 1)).pid" "$child"; done
  fi
  finish "$STATE/smbd.pid" 60
  for child in "$STATE"/child-*.pid; do finish "$child" 60; done
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  up) up "$@" ;;
  audit) audit "$@" ;;
  down) down ;;
  env) cat "$STATE/env" ;;
  *) sed -n '2,14p' "$0"; exit 2 ;;
esac
