# Two days in the life of the ERP: some records, a snapshot, more records, a backup of the resources.
kubectl -n longhorn-system wait volumes.longhorn.io/erp-data --for=jsonpath='{.status.state}'=detached --timeout=30s
# Where the hosts' folders are: beside this block, or in the pod that has those of all nodes.
hosts() {
  if [ -d /kb/hosts ]; then sh -eu -c "$1"
  else kubectl -n longhorn-system exec -i deploy/longhorn -- sh -eu -c "$1"
  fi
}

# The volume is detached, so its layers are written directly: what the ERP wrote on Monday became the
# lower layer of each replica, and the head holds only the blocks that changed since.
hosts 'python3 - /kb/hosts/*/var/lib/longhorn/replicas/erp-data-*' <<'PY'
import hashlib, json, os, sys

def area(last):
    """The ERP's data area with that many records."""
    body = "\n".join(f"invoice {number:05}" for number in range(1, last + 1)).encode()
    head = {"records": last, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return (b"ERPDATA1" + json.dumps(head).encode() + b"\n" + body).ljust(65536, b"\0")

def write(name, size, old, new):
    """A sparse image of the blocks that differ."""
    with open(name, "wb") as image:
        image.truncate(size)
        for at in range(0, len(new), 4096):
            if new[at : at + 4096] != old[at : at + 4096]:
                image.seek(at)
                image.write(new[at : at + 4096])

monday, today = area(1200), area(1500)
for folder in sys.argv[1:]:
    os.chdir(folder)
    meta = json.load(open("volume.meta"))
    layer, head = "volume-snap-monday.img", "volume-head-001.img"
    os.remove(meta["Head"])
    write(layer, meta["Size"], bytes(len(monday)), monday)
    write(head, meta["Size"], monday, today)
    json.dump({"Name": layer, "Parent": ""}, open(f"{layer}.meta", "w"))
    json.dump(meta | {"Head": head, "Parent": layer}, open("volume.meta", "w"))
PY

# What ArgoCD keeps as it is: the parent its child, the child the ERP, which it scales up now.
kubectl apply -f - <<'YAML'
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: apps, namespace: argocd}
spec:
  project: default
  destination: {namespace: argocd}
  source: {desired: {applications: [erp]}}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: erp, namespace: argocd}
spec:
  project: default
  destination: {namespace: erp}
  source: {desired: {deployments: {erp: 1}}}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
YAML

# What the backup playbook captures: the resources, without what belongs to this moment. The volume
# comes last: a volume without an engine would be given a new one.
kubectl -n longhorn-system get engines.longhorn.io,replicas.longhorn.io,volumeattachments.longhorn.io,volumes.longhorn.io -o json |
  python3 -c '
import json, sys
kept = []
for item in json.load(sys.stdin)["items"]:
    meta = {key: item["metadata"][key] for key in ("name", "namespace", "labels") if key in item["metadata"]}
    spec = {**item["spec"], "attachmentTickets": {}} if "attachmentTickets" in item["spec"] else item["spec"]
    kept.append({"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": meta, "spec": spec})
json.dump({"apiVersion": "v1", "kind": "List", "items": kept}, sys.stdout, indent=1)
' | hosts 'cat > /kb/hosts/pi1/var/backups/longhorn/volumes.yaml'

kubectl -n erp wait deployment/erp --for=jsonpath='{.status.readyReplicas}'=1 --timeout=60s

# The application logs in by itself too, as where there is no cluster, and writes with its credential.
(
  umask 077
  HOME="$PWD"
  bao write -field=token auth/approle/login \
    role_id=@"$KB_SECRETS/ERP_ROLE_ID" secret_id=@"$KB_SECRETS/ERP_SECRET_ID" > ~/.vault-token
  bao read postgres/creds/erp > lease
  awk '$1 == "username" { u = $2 } $1 == "password" { p = $2 } END { print "*:*:*:" u ":" p }' lease > .pgpass
  export PGPASSFILE="$PWD/.pgpass" PGUSER="$(awk '$1 == "username" { print $2 }' lease)"
  psql -XqAt -v ON_ERROR_STOP=1 -c "INSERT INTO recovery_check (note) VALUES ('seeded')"
)
