"""What a source holds, whichever of the forms it has: known by its content, not by its name."""

from __future__ import annotations

from whisklab.engine.registries.access import Access
from whisklab.errors import BadInput
from whisklab.images import docker_archive, oci_layout
from whisklab.images.image import Image
from whisklab.images.names import Reference, parse
from whisklab.images.sources import Source


def images(source: Source) -> list[Image]:
    """Return the images of a source, each whole and with the bytes that it promises.

    Raises:
        BadInput: it holds none, or promises what it does not hold.
    """
    # Newer `docker save` writes both forms; the layout has the image's own manifest and digest.
    if source.has(oci_layout.MARK) and source.has(oci_layout.INDEX):
        return oci_layout.images(source)
    if source.has(docker_archive.MANIFEST):
        return docker_archive.images(source)
    raise BadInput(
        f"{source.label}: holds no image: expected an archive of `docker save`, or an OCI layout "
        "as a directory or an archive"
    )


def targets(
    source: Source, found: list[Image], name: str | None, access: Access | None = None
) -> list[tuple[Image, Reference]]:
    """Return under which name each image goes into the registry. Pure.

    Args:
        source: of the images.
        found: them.
        name: the one that is asked for; None for those that the source has.
        access: to the registry.

    Raises:
        BadInput: there is no name, or one for several images.
    """
    if name is not None:
        if len(found) > 1:
            raise BadInput(
                f"{source.label}: holds {len(found)} images, so {name} would name several: leave "
                "it out, and they keep their names"
            )
        return [(found[0], parse(name, access))]
    nameless = next((each for each in found if not each.names), None)
    if nameless:
        raise BadInput(
            f"{source.label}: {nameless.top.digest} has no name in it: give one, such as "
            "lab/simulation:1.2"
        )
    pairs: dict[Reference, Image] = {}
    for each in found:
        for given in each.names:
            reference = parse(given, access)
            if pairs.setdefault(reference, each) is not each:
                raise BadInput(
                    f"{source.label}: two images in it would be {reference} in the registry: "
                    "push them from archives of their own, each with its NAME"
                )
    return [(image, reference) for reference, image in pairs.items()]
