"""What of the store of a control plane belongs to its seed."""

from base64 import b64encode

from kbtool.sandbox.components.kubernetes import EtcdServer


def encoded(text):
    return b64encode(text.encode()).decode()


def test_what_servers_keep_for_themselves_is_no_part_of_the_seed():
    """Going back in time would take from the API server's compactor the key it counts on."""
    keys = ["/registry/pods/erp/erp-1", "/registry/leases/kube-system/x", "compact_rev_key"]
    etcd = object.__new__(EtcdServer)
    etcd.ask = lambda _path, _body: {"kvs": [{"key": encoded(key)} for key in keys]}
    assert list(etcd._keys()) == [encoded("/registry/pods/erp/erp-1")]
