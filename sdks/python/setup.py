"""Puts the library into the wheel, which is one for this platform and every Python.

The library is the environment's HEADWATER_LIBRARY, or what ``cargo build --release -p headwater-c`` made in the checkout.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # of an older setuptools
    from wheel.bdist_wheel import bdist_wheel

NAME = {"darwin": "libheadwater.dylib", "win32": "headwater.dll"}.get(sys.platform, "libheadwater.so")


def library() -> Path:
    named = os.environ.get("HEADWATER_LIBRARY")
    path = Path(named) if named else Path(__file__).resolve().parents[2] / "target" / "release" / NAME
    if not path.is_file():
        sys.exit(f"there is no library {path}: cargo build --release -p headwater-c, or set HEADWATER_LIBRARY")
    return path


class Build(build_py):
    def run(self) -> None:
        super().run()
        package = Path(self.build_lib) / "headwater"
        package.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library(), package / NAME)


class Wheel(bdist_wheel):
    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple:
        return "py3", "none", sysconfig.get_platform().replace("-", "_").replace(".", "_")


class Binary(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(cmdclass={"build_py": Build, "bdist_wheel": Wheel}, distclass=Binary)
