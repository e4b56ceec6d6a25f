"""The studio's server: open a port and serve a folder of runs with uvicorn until it is stopped.

The page shows every run of the folder, live while it trains, explores its model, and starts, pauses and resumes
trainings. It reads nothing but that folder and the data folders given, and needs neither an account nor the network.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import click

#: Ports that are tried, the first included.
MAX_PORTS_TRIED = 50
#: Connections at once.
MAX_CONNECTIONS = 200
#: How long open pages may delay the shutdown.
SHUTDOWN_GRACE_S = 2
#: How long an idle connection stays open.
KEEP_ALIVE_S = 15
#: Size of a WebSocket message from a client.
MAX_MESSAGE_BYTES = 1 << 20


def serve(
    runs: str | os.PathLike[str] = "runs",
    host: str = "127.0.0.1",
    port: int = 7860,
    data_folders: Sequence[str | os.PathLike[str]] = (),
    train: click.Group | None = None,
    on_ready: Callable[[str], None] = print,
) -> None:
    """Serve the studio until it is stopped.

    Args:
        runs: the folder of runs.
        host: the address to listen on; if other machines can reach it, clients need a token.
        port: the port; if it is taken, the next free one.
        data_folders: folders besides ``runs`` whose files may be trained on.
        train: the command line's ``train``; None switches training from the page off.
        on_ready: called with the page's address as soon as it can be opened.

    Raises:
        ValueError: there is no such folder, the address is not this machine's, or all ports are taken.
    """
    import uvicorn

    from elbowroom.studio.app import create_app
    from elbowroom.studio.http.middleware import is_loopback

    token = None if is_loopback(host) else secrets.token_urlsafe(32)
    app = create_app(runs, host, token, data_folders, train)
    server_socket = listen(host, port)
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else host
    address = f"http://{f'[{name}]' if ':' in name else name}:{server_socket.getsockname()[1]}/"
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        ws_max_size=MAX_MESSAGE_BYTES,
        # Frames mostly go to this machine: compressing one takes longer than sending it.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    # The socket is listening already: requests that come before the server is up wait.
    on_ready(address + (f"?token={token}" if token else ""))
    with server_socket, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[server_socket])


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket on this port, or on the next free one.

    Raises:
        ValueError: the address is not this machine's, or all ports are taken.
    """
    try:
        family, kind, protocol, _, _ = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ValueError(f"--host {host} is no address ({error.strerror}): give 127.0.0.1, or one of yours") from None
    last_error: OSError | None = None
    for candidate in range(port, min(port + MAX_PORTS_TRIED, 65536)):
        server_socket = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server_socket.bind((host, candidate))
            server_socket.listen(128)
            return server_socket
        except OSError as error:
            server_socket.close()
            last_error = error
            if error.errno == errno.EADDRNOTAVAIL:
                raise ValueError(f"--host {host} is not this machine's: give 127.0.0.1, or one of yours") from None
    reason = last_error and last_error.strerror
    raise ValueError(f"cannot listen on {host}, ports from {port} on ({reason}): give another --port")
