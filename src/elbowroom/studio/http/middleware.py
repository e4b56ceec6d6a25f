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

from elbowroom.studio.http.json import LOG, RequestError, internal_error_response, json_response

#: Bytes of a body at most.
MAX_BODY_BYTES = 8 * 2**20
#: What a body may be, besides a picture.
CONTENT_TYPES = ("application/json", "application/octet-stream")
METHODS = ("GET", "HEAD", "POST")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The cookie's name, with the port behind it: browsers keep one jar for all ports of a host.
COOKIE_PREFIX = "elbowroom-studio-"


class SecurityMiddleware:
    """ASGI middleware before everything else.

    Args:
        app: what it guards.
        host: the address that is listened on. A loopback address is called by its own names alone; another, by any
            address, which is safe because of the token: a page elsewhere has no cookie of ours.
        token: what has to be shown: ``?token=`` once, which leaves a cookie, or ``Authorization: Bearer``.
        max_body_bytes: bytes of a body at most; counted as they come.
    """

    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1", token: str | None = None, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._app, self._host, self._token, self._max_body_bytes = app, host, token, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass, and answer the rest."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            self._check_origin(scope, headers)
            self._check_token(scope, headers)
            if scope["type"] == "websocket":
                return await self._app(scope, receive, send)
            await self._handle(scope, self._limit_body(receive, headers), _HeaderSender(send))
        except _TokenInQuery:
            await _redirect_with_cookie(self._token or "", scope)(scope, receive, _HeaderSender(send))
        except ValueError as error:
            refusal = error if isinstance(error, RequestError) else RequestError(str(error))
            await self._send_error(refusal, scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: _HeaderSender) -> None:
        """The answer of what is guarded; what fails there without words is told, and logged."""
        try:
            await self._app(scope, receive, send)
        except ValueError:
            raise
        except Exception as error:
            LOG.exception("%s %s failed", scope["method"], scope["path"])
            if not send.has_started:
                await internal_error_response(error)(scope, receive, send)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Names, origins, methods: what a browser that was lured here by another page would betray."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own_host(_hostname(hosts[0])):
            raise RequestError(
                f"this studio is not called '{','.join(hosts)[:80]}': open the address that it printed", 403
            )
        origins = headers.getlist("origin")
        if any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins):
            raise RequestError(
                "a page from elsewhere may ask nothing here: open the address that the studio printed", 403
            )
        elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if elsewhere and (scope["type"] != "http" or headers.get("sec-fetch-mode") != "navigate"):
            raise RequestError(
                "a page from elsewhere may ask nothing here: open the address that the studio printed", 403
            )
        if scope["type"] == "websocket":
            return
        if scope["method"] not in METHODS:
            raise RequestError(f"{scope['method']} is not done here: the methods are {', '.join(METHODS)}", 405)
        if elsewhere and scope["method"] == "POST":
            raise RequestError("a page from elsewhere may change nothing here", 403)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind not in CONTENT_TYPES and not kind.startswith("image/"):
            raise RequestError(
                f"the content type is '{kind[:40]}': send application/json, or a picture as image/png", 415
            )

    def _is_own_host(self, name: str) -> bool:
        if name in LOOPBACK_HOSTS or name == self._host.lower():
            return True
        if self._token is None:
            return False
        return _is_ip_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        if self._token is None:
            return
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=100))
        if "token" in asked and scope["type"] == "http" and scope["method"] == "GET":
            if self._is_token(asked["token"]):
                raise _TokenInQuery
            raise RequestError("the token is not this studio's: open the address that its start printed", 403)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if not (self._is_token(bearer) or self._is_token(_token_cookie(scope, headers))):
            raise RequestError("this studio asks for its token: open the address that its start printed", 403)

    def _is_token(self, candidate: str) -> bool:
        return hmac.compare_digest(candidate.encode(), (self._token or "").encode())

    def _limit_body(self, receive: Receive, headers: Headers) -> Receive:
        """The body as it comes, as long as it is within bounds."""
        too_large = RequestError(f"the body is too large: send at most {self._max_body_bytes // 2**20} MiB", 413)
        if (
            headers.get("content-length", "0").isdigit()
            and int(headers.get("content-length", "0")) > self._max_body_bytes
        ):
            raise too_large
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body_bytes:
                raise too_large
            return message

        return counted

    async def _send_error(self, error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 4403, "reason": str(error)[:100]})
        answer = json_response({"error": str(error)}, error.status)
        answer.headers["Connection"] = "close"
        await answer(scope, receive, _HeaderSender(send))


class _TokenInQuery(Exception):  # noqa: N818 - it is what happened
    """The token came with the address."""


def _redirect_with_cookie(token: str, scope: Scope) -> Response:
    """The same address without the token, which goes into a cookie."""
    rest = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
    path = "/" + scope["path"].lstrip("/\\")
    answer = RedirectResponse(path + ("?" + urlencode(rest) if rest else ""), 303, {"Cache-Control": "no-store"})
    answer.set_cookie(_cookie_name(scope), token, httponly=True, samesite="strict")
    return answer


class _HeaderSender:
    """Sending with our headers."""

    def __init__(self, send: Send) -> None:
        self._send, self.has_started = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
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
    return host.lower() == "localhost" or (_is_ip_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _token_cookie(scope: Scope, headers: Headers) -> str:
    held: SimpleCookie = SimpleCookie()
    try:
        held.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    found: Any = held.get(_cookie_name(scope))
    return found.value if found else ""


def _cookie_name(scope: Scope) -> str:
    return f"{COOKIE_PREFIX}{(scope.get('server') or ('', 0))[1]}"
