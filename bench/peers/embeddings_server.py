"""An OpenAI-compatible embeddings server over the local sentence model, for tests and benches without a network.

    python embeddings_server.py --port 8123 [--api-key KEY] [--threads N]

Prints `listening on http://127.0.0.1:PORT/v1` when ready (`--port 0` takes a free port). Serves
`POST /v1/embeddings`, `GET /v1/models` and `GET /v1/models/NAME`.
"""

import argparse
import base64
import hmac
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from model import DIMENSIONS, MAX_TOKENS, NAME, Model

MOST_INPUTS = 2048
MOST_BYTES = 16 << 20


@dataclass
class Refusal(Exception):
    """An answer that is an error object."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    kind: str = "invalid_request_error"

    def body(self) -> dict:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class Request:
    inputs: list[str]
    as_base64: bool


class Embedder:
    """The model behind a lock: requests are embedded one after the other, each in batches."""

    def __init__(self, threads: int, batch: int):
        self._model = Model(threads)
        self._batch = batch
        self._busy = threading.Lock()

    def embed(self, texts: list[str]) -> tuple[np.ndarray, int]:
        tokens = self._model.tokens(texts)
        with self._busy:
            return self._model.embed(tokens, self._batch), sum(map(len, tokens))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, embedder: Embedder, api_key: str | None):
        super().__init__(("127.0.0.1", port), Handler)
        self.embedder = embedder
        self.api_key = api_key


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._answer({"/v1/models": _models, f"/v1/models/{NAME}": _model}, b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            # The body stays unread, so the connection cannot serve another request.
            self.close_connection = True
            status = 413 if length.isdigit() else 411
            self._send(status, Refusal(status, f"a body of a stated length of at most {MOST_BYTES} bytes").body())
            return
        self._answer({"/v1/embeddings": self._embeddings}, self.rfile.read(int(length)))

    def log_message(self, *_) -> None:
        pass

    def _answer(self, routes: dict, body: bytes) -> None:
        try:
            self._authorize()
            route = routes.get(self.path)
            if route is None:
                raise Refusal(404, f"Unknown request URL: {self.command} {self.path}", code="unknown_url")
            status, answer = 200, route(body)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body()
        except Exception as error:
            status, answer = 500, Refusal(500, f"{type(error).__name__}: {error}", kind="server_error").body()
        self._send(status, answer)

    def _authorize(self) -> None:
        key = self.server.api_key
        given = self.headers.get("Authorization", "")
        if key is not None and not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            raise Refusal(401, "Incorrect API key provided", code="invalid_api_key")

    def _embeddings(self, body: bytes) -> dict:
        request = parse(body)
        vectors, tokens = self.server.embedder.embed(request.inputs)
        encoded = (base64.b64encode(row.tobytes()).decode() if request.as_base64 else row.tolist() for row in vectors)
        data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(encoded)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": NAME, "usage": usage}

    def _send(self, status: int, answer: dict) -> None:
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def parse(body: bytes) -> Request:
    """The request, or a `Refusal` that names the field at fault."""
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise Refusal(400, f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(fields, dict):
        raise Refusal(400, "The body must be a JSON object")
    _check_model(fields)
    _check_dimensions(fields)
    encoding = fields.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise Refusal(400, "'encoding_format' must be 'float' or 'base64'", "encoding_format")
    return Request(_inputs(fields), encoding == "base64")


def _check_model(fields: dict) -> None:
    name = fields.get("model")
    if not isinstance(name, str):
        raise Refusal(400, "you must provide a model parameter", "model")
    if name != NAME:
        raise Refusal(404, f"The model `{name}` does not exist; this server has `{NAME}`", "model", "model_not_found")


def _check_dimensions(fields: dict) -> None:
    dimensions = fields.get("dimensions", DIMENSIONS)
    if isinstance(dimensions, bool) or dimensions != DIMENSIONS:
        message = f"'dimensions' must be {DIMENSIONS}: {NAME} makes vectors of no other length"
        raise Refusal(400, message, "dimensions", "invalid_value")


def _inputs(fields: dict) -> list[str]:
    given = fields.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(400, "'input' must be a string or an array of strings", "input")
    if not 1 <= len(texts) <= MOST_INPUTS:
        raise Refusal(400, f"'input' must hold 1 to {MOST_INPUTS} strings, not {len(texts)}", "input")
    if "" in texts:
        raise Refusal(400, "'input' cannot hold an empty string", "input")
    return texts


def _models(_: bytes) -> dict:
    return {"object": "list", "data": [_model(b"")]}


def _model(_: bytes) -> dict:
    return {"id": NAME, "object": "model", "created": 0, "owned_by": "local", "max_tokens": MAX_TOKENS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--api-key", help="refuse requests without this bearer token")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    server = Server(options.port, Embedder(options.threads, options.batch), options.api_key)
    print(f"listening on http://127.0.0.1:{server.server_port}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
