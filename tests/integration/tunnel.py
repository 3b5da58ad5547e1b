#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tunnel.py PORT SERVER:PORT NAME: what connects to 127.0.0.1:PORT goes to the server by TLS, which is
asked for NAME (SNI); for clients that ask for none themselves. Prints "ready"."""
import socket
import ssl
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main(port, server, name):
    host, server_port = server.rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    listener = socket.create_server(("127.0.0.1", int(port)))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        try:
            plain = socket.create_connection((host, int(server_port)))
            tls = context.wrap_socket(plain, server_hostname=name)
        except OSError:
            client.close()
            continue
        for pair in ((client, tls), (tls, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


main(*sys.argv[1:])
