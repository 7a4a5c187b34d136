"""Virtual environments for tests: an interpreter, and packages that are only names."""

from __future__ import annotations

import sys
from pathlib import Path


def make_environment(folder: Path, **versions: str) -> Path:
    """An environment that claims to have these packages, which can be imported and are empty."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    base = Path(sys.base_prefix, "bin")
    (folder / "pyvenv.cfg").write_text(f"home = {base}\ninclude-system-site-packages = false\n")
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for package, version in versions.items():
        info = folder / "lib" / python / "site-packages" / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        name = package.replace("_", ".") if package.startswith("pyannote") else package
        module = info.parent.joinpath(*name.split("."))
        module.mkdir(parents=True, exist_ok=True)
        (module / "__init__.py").touch()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder
