"""The keys of k3s's config.yaml: its flags without the dashes.

Source: the CLI help in k3s's documentation, pages "k3s server" and "k3s agent" (read 2026-11).
"""

from __future__ import annotations

import difflib

AGENT = frozenset(
    """
    alsologtostderr bind-address container-runtime-endpoint data-dir debug default-runtime
    disable-apiserver-lb disable-default-registry-endpoint docker enable-pprof flannel-cni-conf
    flannel-conf flannel-iface image-credential-provider-bin-dir image-credential-provider-config
    image-service-endpoint kube-proxy-arg kubelet-arg lb-server-port log node-external-dns
    node-external-ip node-internal-dns node-ip node-label node-name node-taint nonroot-devices
    pause-image prefer-bundled-bin private-registry protect-kernel-defaults resolv-conf rootless
    selinux server snapshotter token token-file v vmodule vpn-auth vpn-auth-file with-node-id
    """.split()  # noqa: SIM905  words read better than a hundred quotes
)
SERVER = AGENT | frozenset(
    """
    advertise-address advertise-port agent-token agent-token-file cluster-cidr cluster-dns
    cluster-domain cluster-init cluster-reset cluster-reset-restore-path datastore-cafile
    datastore-certfile datastore-endpoint datastore-keyfile default-local-storage-path disable
    disable-agent disable-cloud-controller disable-helm-controller disable-kube-proxy
    disable-network-policy disable-scheduler egress-selector-mode embedded-registry etcd-arg
    etcd-disable-snapshots etcd-expose-metrics etcd-s3 etcd-s3-access-key etcd-s3-bucket
    etcd-s3-config-secret etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-insecure
    etcd-s3-proxy etcd-s3-region etcd-s3-secret-key etcd-s3-skip-ssl-verify etcd-s3-timeout
    etcd-snapshot-compress etcd-snapshot-dir etcd-snapshot-name etcd-snapshot-retention
    etcd-snapshot-schedule-cron flannel-backend flannel-external-ip flannel-ipv6-masq
    helm-job-image https-listen-port kube-apiserver-arg kube-cloud-controller-manager-arg
    kube-controller-manager-arg kube-scheduler-arg secrets-encryption secrets-encryption-provider
    service-cidr service-node-port-range servicelb-namespace supervisor-metrics
    system-default-registry tls-san tls-san-security write-kubeconfig write-kubeconfig-group
    write-kubeconfig-mode
    """.split()  # noqa: SIM905  words read better than a hundred quotes
)


def unknown(given: str, known: frozenset[str]) -> str | None:
    """Return half a sentence when `given` is no key of `known`, None when it is one.

    `key+`, which appends to a list, counts as `key`.
    """
    key = given.removesuffix("+")
    if key in known:
        return None
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "see the k3s documentation"
    return f"{given}: k3s knows no such key, {hint}"
