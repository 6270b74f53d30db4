"""As a program in a user's directory: leave each item out, and ask the environment about it.

Of each item of the bundle that is named: a manifest without it, and without its need, is compared
with what the environment needs now. Prints a line of JSON: item to sentences.
"""

from __future__ import annotations

from whisklab.cli.bundle_site import site_of  # isort: skip  patches the library, must be first

import json
import sys
from pathlib import Path

from tests.contract.bundle.changing import contents, manifest_of, quiet, without
from tests.contract.bundle.site import NAME
from whisklab.bundle import tar, verifying
from whisklab.bundle.manifest import Manifest

if __name__ == "__main__":
    bundle = Path(sys.argv[1])
    right = manifest_of(bundle)
    site = site_of(NAME, right.architectures, right.systems, quiet, laptops=right.laptops)
    locks = site.lock, site.sources.packages.lock
    found = {"": verifying.unmet(right, site.contents, *locks)}
    for index, item in enumerate(right.items):
        files = contents(bundle)
        data = json.loads(files[tar.MANIFEST])
        without(data, files, index, need=True)
        changed = Manifest.model_validate(data)
        found[" ".join(item.key)] = verifying.unmet(changed, site.contents, *locks)
    print(json.dumps(found))
