"""Clusters that cannot be reached. Those that can are with the executor."""

from __future__ import annotations

import re
import socket
import sys
import time

import pytest

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.execution import ray_session
from mfsearch.execution.ray_session import RaySession, one_line


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        MissingExtraError, match=re.escape("on a Ray cluster needs Ray, which is not installed. Run: pip install 'mfsearch[ray]'")
    ):
        RaySession(None, 1)


@pytest.mark.parametrize("address", ["here", "here:", ":6379", "here:port", "here:70000", "ray://here:10001", "http://here:8265"])
def test_an_address_is_host_and_port(address: str):
    with pytest.raises(ConfigError, match="the address of a Ray cluster must be HOST:PORT, or 'auto'; got") as error:
        RaySession(address, 1).connect()
    assert repr(address) in str(error.value)


@pytest.mark.faults
def test_nobody_listens():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(
            ConfigError, match=f"the Ray cluster must be reachable; got {address}: .*refused. Start one with 'ray start"
        ):
            RaySession(address, 1).connect()
        assert time.monotonic() - began < 10


@pytest.mark.faults
def test_who_listens_is_no_ray_cluster(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_session, "_REACH", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as one:
        address = f"127.0.0.1:{one.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"got {address}: what listens there did not answer as Ray does within 2 s. Start"):
            RaySession(address, 1).connect()


def test_a_cause_is_one_line():
    assert one_line(ValueError("first\n\tsecond \x1b[36mthird\x1b[39m\n  ^^^^^^\nfourth")) == "first second third fourth"
    assert one_line("a" * 300 + "b" * 400 + "the cause") == "a" * 250 + " ... " + "b" * 341 + "the cause"
