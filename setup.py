"""Packaging of cshml_tf: the library, and its commands as console scripts."""

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

COMMANDS = {
    "cshml-align": "align_dataset",
    "cshml-pack": "pack_dataset",
    "cshml-import": "import_recogniser",
    "cshml-train-hr": "train_hr",
    "cshml-train": "train_cshml",
    "cshml-ablation": "run_ablation",
    "cshml-toy": "train_toy",
    "cshml-export": "export_saved_model",
    "cshml-evaluate-lfw": "evaluate_lfw",
    "cshml-evaluate-tinyface": "evaluate_tinyface",
    "cshml-evaluate-survface": "evaluate_survface",
    "cshml-evaluate-scface": "evaluate_scface",
    "cshml-compare": "compare",
    "cshml-show-pairs": "show_pairs",
    "cshml-synthetic": "make_synthetic",
}

setup(
    name="cshml_tf",
    version="0.2.0",
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
