"""Who we speak to over tls:// must be proven: the context for it, made of the link's files."""

from __future__ import annotations

import ssl

from drivers.modbus.options import ModbusLinkOptions


def context(options: ModbusLinkOptions) -> ssl.SSLContext:
    """Reads the files. The device's certificate and name are verified, always (MODBUS/TCP Security v21 §8)."""
    made = ssl.create_default_context(cafile=options.ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None:
        made.load_cert_chain(options.certificate, options.key)
    return made
