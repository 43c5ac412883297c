#!/bin/bash
# certs.sh FOLDER : a certificate authority, the API server's certificate, an administrator's, and the keys that sign the
# tokens of service accounts, where there are none yet. For a test's lifetime: elliptic curves, ten days.
# certs.sh FOLDER NAME SUBJECT [SAN] : and one certificate more of the same authority.
set -euo pipefail
cd "$1"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
cert() { # NAME SUBJECT [SAN]
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 10 -out "$1.crt" -extfile <(
      echo "extendedKeyUsage=clientAuth,serverAuth"
      [ -z "${3:-}" ] || echo "subjectAltName=$3"
    )
}
{
  if [ ! -e ca.crt ]; then
    key ca
    openssl req -x509 -new -key ca.key -subj /CN=gatepost-testbed -days 10 -out ca.crt -addext keyUsage=critical,keyCertSign,digitalSignature
    key sa
    openssl ec -in sa.key -pubout -out sa.pub
    # the first Service of a cluster, and the address of this machine in tests/cluster
    cert apiserver /CN=kube-apiserver DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1,IP:10.77.0.1
    cert admin /O=system:masters/CN=admin
  fi
  [ $# -eq 1 ] || cert "${@:2}"
} 2>openssl.log || { cat openssl.log >&2; exit 1; }
