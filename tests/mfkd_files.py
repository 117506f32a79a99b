"""Small files in the form of those of MF-KD's authors, and a home that they are imported into."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.importing import import_mfkd, import_nasbench201


def fill(home: Path) -> Path:
    """Write the files and import them: 30 cells that NST ranks better epoch by epoch, and 12 networks."""
    rng = np.random.default_rng(0)
    cells = [a.key for a in NASBench201Space().enumerate()[:3000:100]]
    worth = rng.uniform(30, 70, len(cells))
    nst, plain = [], []
    for cell, value in zip(cells, worth, strict=True):
        for epoch in range(1, 13):
            noisy = np.clip(value + rng.normal(0, 12 / epoch, 3) - 20 + 1.5 * epoch, 0, 100)
            nst.append([cell, epoch, *noisy, 5.0])
        plain.append([cell, 10.0, *(value + rng.normal(0, 8, 2)), value, value + rng.normal(0, 0.5)])
    _write(home / "nst.csv", "arch,epoch,train_acc,x-valid_acc,x-test_acc,train_time_s", nst)
    _write(
        home / "plain.csv",
        "arch,cifar100_seconds_per_epoch,cifar100_val_e12,cifar100_test_e12,cifar100_test_e200,cifar100_val_e200",
        plain,
    )
    networks = []
    for number in range(12):
        stages, value = [8 + 4 * number, 1 + number % 3], 40 + 2.0 * number
        networks.append(["nokd", 1, value, value + 1, 1000, *stages])
        short = [(method, divisor, noise) for method in ("nst", "kd") for divisor, noise in ((27, 3), (9, 2), (3, 1))]
        for method, divisor, noise in [("nokd", 27, 8), *short]:
            accuracy = value - 10 + rng.normal(0, noise)
            networks.append([method, divisor, accuracy, accuracy, 1000 / divisor, *stages])
    _write(
        home / "networks.csv",
        "method,training_data_divisor,valid_acc,test_acc,seconds,stage0_channels,stage0_repeats",
        networks,
    )
    import_nasbench201(home, home / "plain.csv", "nasbench201")
    import_mfkd(home, "mfkd-nst240", home / "nst.csv")
    import_mfkd(home, "mfkd-mobilenetv2", home / "networks.csv")
    return home


def _write(path: Path, head: str, rows: list[list[object]]) -> None:
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
