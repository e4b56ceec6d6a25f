"""Who may ask, and how much at once; and what a browser is told to hold back."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elbowroom.studio.http.json import LOG, Refused, failed, ok

#: Bytes of a body at most.
LARGEST = 8 * 2**20
#: What a body may be, besides a picture.
TAKEN = ("application/json", "application/octet-stream")
METHODS = ("GET", "HEAD", "POST")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The cookie's name, with the port behind it: browsers keep one jar for all ports of a host.
COOKIE = "elbowroom-studio-"


class Guard:
    """ASGI middleware before everything else.

    Args:
        app: what it guards.
        host: the address that is listened on. A loopback address is called by its own names alone; another, by any
            address, which is safe because of the token: a page elsewhere has no cookie of ours.
        token: what has to be shown: ``?token=`` once, which leaves a cookie, or ``Authorization: Bearer``.
        largest: bytes of a body at most; counted as they come.
    """

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", token: str | None = None, largest: int = LARGEST) -> None:
        self._app, self._host, self._token, self._largest = app, host, token, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass, and answer the rest."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
            self._check_token(scope, headers)
            if scope["type"] == "websocket":
                return await self._app(scope, receive, send)
            await self._answer(scope, self._counted(receive, headers), _Sent(send))
        except _Shown:
            await _remember(self._token or "", scope)(scope, receive, _Sent(send))
        except ValueError as error:
            refusal = error if isinstance(error, Refused) else Refused(str(error))
            await self._refuse(refusal, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: _Sent) -> None:
        """The answer of what is guarded; what fails there without words is told, and logged."""
        try:
            await self._app(scope, receive, send)
        except ValueError:
            raise
        except Exception as error:
            LOG.exception("%s %s failed", scope["method"], scope["path"])
            if not send.begun:
                await failed(error)(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Names, origins, methods: what a browser that was lured here by another page would betray."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(_hostname(hosts[0])):
            raise Refused(f"this studio is not called '{','.join(hosts)[:80]}': open the address that it printed", 403)
        origins = headers.getlist("origin")
        if any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins):
            raise Refused("a page from elsewhere may ask nothing here: open the address that the studio printed", 403)
        elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if elsewhere and (scope["type"] != "http" or headers.get("sec-fetch-mode") != "navigate"):
            raise Refused("a page from elsewhere may ask nothing here: open the address that the studio printed", 403)
        if scope["type"] == "websocket":
            return
        if scope["method"] not in METHODS:
            raise Refused(f"{scope['method']} is not done here: the methods are {', '.join(METHODS)}", 405)
        if elsewhere and scope["method"] == "POST":
            raise Refused("a page from elsewhere may change nothing here", 403)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind not in TAKEN and not kind.startswith("image/"):
            raise Refused(f"the content type is '{kind[:40]}': send application/json, or a picture as image/png", 415)

    def _is_ours(self, name: str) -> bool:
        if name in LOOPBACK or name == self._host.lower():
            return True
        if self._token is None:
            return False
        return _is_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        if self._token is None:
            return
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=100))
        if "token" in asked and scope["type"] == "http" and scope["method"] == "GET":
            if self._same(asked["token"]):
                raise _Shown
            raise Refused("the token is not this studio's: open the address that its start printed", 403)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if not (self._same(bearer) or self._same(_cookie(scope, headers))):
            raise Refused("this studio asks for its token: open the address that its start printed", 403)

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode())

    def _counted(self, receive: Receive, headers: Headers) -> Receive:
        """The body as it comes, as long as it is within bounds."""
        too_large = Refused(f"the body is too large: send at most {self._largest // 2**20} MiB", 413)
        if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > self._largest:
            raise too_large
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._largest:
                raise too_large
            return message

        return counted

    async def _refuse(self, error: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 4403, "reason": str(error)[:100]})
        answer = ok({"error": str(error)}, error.status)
        answer.headers["Connection"] = "close"
        await answer(scope, receive, _Sent(send))


class _Shown(Exception):  # noqa: N818 - it is what happened
    """The token came with the address."""


def _remember(token: str, scope: Scope) -> Response:
    """The same address without the token, which goes into a cookie."""
    rest = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
    path = "/" + scope["path"].lstrip("/\\")
    answer = RedirectResponse(path + ("?" + urlencode(rest) if rest else ""), 303, {"Cache-Control": "no-store"})
    answer.set_cookie(_cookie_name(scope), token, httponly=True, samesite="strict")
    return answer


class _Sent:
    """Sending with our headers."""

    def __init__(self, send: Send) -> None:
        self._send, self.begun = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
        await self._send(message)


def _hostname(host: str) -> str:
    """The name in a Host header, without its port.

    >>> _hostname("LOCALHOST:7860"), _hostname("[::1]:7860"), _hostname("evil.com:7860@localhost")
    ('localhost', '::1', '')
    """
    if "@" in host or "/" in host:
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _cookie(scope: Scope, headers: Headers) -> str:
    held: SimpleCookie = SimpleCookie()
    try:
        held.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    found: Any = held.get(_cookie_name(scope))
    return found.value if found else ""


def _cookie_name(scope: Scope) -> str:
    return f"{COOKIE}{(scope.get('server') or ('', 0))[1]}"
