# Longhorn's definitions are deleted, and every Volume, Engine and Replica with them; a reinstall brings
# the definitions back, empty. The directories on the nodes stay.
definitions="volumes engines replicas volumeattachments"
kubectl get crd $(printf '%s.longhorn.io ' $definitions) -o json |
  python3 -c '
import json, sys
crds = json.load(sys.stdin)
for crd in crds["items"]:
    crd["metadata"] = {"name": crd["metadata"]["name"]}
    del crd["status"]
json.dump(crds, sys.stdout)
' > definitions.json
kubectl delete crd $(printf '%s.longhorn.io ' $definitions) --timeout=30s
kubectl apply -f definitions.json
kubectl wait crd $(printf '%s.longhorn.io ' $definitions) --for=condition=Established --timeout=30s
