"""The benchmark's S3 server: built from server/ on this machine, started on loopback, told what to do over http.

It is not a test's server: it checks no signatures (signed_servers.py has some that do).
"""

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from fixtures.testbed import CACHE, TestbedError, run

SOURCES = Path(__file__).parent / "server"
INSTALL = "apt-get install rustc libssl-dev"
BUCKETS = ("b1", "b2", "bench1", "bench2")
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass
class BenchServer:
    """A running server with empty buckets BUCKETS; it ends with stop(), or with this process."""

    endpoint: str
    tls_endpoint: str
    ca: Path
    process: subprocess.Popen[str] = field(repr=False)
    access_key: str = "benchmark"
    secret_key: str = field(default="benchmark-secret-key", repr=False)
    region: str = "us-east-1"

    @classmethod
    def start(cls, folder: Path) -> "BenchServer":
        """Build the server if its sources changed, and start it on free ports; the certificates go to the folder.

        Raises TestbedError when it can't be built or started.
        """
        program = build()
        make_certificates(folder)
        process = subprocess.Popen(
            [program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        ports = process.stdout.readline().split()
        if len(ports) != 2:
            raise TestbedError(f"{program} {folder} ended with {process.wait()}, see above")
        return cls(
            endpoint=f"http://127.0.0.1:{ports[0]}",
            tls_endpoint=f"https://localhost:{ports[1]}",
            ca=folder / "ca.pem",
            process=process,
        )

    def stats(self) -> dict[str, int]:
        """Requests by S3 operation since zero(), bytes_in and bytes_out of bodies, connections, uploads_open."""
        return json.loads(self._control("stats"))

    def zero(self) -> None:
        """Set the counters to zero."""
        self._control("zero")

    def delay(self, microseconds: int) -> None:
        """Wait so long before each answer."""
        self._control(f"delay/{microseconds}")

    def clear(self, bucket: str) -> None:
        """Forget the objects of one bucket."""
        self._control(f"clear/{bucket}")

    def reset(self, *, trim: bool = False) -> None:
        """Forget all objects and uploads; their memory is kept for the next ones unless trimmed."""
        self._control("reset/trim" if trim else "reset")

    def cpu_seconds(self) -> float:
        """What the server's process has used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the server."""
        self.process.communicate()

    def _control(self, command: str) -> bytes:
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=60)
        try:
            connection.request("GET", f"/__{command}")
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise TestbedError(f"the server answered {answer.status} to /__{command}")
        return body


def check() -> None:
    """Compare the server's answers with S3's (server/check.py, 10 s); raise TestbedError with what differs."""
    run(sys.executable, SOURCES / "check.py")


def build() -> Path:
    """Return the program built from the sources; raise TestbedError with what to install when that fails."""
    rustc = shutil.which("rustc")
    if not rustc:
        raise TestbedError(f"rustc is missing, so this server can't be built: run '{INSTALL}'")
    digest = hashlib.sha256(rustc.encode())
    for source in sorted(SOURCES.glob("*.rs")):
        digest.update(source.name.encode() + source.read_bytes())
    program = CACHE / "bench" / f"server-{digest.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        compile_sources(rustc, unfinished)
        unfinished.rename(program)
    return program


def compile_sources(rustc: str, program: Path, *options: str) -> None:
    """Compile server/main.rs for this kind of machine, not for this very one."""
    try:
        run(rustc, "--edition", "2021", "-O", *options, "-o", program, SOURCES / "main.rs")
    except TestbedError as error:
        if "-lssl" in str(error):
            raise TestbedError(f"OpenSSL's library is missing: run '{INSTALL}'\n{error}") from error
        raise


def make_certificates(folder: Path) -> None:
    """Write ca.pem, and server.pem with server.key for localhost and 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    names = folder / "names"
    names.write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "extendedKeyUsage=serverAuth\n"
        "authorityKeyIdentifier=keyid\n"
    )
    ca, ca_key, request = folder / "ca.pem", folder / "ca.key", folder / "server.csr"
    usage = "keyUsage=critical,keyCertSign,cRLSign"
    run(
        "openssl",
        "req",
        "-x509",
        *NEW_KEY,
        "-days",
        "30",
        "-subj",
        "/CN=benchmark CA",
        "-addext",
        usage,
        "-keyout",
        ca_key,
        "-out",
        ca,
    )
    run(
        "openssl",
        "req",
        *NEW_KEY,
        "-subj",
        "/CN=benchmark S3",
        "-keyout",
        folder / "server.key",
        "-out",
        request,
    )
    run(
        "openssl",
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        ca,
        "-CAkey",
        ca_key,
        "-CAcreateserial",
        "-days",
        "30",
        "-out",
        folder / "server.pem",
        "-extfile",
        names,
    )
