"""Our HTTP client on servers that misbehave, beside the SDK's own client on the same servers."""

import base64
import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import struct
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mandates.core.errors import StripeUnavailable
from mandates.gateway.client import Gateway
from mandates.gateway.http_client import Urllib3Client

PATIENT, IMPATIENT = 10.0, 0.2
"""Read time-outs in seconds. Only a server that is slow on purpose may meet the second."""
KEY = "sk_test_placeholder"
HEADERS = {"Authorization": f"Bearer {KEY}"}

Behaviour = Callable[[socket.socket], None]


@dataclass
class Server:
    """Reads each request, then behaves as it is told. `requests` has each request's head and body."""

    behave: Behaviour
    context: ssl.SSLContext | None = None
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    def __enter__(self) -> "Server":
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(self.closed.set)
            stack.enter_context(connection)
            if self.context:
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
            while request := _request(connection):
                self.requests.append(request)
                self.behave(connection)


def _request(connection: socket.socket) -> bytes:
    """One request, head and body; empty when the client has gone."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65536)
        if not more:
            return b""
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        more = connection.recv(65536)
        read, missing = read + more, missing - len(more)
    return read


# ----------------------------------------------------------------------------------------- behaviours


def answers(
    body: bytes = b"{}", *headers: str, status: str = "200 OK", length: int | None = None
) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    sent = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda connection: connection.sendall(sent)


def closes(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def waits(_: socket.socket) -> None:
    time.sleep(3 * IMPATIENT)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        for behaviour in behaviours:
            behaviour(connection)

    return behave


def sends(raw: bytes) -> Behaviour:
    return lambda connection: connection.sendall(raw)


HALF = answers(b'{"id":', length=400)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = b'{"data": "' + b"x" * 5_000_000 + b'"}'
GZIPPED = gzip.compress(b'{"id": "cus_1"}')


def ours(base: str, read_timeout: float = PATIENT, **options: str) -> Urllib3Client:
    return Urllib3Client(base, connect_timeout=PATIENT, read_timeout=read_timeout, **options)


def sdks(read_timeout: float = PATIENT) -> stripe.HTTPClient:
    return stripe.RequestsClient(timeout=(PATIENT, read_timeout))


def verdict(client: stripe.HTTPClient, url: str) -> tuple[int, bytes] | bool:
    """Status and body, or whether the request should be sent again."""
    try:
        body, status, _ = client.request("post", f"{url}/v1/customers", HEADERS, "metadata[a]=b")
    except stripe.APIConnectionError as error:
        return error.should_retry
    return status, bytes(body)  # type: ignore[arg-type] # the SDK declares text, and returns bytes


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        pytest.param(answers(b'{"id": "cus_1"}'), (200, b'{"id": "cus_1"}'), id="an answer"),
        pytest.param(answers(b"{}", status="402 Payment Required"), (402, b"{}"), id="an error"),
        pytest.param(answers(b"", status="503 Down"), (503, b""), id="an empty error"),
        pytest.param(answers(BIG), (200, BIG), id="five megabytes"),
        pytest.param(answers(GZIPPED, "Content-Encoding: gzip"), (200, b'{"id": "cus_1"}'), id="gzip"),
        pytest.param(sends(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"), (200, b"{}"), id="chunks"),
        pytest.param(closes, True, id="closed without an answer"),
        pytest.param(resets, True, id="reset"),
        pytest.param(in_turn(HALF, closes), False, id="half an answer"),
        pytest.param(in_turn(HALF, resets), False, id="reset after half an answer"),
        pytest.param(in_turn(sends(CHUNKED + b"40\r\n{"), closes), False, id="half a chunk"),
        pytest.param(in_turn(sends(b"no HTTP at all\r\n\r\n"), closes), True, id="no HTTP"),
        pytest.param(answers(b"no gzip", "Content-Encoding: gzip"), False, id="what is no gzip"),
    ],
)
def test_an_answer_and_each_failure_are_told_as_the_sdks_client_tells_them(
    behave: Behaviour, expected: tuple[int, bytes] | bool
) -> None:
    with Server(behave) as server:
        assert verdict(ours(server.url), server.url) == expected
        assert verdict(sdks(), server.url) == expected
        assert server.connections == 2, "neither repeats a request"
        mine, theirs = (request.partition(b"\r\n\r\n")[2] for request in server.requests)
        assert mine == theirs == b"metadata[a]=b"


@pytest.mark.parametrize("behave", [waits, in_turn(HALF, waits)], ids=["at once", "after half an answer"])
def test_a_slow_answer_is_given_up(behave: Behaviour) -> None:
    with Server(behave) as server:
        assert verdict(ours(server.url, IMPATIENT), server.url) is True
        assert verdict(sdks(IMPATIENT), server.url) is True


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert verdict(ours(url), url) is verdict(sdks(), url) is True


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    url = "http://stripe.invalid"
    assert verdict(ours(url), url) is verdict(sdks(), url) is True


def test_a_redirect_is_not_followed() -> None:
    with (
        Server(answers()) as elsewhere,
        Server(answers(b"", f"Location: {elsewhere.url}/", status="302 Found")) as server,
    ):
        assert verdict(ours(server.url), server.url) == (302, b"")
        assert elsewhere.connections == 0
        with pytest.raises(StripeUnavailable):
            create(server.url)


def test_a_headers_name_has_no_case() -> None:
    with Server(answers(b"{}", "Stripe-Should-Retry: false", "Request-Id: req_1")) as server:
        _, _, headers = ours(server.url).request("get", f"{server.url}/v1/events", HEADERS)
    assert (headers.get("stripe-should-retry"), headers["request-id"]) == ("false", "req_1")
    assert "Request-Id" in headers


def test_the_connection_is_kept() -> None:
    with Server(answers()) as server:
        client = ours(server.url)
        assert [verdict(client, server.url) for _ in range(3)] == [(200, b"{}")] * 3
        assert (server.connections, len(server.requests)) == (1, 3)
        client.close()
        assert server.closed.wait(5)


@pytest.mark.parametrize("ends", [closes, in_turn(HALF, closes)])
def test_after_a_failure_the_next_request_has_a_connection_of_its_own(ends: Behaviour) -> None:
    behaviours = iter([ends, answers()])

    def behave(connection: socket.socket) -> None:
        next(behaviours)(connection)

    with Server(behave) as server:
        client = ours(server.url)
        assert isinstance(verdict(client, server.url), bool)
        assert verdict(client, server.url) == (200, b"{}")
        assert server.connections == 2


def test_a_connection_that_stripe_closed_meanwhile_is_replaced() -> None:
    """As after a container was frozen for minutes."""
    with Server(in_turn(answers(), closes)) as server:
        client = ours(server.url)
        for _ in range(3):
            server.closed.clear()
            assert verdict(client, server.url) == (200, b"{}")
            assert server.closed.wait(5)
        assert server.connections == 3


def test_a_key_that_no_header_can_carry_is_not_quoted() -> None:
    with Server(answers()) as server:
        for key in (f"{KEY}\nX-More: 1", f"{KEY}…"):
            with pytest.raises(stripe.APIConnectionError) as failed:
                ours(server.url).request("get", server.url, {"Authorization": f"Bearer {key}"})
            assert not failed.value.should_retry
            assert KEY not in "".join(traceback.format_exception(failed.value))
        assert server.requests == []


# ----------------------------------------------------------------------------------------------- TLS


@dataclass
class Authority:
    """Signs servers' certificates. `file` has its own."""

    folder: Path

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
        self.file = str(self.folder / "authority.pem")
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = (
            self._certificate(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        Path(self.file).write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now, hour = datetime.datetime.now(datetime.UTC), datetime.timedelta(hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - hour)
            .not_valid_after(now + hour)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def server(self, *names: x509.GeneralName) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            self._certificate(x509.Name([]), key)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        file = self.folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
STRIPES = x509.DNSName("api.stripe.com")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("name", "is_trusted", "expected"),
    [
        pytest.param(HERE, True, (200, b"{}"), id="a good certificate"),
        pytest.param(STRIPES, True, False, id="another's name"),
        pytest.param(HERE, False, False, id="an unknown authority"),
    ],
)
def test_only_the_server_itself_is_trusted(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: x509.GeneralName,
    is_trusted: bool,
    expected: tuple[int, bytes] | bool,
) -> None:
    with Server(answers(), authority.server(name)) as server:
        if is_trusted:
            monkeypatch.setattr(stripe, "ca_bundle_path", authority.file)  # the SDK's client looks it up late
        assert verdict(ours(server.url, ca_bundle=stripe.ca_bundle_path), server.url) == expected
        assert verdict(sdks(), server.url) == expected
        assert len(server.requests) == (0 if expected is False else 2), "no key is sent to a stranger"


def test_a_stranger_is_called_once(authority: Authority) -> None:
    with Server(answers(), authority.server(HERE)) as server:
        with pytest.raises(StripeUnavailable):
            create(server.url)
        assert (server.connections, server.requests) == (1, [])


def create(url: str) -> str:
    gateway = Gateway(KEY, api_base=url, sleep=lambda _: None)
    return gateway.customers.create("ann", "a-mark", idempotency_key="customer/1")


# --------------------------------------------------------------------------------------------- proxies


LOGIN = b"Proxy-Authorization: Basic " + base64.b64encode(b"ann:p@ss")


@pytest.mark.parametrize(("proxy_url", "login"), [("http://ann:p%40ss@{}", LOGIN), ("{}", b"")])
def test_the_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, proxy_url: str, login: bytes
) -> None:
    with Server(in_turn(answers(b"", status="502 No"), closes)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy_url.format(f"127.0.0.1:{proxy.port}"))
        url = "https://api.stripe.com"
        assert verdict(ours(url), url) is verdict(sdks(), url) is True
        assert len(proxy.requests) == 2
        for request in proxy.requests:
            assert request.startswith(b"CONNECT api.stripe.com:443 ")
            assert login.lower() in request.lower()
            assert KEY.encode() not in request


def test_an_address_that_needs_no_proxy_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answers()) as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert verdict(ours(server.url), server.url) == (200, b"{}")
