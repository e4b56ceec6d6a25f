"""The studio: one page, served from this machine, on a folder of runs.

Every run that is in the folder, drawn while it trains, explored once it has; a training begun, paused and resumed. The
folder is all it reads, and it needs neither an account nor the network.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import click

#: Ports that are tried after the first; connections at once; seconds that an open page may hold up the end.
MAX_PORTS_TRIED, MAX_CONNECTIONS, SHUTDOWN_GRACE_S = 50, 200, 2


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
        host: the address to listen on; one that others can reach asks them for a token.
        port: the port, or the next that is free.
        data_folders: folders besides ``runs`` whose files trainings may read.
        train: the command line's ``train``; without it nothing can be trained from the page.
        on_ready: called with the page's address as soon as it can be opened.

    Raises:
        ValueError: there is no such folder, the address is not this machine's, or all ports are taken.
    """
    import uvicorn

    from elbowroom.studio.app import create_app
    from elbowroom.studio.http.middleware import is_loopback

    token = None if is_loopback(host) else secrets.token_urlsafe(32)
    app = create_app(runs, host, token, data_folders, train)
    listening = listen(host, port)
    here = socket.gethostname() if host in ("0.0.0.0", "::", "") else host
    address = f"http://{f'[{here}]' if ':' in here else here}:{listening.getsockname()[1]}/"
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        ws_max_size=1 << 20,
        # Frames go to this machine, mostly: to squeeze one takes longer than to send it.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        timeout_keep_alive=15,
    )
    # The socket listens already: whoever comes before the server does waits.
    on_ready(address + (f"?token={token}" if token else ""))
    with listening, suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket on this port, or on the next that is free.

    Raises:
        ValueError: the address is not this machine's, or all ports are taken.
    """
    try:
        family, kind, protocol, _, _ = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ValueError(f"--host {host} is no address ({error.strerror}): give 127.0.0.1, or one of yours") from None
    why: OSError | None = None
    for at in range(port, min(port + MAX_PORTS_TRIED, 65536)):
        found = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((host, at))
            found.listen(128)
            return found
        except OSError as error:
            found.close()
            why = error
            if error.errno == errno.EADDRNOTAVAIL:
                raise ValueError(f"--host {host} is not this machine's: give 127.0.0.1, or one of yours") from None
    raise ValueError(f"cannot listen on {host}, ports {port} and on ({why and why.strerror}): give another --port")
