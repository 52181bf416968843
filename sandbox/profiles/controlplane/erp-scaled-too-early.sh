kubectl -n erp scale deployment erp --replicas=1
kubectl -n erp delete pods --all --force --grace-period=0
