"""Read by pyinfra before the inventory: installs the engine and names all settings."""

from deploys.base.settings import BaseSettings
from deploys.fileserver.settings import FileServerSettings
from deploys.helm.settings import HelmSettings
from deploys.k3s.settings import K3sSettings
from deploys.labels.settings import NodeSettings
from deploys.nfs.settings import NfsSettings
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.preflight.settings import PreflightSettings
from deploys.provisioner.settings import ProvisionerSettings
from deploys.releases.settings import ReleaseSettings
from deploys.wsk.settings import WskSettings
from whisklab.engine import hooks
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.forwards import ForwardSettings
from whisklab.engine.machine import Machine

hooks.install(
    [
        Machine,
        PreflightSettings,
        BaseSettings,
        NfsSettings,
        FileServerSettings,
        K3sSettings,
        HelmSettings,
        NodeSettings,
        ProvisionerSettings,
        WskSettings,
        OpenWhiskSettings,
        ReleaseSettings,
        DriftSettings,
        ForwardSettings,
    ]
)
