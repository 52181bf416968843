kubectl -n erp scale deployment erp --replicas=0
