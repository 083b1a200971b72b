"""A certificate authority of our own, made with openssl for one session."""

import subprocess
from pathlib import Path


class Authority:
    """`ca` signs; `folder` gets ca.crt and what is issued."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder
        self.name = name
        self.ca = folder / f"{name}.crt"
        openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            self.ca,
        )

    def issue(self, host: str, days: int = 2) -> tuple[Path, Path]:
        """Certificate and key of a server, valid for that DNS name or address; expired if `days` is negative."""
        stem = f"{host}{days}"
        certificate, key, request = (self.folder / f"{stem}.{end}" for end in ("crt", "key", "csr"))
        kind = "IP" if host.replace(".", "").isdigit() else "DNS"
        extensions = self.folder / f"{stem}.ext"
        extensions.write_text(f"subjectAltName={kind}:{host}\n")
        openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            key,
            "-out",
            request,
        )
        openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.ca,
            "-CAkey",
            self.folder / f"{self.name}.key",
            "-days",
            str(days),
            "-CAcreateserial",
            "-extfile",
            extensions,
            "-out",
            certificate,
        )
        return certificate, key


def openssl(*arguments) -> None:
    subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
