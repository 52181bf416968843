kubectl -n erp scale deployment erp --replicas=1
