# Somebody deployed the canary and misspelt one name: its account. Vault knows no such account.
kubectl apply -f - <<'YAML'
apiVersion: v1
kind: ServiceAccount
metadata: {name: canari, namespace: canary}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {name: canary, namespace: canary}
spec: {method: kubernetes, mount: kubernetes, kubernetes: {role: canary, serviceAccount: canari}}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultDynamicSecret
metadata: {name: canary, namespace: canary}
spec: {vaultAuthRef: canary, mount: postgres, path: creds/canary, destination: {name: canary-db, create: true}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary, namespace: canary, labels: {app: canary}}
spec:
  replicas: 1
  selector: {matchLabels: {app: canary}}
  template:
    metadata: {labels: {app: canary}}
    spec:
      serviceAccountName: canari
      containers:
      - {name: canary, image: "canary:sandbox", volumeMounts: [{name: db, mountPath: /run/db}]}
      volumes:
      - {name: db, secret: {secretName: canary-db}}
YAML
