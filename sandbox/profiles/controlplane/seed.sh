# Two days in the life of the ERP: some records, a snapshot, more records, a backup of the resources.
ticket() { # ticket NODE|null: attach the volume for us, or give it back
  local value=null
  [ "$1" = null ] || value="{\"id\":\"seed\",\"type\":\"longhorn-api\",\"nodeID\":\"$1\"}"
  kubectl -n longhorn-system patch volumeattachments.longhorn.io erp-data --type merge \
    -p "{\"spec\":{\"attachmentTickets\":{\"seed\":$value}}}"
}
state() { kubectl -n longhorn-system wait volumes.longhorn.io/erp-data --for=jsonpath='{.status.state}'="$1" --timeout=30s; }
records() { # records LAST: write the ERP's data area to the device on pi2
  python3 - "$1" <<'PY'
import hashlib, json, sys
last = int(sys.argv[1])
device = open("/kb/hosts/pi2/dev/longhorn/erp-data", "r+b")
body = "\n".join(f"invoice {number:05}" for number in range(1, last + 1)).encode()
head = {"records": last, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
device.write((b"ERPDATA1" + json.dumps(head).encode() + b"\n" + body).ljust(65536, b"\0"))
PY
}
snapshot() { # what is in the head becomes a layer below a new, empty head; on every node, detached
  for folder in /kb/hosts/*/var/lib/longhorn/replicas/erp-data-*; do
    python3 - "$folder" <<'PY'
import json, os, sys
folder = sys.argv[1]
os.chdir(folder)
meta = json.load(open("volume.meta"))
layer = "volume-snap-monday.img"
os.rename(meta["Head"], layer)
json.dump({"Name": layer, "Parent": ""}, open(f"{layer}.meta", "w"))
meta |= {"Head": "volume-head-001.img", "Parent": layer}
with open(meta["Head"], "wb") as head:
    head.truncate(meta["Size"])
json.dump(meta, open("volume.meta", "w"))
PY
  done
}
until kubectl -n longhorn-system get volumeattachments.longhorn.io erp-data 2>/dev/null; do sleep 0.1; done
ticket pi2; state attached; records 1200; ticket null; state detached
snapshot
ticket pi2; state attached; records 1500; ticket null; state detached

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
' > /kb/hosts/pi1/var/backups/longhorn/volumes.yaml

kubectl -n erp wait vaultdynamicsecrets.secrets.hashicorp.com/erp --for=condition=Ready --timeout=30s
kubectl -n erp scale deployment erp --replicas=1
kubectl -n erp rollout status deployment erp --timeout=60s
# What ArgoCD keeps as it is: the parent its child, the child the ERP.
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
