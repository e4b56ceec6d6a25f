"""Security middleware: host and origin checks, token, body size limit and security headers."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elbowroom.studio.errors import LOG, RequestError
from elbowroom.studio.http.json import internal_error_response, json_response

#: Size of a request's body.
MAX_BODY_BYTES = 8 * 2**20
#: Content types of a body, besides images.
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
#: The port is appended to it, as browsers share cookies between all ports of a host.
COOKIE_PREFIX = "elbowroom-studio-"


class SecurityMiddleware:
    """ASGI middleware that rejects requests from other pages, without the token, or with too large a body.

    Args:
        app: the application.
        host: the address that the server listens on. On a loopback address the Host header must be one of its names. On
            any other it may be any IP address, which is safe because of the token: another page has no cookie of ours.
        token: the token a client has to send: ``?token=`` once, which sets a cookie, or ``Authorization: Bearer``.
        max_body_bytes: size of a body, counted while it is received.
    """

    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1", token: str | None = None, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._app, self._host, self._token, self._max_body_bytes = app, host, token, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application, or reject it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        try:
            self._check_origin(scope, headers)
            self._check_token(scope, headers)
            if scope["type"] == "websocket":
                return await self._app(scope, receive, send)
            await self._handle(scope, self._limit_body(receive, headers), _HeaderSender(send))
        except _TokenInQueryError:
            await _redirect_with_cookie(self._token or "", scope)(scope, receive, _HeaderSender(send))
        except ValueError as error:
            request_error = error if isinstance(error, RequestError) else RequestError(str(error))
            await self._send_error(request_error, scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: _HeaderSender) -> None:
        """Run the application; an unexpected error is logged and becomes a response."""
        try:
            await self._app(scope, receive, send)
        except ValueError:
            raise
        except Exception as error:
            LOG.exception("%s %s failed", scope["method"], scope["path"])
            if not send.has_started:
                await internal_error_response(error)(scope, receive, send)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Reject requests that another page makes a browser send, against DNS rebinding and cross-site requests."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own_host(_hostname(hosts[0])):
            raise RequestError(f"wrong host '{','.join(hosts)[:80]}': open the address that the studio printed", 403)
        origins = headers.getlist("origin")
        has_other_origin = any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins)
        is_cross_site = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        is_navigation = scope["type"] == "http" and headers.get("sec-fetch-mode") == "navigate"
        if has_other_origin or (is_cross_site and not is_navigation):
            raise RequestError("request from another site: open the address that the studio printed", 403)
        if scope["type"] != "websocket":
            self._check_method(scope["method"], headers, is_cross_site)

    def _check_method(self, method: str, headers: Headers, is_cross_site: bool) -> None:
        if method not in METHODS:
            raise RequestError(f"method {method} is not allowed: the methods are {', '.join(METHODS)}", 405)
        if method != "POST":
            return
        if is_cross_site:
            raise RequestError("POST from another site: open the address that the studio printed", 403)
        # Other content types can be sent by forms of other pages without a preflight request.
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in CONTENT_TYPES and not media_type.startswith("image/"):
            raise RequestError(
                f"the content type is '{media_type[:40]}': send application/json, or an image as image/png", 415
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
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=100))
        if "token" in query and scope["type"] == "http" and scope["method"] == "GET":
            if self._is_token(query["token"]):
                raise _TokenInQueryError
            raise RequestError("wrong token: open the address that the studio printed", 403)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if not (self._is_token(bearer) or self._is_token(_token_cookie(scope, headers))):
            raise RequestError("the token is missing: open the address that the studio printed", 403)

    def _is_token(self, candidate: str) -> bool:
        return hmac.compare_digest(candidate.encode(), (self._token or "").encode())

    def _limit_body(self, receive: Receive, headers: Headers) -> Receive:
        """Wrap ``receive`` so that it raises when the body becomes too large."""
        too_large = RequestError(f"the body is too large: send at most {self._max_body_bytes // 2**20} MiB", 413)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise too_large
        num_bytes = 0

        async def receive_limited() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_body_bytes:
                raise too_large
            return message

        return receive_limited

    async def _send_error(self, error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 4403, "reason": str(error)[:100]})
        response = json_response({"error": str(error)}, error.status)
        response.headers["Connection"] = "close"
        await response(scope, receive, _HeaderSender(send))


class _TokenInQueryError(Exception):
    """The right token is in the query string: redirect to the address without it."""


def _redirect_with_cookie(token: str, scope: Scope) -> Response:
    """Redirect to the same address without the token, which goes into a cookie."""
    query = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
    # A path that begins with two slashes would be another host.
    path = "/" + scope["path"].lstrip("/\\")
    response = RedirectResponse(path + ("?" + urlencode(query) if query else ""), 303, {"Cache-Control": "no-store"})
    response.set_cookie(_cookie_name(scope), token, httponly=True, samesite="strict")
    return response


class _HeaderSender:
    """Wraps ``send`` to add the security headers to every response."""

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
    """Return the name in a Host header, without its port; empty if it is malformed.

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
    """Whether an address can be reached from this machine only.

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
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    morsel = cookies.get(_cookie_name(scope))
    return morsel.value if morsel else ""


def _cookie_name(scope: Scope) -> str:
    return f"{COOKIE_PREFIX}{(scope.get('server') or ('', 0))[1]}"
