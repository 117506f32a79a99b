"""Metadata, dependencies, extras and the console script; the tools' settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "mfsearch" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
if VERSION is None:
    raise SystemExit('mfsearch/__init__.py must hold a line __version__ = "X.Y.Z"; found none.')

setup(
    name="mfsearch",
    version=VERSION.group(1),
    description="Bayesian multi-fidelity optimisation for neural architecture search with knowledge distillation",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # The presets live in configs/ at the top, where a reader finds them, and ship inside the package.
    packages=[*find_packages(include=["mfsearch", "mfsearch.*"]), "mfsearch.configs"],
    package_dir={"mfsearch.configs": "configs"},
    package_data={
        "mfsearch": ["py.typed", "fidelities/dass.safetensors", "problems/kd_table.parquet", "report/html/page.*"],
        "mfsearch.configs": ["*.yaml", "meta/*.yaml"],
    },
    include_package_data=False,
    install_requires=[
        "torch",
        "botorch>=0.18",
        "gpytorch>=1.15.2",
        "numpy",
        "scipy",
        "click",
        "pydantic>=2",
        "SQLAlchemy>=2",
        "alembic>=1.13",
        "rich",
        "PyYAML",
        "safetensors",
        "platformdirs",
        "scikit-learn",
        "pyarrow>=20",
        "plotly>=6",
    ],
    extras_require={
        "bench": ["matplotlib"],
        "configspace": ["ConfigSpace"],
        "docs": ["furo", "matplotlib", "myst-parser", "sphinx", "sphinx-click"],
        "images": ["pillow"],
        "mlflow": ["mlflow-skinny>=3"],
        "optuna": ["optuna>=4"],
        "pandas": ["pandas>=2.2"],
        "png": ["kaleido>=1"],
        "postgres": ["psycopg[binary]>=3.1"],
        "ray": ["ray>=2.40"],
        "tensorboard": ["tensorboard>=2.18"],
        "wandb": ["wandb>=0.19.9"],
        "dev": [
            "ConfigSpace",
            "build",
            "furo",
            "hypothesis",
            "import-linter",
            "jsonschema",
            "kaleido>=1",
            "matplotlib",
            "mf2",
            "mlflow-skinny",
            "mypy",
            "myst-parser",
            "nats-bench",
            "optuna",
            "pandas",
            "pillow",
            "psycopg[binary]",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "pytorch-lightning",
            "ray>=2.40",
            "ruff",
            "scipy-stubs",
            "setuptools>=77,<81",  # mf2 imports pkg_resources
            "smt",
            "sphinx",
            "sphinx-click",
            "tensorboard",
            "types-PyYAML",
            "wandb",
        ],
    },
    entry_points={"console_scripts": ["mfsearch = mfsearch.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
