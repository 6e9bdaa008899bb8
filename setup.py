"""Packaging of cshml_tf: the library, and its commands as console scripts."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
REQUIREMENTS = [
    line.strip()
    for line in (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
# The photographs of phones.
HEIC = ["pillow-heif>=1.1,<2"]

# A command is a module of cshml_tf/cli/ whose docstring begins with the command's name.
COMMANDS = {
    name[1]: path.stem
    for path in sorted((HERE / "cshml_tf" / "cli").glob("*.py"))
    if (name := re.match(r'"""`(cshml-[a-z-]+)`:', path.read_text(encoding="utf-8")))
}
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "cshml_tf" / "__init__.py").read_text(encoding="utf-8"))[1]

setup(
    name="cshml_tf",
    version=VERSION,
    description="Low-resolution face recognition: CS-MHL-Net for TensorFlow and Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["cshml_tf", "cshml_tf.*"]),
    package_data={"cshml_tf": ["py.typed"]},
    install_requires=REQUIREMENTS,
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "jax": ["jax>=0.8"],
        "heic": HEIC,
        "test": [
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            *HEIC,
            "jax>=0.8",
            "nbclient>=0.10,<1",
            "nbformat>=5.10,<6",
            "ipykernel>=6.29,<8",
            "ruff>=0.12,<1",
            "pyright[nodejs]>=1.1.400,<1.2",
            "pdoc>=15,<17",
        ],
    },
    entry_points={
        "console_scripts": [f"{command} = cshml_tf.cli.{module}:main" for command, module in COMMANDS.items()]
    },
)
