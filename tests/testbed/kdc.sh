#!/bin/bash
# A Kerberos KDC (MIT) for tests, of the realm DATASYNC.TEST, with a user and the keys of an SMB server that is called "localhost".
#
#   kdc.sh up [--port N]
#   kdc.sh down
#   kdc.sh env             export KRB5_CONFIG=… KDC_REALM=… KDC_PRINCIPAL=… KDC_KEYTAB=… KDC_SERVER_KEYTAB=…
#
# 127.0.0.1 alone, TCP and UDP port 4488. KDC_KEYTAB has the user's key, KDC_SERVER_KEYTAB the server's, for `smb.sh up --keytab`.
# STORAGE_NAME lets several stand side by side.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-kdc}
REALM=DATASYNC.TEST
USER_NAME=nobody # an account of every machine: Samba asks no map of names where Kerberos has said who it is

up() {
  local port=4488
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      *) die "unknown: $1" ;;
    esac
  done
  ! running "$STATE/kdc.pid" || die "already up (STORAGE_NAME=${STORAGE_NAME:-kdc})"
  down # what an interrupted run left
  mkdir -p "$STATE"
  chmod 700 "$STATE"
  cat >"$STATE/krb5.conf" <<CONF
[libdefaults]
  default_realm = $REALM
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  $REALM = {
    kdc = 127.0.0.1:$port
  }
[domain_realm]
  localhost = $REALM
CONF
  cat >"$STATE/kdc.conf" <<CONF
[kdcdefaults]
  kdc_listen = 127.0.0.1:$port
  kdc_tcp_listen = 127.0.0.1:$port
[realms]
  $REALM = {
    database_name = $STATE/principal
    key_stash_file = $STATE/stash
    acl_file = $STATE/acl
    disable_pac = true
  }
[logging]
  kdc = FILE:$STATE/kdc.log
CONF
  export KRB5_CONFIG=$STATE/krb5.conf KRB5_KDC_PROFILE=$STATE/kdc.conf
  kdb5_util create -r "$REALM" -s -P "$(head -c 16 /dev/urandom | base64)" >"$STATE/out.log" 2>&1 || { cat "$STATE/out.log" >&2; exit 1; }
  kadmin.local -r "$REALM" >>"$STATE/out.log" 2>&1 <<COMMANDS
addprinc -randkey $USER_NAME
addprinc -randkey cifs/localhost
ktadd -k $STATE/user.keytab $USER_NAME
ktadd -k $STATE/server.keytab cifs/localhost
COMMANDS
  [ -s "$STATE/user.keytab" ] && [ -s "$STATE/server.keytab" ] || { cat "$STATE/out.log" >&2; exit 1; }
  setsid krb5kdc -n -r "$REALM" >>"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/kdc.pid" $!
  printf "export %s='%s'\n" KRB5_CONFIG "$KRB5_CONFIG" KDC_REALM "$REALM" KDC_PRINCIPAL "$USER_NAME@$REALM" \
    KDC_KEYTAB "$STATE/user.keytab" KDC_SERVER_KEYTAB "$STATE/server.keytab" >"$STATE/env"
  local n=0
  until bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; do
    if ! running "$STATE/kdc.pid" || [ $((n += 1)) -gt 200 ]; then tail -n 20 "$STATE/out.log" >&2; down; exit 1; fi
    sleep 0.05
  done
  echo "KDC of $REALM at 127.0.0.1:$port"
}

down() {
  finish "$STATE/kdc.pid" 60
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  up) up "$@" ;;
  down) down ;;
  env) cat "$STATE/env" ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
