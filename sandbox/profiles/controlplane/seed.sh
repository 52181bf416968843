kubectl get namespace erp
