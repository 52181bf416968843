# After the reinstall somebody creates the volume again: it gets a new engine ID and empty directories.
kubectl apply -f - <<'YAML'
apiVersion: longhorn.io/v1beta2
kind: Volume
metadata: {name: erp-data, namespace: longhorn-system}
spec: {size: "4194304", numberOfReplicas: 3, frontend: blockdev}
YAML
# Where the hosts' folders are: beside this block, or in the pod that has those of all nodes.
hosts() {
  if [ -d /kb/hosts ]; then sh -eu -c "$1"
  else kubectl -n longhorn-system exec -i deploy/longhorn -- sh -eu -c "$1"
  fi
}
hosts 'until [ "$(ls -d /kb/hosts/pi2/var/lib/longhorn/replicas/erp-data-* | wc -l)" = 2 ]; do sleep 0.1; done'
