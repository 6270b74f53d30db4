"""Each chart with each set of values that we give it, through the real helm."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml

from deploys.provisioner.render import RELEASE, values
from deploys.provisioner.settings import ProvisionerSettings
from tests.contract.rendering import refused, rendered, run
from whisklab.engine.helm.program import Answer
from whisklab.lab.standins.cache import SOURCES, architecture, built
from whisklab.lab.standins.helm import helm as helm_standin

PROVISIONER = SOURCES / "provisioner" / "chart"
HELLO = Path(__file__).parents[1] / "charts/hello"


@pytest.mark.parametrize("message", ["one", 'it\'s "quoted" {{ .Values }}'])
def test_the_tests_own_chart(helm: str, tmp_path: Path, message: str) -> None:
    found = rendered(helm, tmp_path, HELLO, {"message": message}, RELEASE)
    assert found[f"ConfigMap/{RELEASE}"]["data"]["message"] == message


def test_what_a_schema_refuses_is_in_helm_s_message(helm: str, tmp_path: Path) -> None:
    said = refused(helm, tmp_path, HELLO, {"replicas": "many"})
    assert "at '/replicas': got string, want integer" in Answer(1, "", said).message


NAME = f"{RELEASE}-nfs-subdir-external-provisioner"  # as the public chart 4.0.18 makes it


def test_the_provisioner(helm: str, tmp_path: Path) -> None:
    given = values(ProvisionerSettings(), "10.0.0.1", "/export")
    found = rendered(helm, tmp_path, PROVISIONER, given, RELEASE)
    assert set(found) == {
        f"Deployment/{NAME}", f"ServiceAccount/{NAME}", "StorageClass/nfs-client",
        f"ClusterRole/{NAME}-runner", f"ClusterRoleBinding/run-{NAME}",
        f"Role/leader-locking-{NAME}", f"RoleBinding/leader-locking-{NAME}",
    }  # fmt: skip
    pod = found[f"Deployment/{NAME}"]["spec"]["template"]["spec"]
    assert [v["nfs"] for v in pod["volumes"]] == [{"server": "10.0.0.1", "path": "/export"}]
    assert pod["containers"][0]["image"] == ProvisionerSettings().image
    storage = found["StorageClass/nfs-client"]
    assert storage["provisioner"] == f"cluster.local/{NAME}"
    assert storage["parameters"] == {"archiveOnDelete": "true"}
    assert storage["reclaimPolicy"] == "Delete"


def test_the_provisioner_with_other_settings(helm: str, tmp_path: Path) -> None:
    settings = ProvisionerSettings(
        image="registry.test:5000/nfs:v1", mount_options=["nfsvers=4.1"], storage_class="slow",
        default_class=True, reclaim_policy="Retain", archive_on_delete=False,
    )  # fmt: skip
    given = values(settings, "nfs.test", "/export")
    found = rendered(helm, tmp_path, PROVISIONER, given, RELEASE)
    storage = found["StorageClass/slow"]
    default = "storageclass.kubernetes.io/is-default-class"
    assert storage["metadata"]["annotations"][default] == "true"
    assert storage["mountOptions"] == ["nfsvers=4.1"]
    assert storage["parameters"] == {"archiveOnDelete": "false"}
    assert found[f"PersistentVolume/pv-{NAME}"]["spec"]["nfs"]["server"] == "nfs.test"
    pod = found[f"Deployment/{NAME}"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.test:5000/nfs:v1"
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": f"pvc-{NAME}"}


def test_helm_s_archive_is_where_the_catalogue_says(helm: str) -> None:
    entry = yaml.safe_load(built(helm_standin(), print).read_text())["helm"]
    source = entry["versions"][entry["default"]]["helm"][architecture()]
    assert Path(unquote(urlparse(source["url"]).path)).is_file()
    assert f'Version:"{entry["default"]}"' in run(helm, "version")
