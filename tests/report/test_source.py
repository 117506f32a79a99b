from __future__ import annotations

import ast
import sys

import torch

from mfsearch.networks import nasbench201
from mfsearch.report.source import standalone_source


def test_it_imports_nothing_of_ours():
    tree = ast.parse(standalone_source("mfsearch.networks.nasbench201"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"torch"}


def test_it_is_the_same_network():
    module = type(sys)("standalone")
    sys.modules["standalone"] = module
    try:
        exec(compile(standalone_source("mfsearch.networks.nasbench201"), "standalone.py", "exec"), vars(module))
    finally:
        del sys.modules["standalone"]
    operations = ["nor_conv_3x3", "skip_connect", "nor_conv_1x1", "none", "avg_pool_3x3", "nor_conv_3x3"]
    ours = nasbench201.NASBench201Network(operations, 1, 10, 4, 1, "light")
    copied = module.NASBench201Network(operations, 1, 10, 4, 1, "light")
    copied.load_state_dict(ours.state_dict())
    images = torch.randn(5, 1, 16, 16)
    assert torch.equal(ours.eval()(images), copied.eval()(images))
    assert type(copied) is not type(ours)
