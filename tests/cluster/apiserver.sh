#!/bin/bash
# apiserver.sh : starts the API server, for the first time or after somebody has killed it, and waits until it is ready.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
pki=$state/pki
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:12379 --secure-port 6443 --bind-address $host_ip \
  --advertise-address $host_ip --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
  --client-ca-file "$pki/ca.crt" --cert-dir "$pki" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  --service-cluster-ip-range $services --service-account-issuer https://kubernetes.default.svc \
  --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
  --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key" \
  --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP
until_done 90 "the API server" kubectl get --raw /readyz
