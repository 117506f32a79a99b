import pytest

from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.networks.nasbench201 import NASBench201Network


def test_is_abstract():
    with pytest.raises(TypeError, match="forward_features"):
        AbstractFeatureNetwork()  # type: ignore[abstract]


def test_our_networks_are_of_it():
    assert issubclass(NASBench201Network, AbstractFeatureNetwork)
