"""Every shipped executor under the executor contract."""

from __future__ import annotations

from mfsearch.execution.base import AbstractExecutor
from mfsearch.execution.serial import SerialExecutor
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.testing.executors import ExecutorContract


class TestSerial(ExecutorContract):
    def make(self) -> AbstractExecutor:
        return SerialExecutor()


class TestSerialOnProcessorTime(ExecutorContract):
    def make(self) -> AbstractExecutor:
        return SerialExecutor("cpu")


class TestVirtual(ExecutorContract):
    def make(self) -> AbstractExecutor:
        return VirtualExecutor(workers=3)
