# The pod mounts the blank volume, which gets an empty file system, and does not find its company.
kubectl -n erp scale deployment erp --replicas=1
reason='{.items[0].status.containerStatuses[0].state.waiting.reason}'
until [ "$(kubectl -n erp get pods -o jsonpath="$reason")" = CrashLoopBackOff ]; do sleep 0.2; done
