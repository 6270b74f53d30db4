"""What an upgrade would do: rendered by helm itself on a server, compared with what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from whisklab.engine.drift.kinds import Kinds
from whisklab.engine.drift.patches import between, patch, patch_kind
from whisklab.engine.helm import manifests
from whisklab.engine.helm import values as helm_values
from whisklab.engine.helm.manifests import Comparison
from whisklab.engine.helm.ownership import plainly
from whisklab.engine.helm.program import NOT_THERE, bundle, helm, render_arguments
from whisklab.engine.helm.records import FIXED, Cluster
from whisklab.engine.helm.release import DEPLOYED, Release, Revision
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.objects import CLAIM, Id, Object, objects
from whisklab.engine.kubernetes.pulling import pulling
from whisklab.errors import WhisklabError

_NOBODY = (
    "release {0}: {1}, so it asks a registry at each start, and there is none (offline = True): "
    "say imagePullPolicy: IfNotPresent for it in its values"
)
NO_KIND = "ensure CRDs are installed first"  # Helm's words


@dataclass(frozen=True)
class Preview:
    """What would change.

    Attributes:
        comparison: of the objects; None when it cannot be known yet.
        recreated: Jobs, Pods and storage classes that must be deleted first.
        lines: half sentences for a plan.
        texts: name, and YAML before and after, of each object that changes; without secrets.
    """

    comparison: Comparison | None = None
    recreated: list[Id] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    texts: list[tuple[Id, str, str]] = field(default_factory=list, repr=False)


def preview(cluster: Cluster, release: Release, latest: Revision | None) -> Preview:
    """Render a release against the cluster and compare; nothing is changed there.

    Raises:
        WhisklabError: the chart does not render, or its schema or the API refuses it; Helm's own
            words.
    """
    if not release.present or release.wanted_chart.lacks:
        return Preview()
    installed = latest is not None
    arguments = render_arguments(release, upgrade=installed)
    answer = helm(cluster.server, cluster.endpoint.kubeconfig, arguments, bundle(release),
                  changing=False)  # fmt: skip
    if answer.code == NOT_THERE:
        return Preview()
    unknown_kind = answer.code and not installed and NO_KIND in answer.message
    if unknown_kind and release.wanted_chart.brings_kinds:
        # A dry run installs no CRDs. Helm's install does, and refuses before it makes the rest.
        return Preview(manifests.compare({}, {}))
    if answer.code:
        raise WhisklabError(release.hinted(plainly(answer.message, release.name)))
    after = _objects(release, answer.stdout)
    if release.never_pulls and (lines := pulling(after)):
        raise WhisklabError("\n".join(_NOBODY.format(release.name, each) for each in lines))
    if latest is None:
        return Preview(manifests.compare({}, after))
    base = _base(cluster, release, latest)
    before = _objects(release, base.manifest)
    comparison = manifests.compare(before, after, keep_claims=release.keep_claims)
    recreated = _immutable(cluster, release, [base, latest], after)
    refused = _refused(cluster, release, before, after, comparison)
    if refused:
        raise WhisklabError("\n".join([f"release {release.name} cannot be changed so:", *refused]))
    lines = manifests.describe(comparison, recreated)
    secrets = helm_values.secrets_in(release.values, latest.values)
    return Preview(comparison, recreated, lines, _texts(before, after, comparison, secrets))


def _refused(
    cluster: Cluster,
    release: Release,
    before: Mapping[Id, Object],
    after: Mapping[Id, Object],
    comparison: Comparison,
) -> list[str]:
    """Return a sentence for each change that the API refuses; it is asked, as a dry run.

    What is FIXED is made anew instead, and so is none of them.
    """
    changed = [each for each in comparison.changed if each.kind not in FIXED]
    kinds = Kinds(cluster)
    found = []
    for name in changed:
        path = f"{kinds.path(after[name], release.namespace)}/{name.name}"
        body = patch(after[name], between(before[name], after[name]))
        try:
            cluster.tried(path, body, patch_kind(after[name]))
        except kube.Refused as error:
            if error.status == kube.INVALID:
                said = str(error).partition("\n")[0]  # a diff of the whole object follows
                found.append(f"{name}: {said}: {_WAYS_OUT.get(name.kind, _ANEW)}")
    return found


_ANEW = "set it back, or delete the object, which the next run makes again"
_WAYS_OUT = {
    CLAIM: "a claim keeps its class, its modes and at least its size: set it back, or save the "
    "data, delete the claim with its data, and run again"
}


def _base(cluster: Cluster, release: Release, latest: Revision) -> Revision:
    """Return the revision that Helm upgrades from: the last good one, whatever came after it."""
    if latest.status == DEPLOYED:
        return latest
    return cluster.latest(release, DEPLOYED) or latest


def _immutable(
    cluster: Cluster, release: Release, before: list[Revision], after: Mapping[Id, Object]
) -> list[Id]:
    """Return what must be deleted first, being FIXED; a chart's hooks are not among them.

    After an interruption one may be as the last good revision had it, or as the next one.
    """
    known = [_objects(release, each.manifest) for each in before]
    good = before[-1].status == DEPLOYED
    return [
        name
        for name, wanted in after.items()
        if name.kind in FIXED
        and not (good and known[-1].get(name) == wanted)
        and any(cluster.refuses(release, name, each.get(name, {}), wanted) for each in known)
    ]


def _objects(release: Release, manifest: str) -> dict[Id, Object]:
    try:
        return objects(manifest)
    except yaml.YAMLError as error:
        raise WhisklabError(f"release {release.name}: its objects are no YAML: {error}") from error


def _texts(
    before: Mapping[Id, Object],
    after: Mapping[Id, Object],
    comparison: Comparison,
    secrets: set[str],
) -> list[tuple[Id, str, str]]:
    names = [*comparison.changed, *comparison.new, *comparison.gone]
    return [
        (
            name,
            manifests.shown(before.get(name), secrets),
            manifests.shown(after.get(name), secrets),
        )
        for name in names
    ]
