"""Who we speak to over mqtts:// must be proven: the context for it, made of the link's files."""

from __future__ import annotations

import ssl

from drivers.mqtt.options import MqttLinkOptions


class _Closing(ssl.SSLSocket):
    """paho leaves a socket open whose handshake has failed, one for each try."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def context(options: MqttLinkOptions) -> ssl.SSLContext:
    """Reads the files. The broker's certificate and name are verified, always."""
    made = ssl.create_default_context(cafile=options.ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.sslsocket_class = _Closing
    if options.certificate is not None:
        made.load_cert_chain(options.certificate, options.key)
    return made
