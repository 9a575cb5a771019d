# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A real registry (`docker-registry serve`) on a free loopback port, with its storage in reach.

Guarantees: it answers when `with` begins and is gone when it ends; blobs are read from disk on every request,
so that an edited file is served. What a real registry never does wrong is left to fake_registry.py.
"""

import http.client
import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

READY_SECONDS = 60  # on a busy machine; it takes 0.1 s on an idle one
_LISTENING = re.compile(r"listening on (127\.\d+\.\d+\.\d+:\d+)")


class Registry:
    """`with Registry(tmp_path) as registry:` then `registry.host` is `127.0.0.1:PORT`.

    `users` (name -> password) turns on Basic authentication through an htpasswd file. With `named` it takes
    port 443 of that name, which must lead to loopback (namesakes.py), and `host` is the name.
    """

    def __init__(self, directory: Path, *, users: dict[str, str] | None = None, named: str = "") -> None:
        self.storage = directory / "storage"
        self.host = ""
        self._named = named
        self._directory = directory
        self._users = users or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.identity: Path | None = None  # key and certificate in a PEM: then it speaks TLS

    def __enter__(self) -> Self:
        self.storage.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{self.host}"

    def start(self) -> None:
        """Serve; after `stop` on the same port again, with the same storage."""
        config = self._directory / "registry.json"  # JSON is YAML
        config.write_text(json.dumps(self._config()))
        log = self._directory / "registry.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, as when the registry is down; `start` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def blob(self, digest: str) -> Path:
        """The file that holds the blob `sha256:<hex>`; edit it, and the edited bytes are served."""
        algorithm, _, hexadecimal = digest.partition(":")
        return self.storage / f"docker/registry/v2/blobs/{algorithm}/{hexadecimal[:2]}/{hexadecimal}/data"

    def push(
        self,
        source: str,
        name: str,
        *options: str,
        credential: str | None = None,
        registries_d: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """`skopeo copy SOURCE docker://HOST/NAME`; the manifest's digest as the registry has it.

        `source` is skopeo's (`oci:DIR:TAG`), `name` is `repository:tag`, `credential` `user:password`. More
        of `skopeo copy`'s own `options` are `--all` and `--sign-by KEY`; to sign, give `registries_d` (a
        directory whose lookaside-staging is written) and GNUPGHOME in `env`, which joins the environment.
        """
        places = ["--registries.d", str(registries_d)] if registries_d else []
        login = ["--dest-creds", credential] if credential else []
        exact = [] if "--format" in options else ["--preserve-digests"]
        digestfile = self._directory / "pushed.digest"
        subprocess.run(
            [
                *("skopeo", "--insecure-policy", *places, "copy", "--quiet", "--dest-tls-verify=false"),
                *(*exact, "--digestfile", str(digestfile), *login, *options),
                *(source, f"docker://{self.host}/{name}"),
            ],
            env={**os.environ, **(env or {})},
            check=True,
        )
        return digestfile.read_text().strip()

    def _config(self) -> dict[str, object]:
        config: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self._address, "secret": "a test's", **self._tls()},
        }
        if self._users:
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self._htpasswd())}}
        return config

    @property
    def _address(self) -> str:
        return f"{self._named}:443" if self._named else self.host or "127.0.0.1:0"

    def _tls(self) -> dict[str, object]:
        return {"tls": dict.fromkeys(("certificate", "key"), str(self.identity))} if self.identity else {}

    def _htpasswd(self) -> Path:
        path = self._directory / "htpasswd"
        entries = [
            subprocess.run(
                ["htpasswd", "-niB", name], input=secret.encode(), capture_output=True, check=True
            ).stdout
            for name, secret in self._users.items()
        ]
        path.write_bytes(b"".join(entries))
        return path

    def _wait(self, log: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"docker-registry ended: {log.read_text()}")
            found = _LISTENING.search(log.read_text(errors="replace"))
            if found and _answers(found[1], tls=self.identity is not None):
                self.host = self._named or found[1]
                return
            time.sleep(0.02)
        raise RuntimeError(f"docker-registry does not answer: {log.read_text()}")


def _answers(host: str, *, tls: bool) -> bool:
    if tls:  # whose certificate it is, the client under test asks
        context = ssl._create_unverified_context()  # noqa: S323
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(host, timeout=2)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in {200, 401}
    except OSError:
        return False
    finally:
        connection.close()
