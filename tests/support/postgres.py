"""A PostgreSQL server of the tests' own, from the system's binaries, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def installed() -> bool:
    """Whether there is a server to start."""
    return bool(_BINARIES)


class Server:
    """One cluster; the super-user is `postgres`, and nobody is asked for a password."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mfsearch-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-p {self.port} -k {self._folder} -h 127.0.0.1 -c shared_buffers=16MB -c max_connections=60"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """Stop: `fast` ends connections, `immediate` is as good as a crash."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"studies_{uuid.uuid4().hex[:12]}"
        self.ask(f"CREATE DATABASE {name}", "postgres")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def ask(self, sql: str, database: str) -> str:
        """What `psql` prints."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        return self._run("psql", *where, "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql)

    def _run(self, program: str, *arguments: str) -> str:
        owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*owner, str(_BINARIES[-1] / program), *arguments]
        with tempfile.TemporaryFile("w+") as out:  # not a pipe: the server inherits it, and it would never end
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd="/", timeout=120)
            out.seek(0)
            text = out.read()
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {text}")
        return text.strip()
