"""The certificate that we serve with, and how it is renewed without a restart."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.engine.ports import Refused

# Certificates in Kubernetes are renewed long before they end.
RENEWAL_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Where certificate (with its chain) and key are, in PEM; how often to look for new ones."""

    certificate: Path
    key: Path
    renewal_seconds: float = RENEWAL_SECONDS

    def load(self) -> ssl.SSLContext:
        """Raises Refused when they cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._read(context)
        return context

    async def renew(self, context: ssl.SSLContext) -> None:
        """Read them again when they change, for as long as the task lives.

        What cannot be read leaves the certificate as it is: an old one is better than none.
        """
        seen = self._state()
        while True:
            await asyncio.sleep(self.renewal_seconds)
            now = self._state()
            if now == seen:
                continue
            try:
                self._read(context)
            except Refused as error:
                log.warning("The certificate was not renewed: %s", error)
                continue
            seen = now
            log.info("The certificate %s was read again", self.certificate)

    def _read(self, context: ssl.SSLContext) -> None:
        try:
            # A key that asks for its password would ask the terminal.
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise Refused(
                f"cannot serve with the certificate {self.certificate} and the key {self.key}: "
                f"{error}; give PEM files that belong together, tls_cert_file and tls_key_file"
            ) from error

    def _state(self) -> tuple[int, ...]:
        """What changes when one of them is replaced."""
        state: list[int] = []
        for path in (self.certificate, self.key):
            try:
                status = path.stat()
            except OSError:
                state += [0, 0]
            else:
                state += [status.st_mtime_ns, status.st_ino]
        return tuple(state)


def _no_password() -> str:
    raise ValueError("the key is encrypted: give one that is not")
