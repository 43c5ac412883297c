#!/bin/bash
# certs.sh FOLDER: a certificate authority, the API server's certificate, an administrator's, and the keys that sign the
# tokens of service accounts. For a test's lifetime: elliptic curves, ten days.
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
  key ca
  openssl req -x509 -new -key ca.key -subj /CN=gatepost-testbed -days 10 -out ca.crt -addext keyUsage=critical,keyCertSign,digitalSignature
  key sa
  openssl ec -in sa.key -pubout -out sa.pub
  cert apiserver /CN=kube-apiserver DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1
  cert admin /O=system:masters/CN=admin
} 2>openssl.log || { cat openssl.log >&2; exit 1; }
