"""The server behind the page: it reads a picture, and answers nobody but the browser that came with the token."""

import base64
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from flask import Flask, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from numpy.typing import NDArray
from waitress.server import BaseWSGIServer, create_server  # type: ignore[import-untyped]

from stages.predict_sample.by_hand import Reader, in_words
from stages.running.process import InputError

MOST_BYTES = 20 << 20  # of a picture


def make_app(reader: Reader, facts: list[str], token: str, host: str) -> Flask:
    """Make the application.

    Args:
        facts: what the page says of the model.
        token: whoever opens the page with it gets a cookie; without either there is no answer.
        host: the address that is listened at, beside which only this machine's own names are answered to.
    """
    app = Flask(__name__, template_folder=str(Path(__file__).parent), static_folder=None)
    app.config |= {"TRUSTED_HOSTS": ["127.0.0.1", "localhost", host], "MAX_CONTENT_LENGTH": MOST_BYTES}
    reading = Lock()  # TensorFlow's graph is made on the first request, and one at a time is enough
    cookie = "draw"

    @app.before_request
    def check() -> ResponseReturnValue | None:
        given = request.args.get("token", "")
        if request.path == "/" and secrets.compare_digest(given.encode(), token.encode()):
            answer = redirect("/")
            answer.set_cookie(cookie, token, httponly=True, samesite="Lax")
            return answer
        if not secrets.compare_digest(request.cookies.get(cookie, "").encode(), token.encode()):
            abort(403, "Open the address that `make draw` printed: it has a token.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403, "Only the page itself may ask.")
        return None

    @app.get("/")
    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        content = render_template(
            "page.html", nonce=nonce, facts=facts, draws=reader.preprocessing == "digit", most_bytes=MOST_BYTES
        )
        response = Response(content)
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data: blob:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response

    @app.post("/read")
    def read() -> ResponseReturnValue:
        with reading, tempfile.NamedTemporaryFile(prefix="draw-") as file:
            file.write(request.get_data())
            file.flush()
            try:
                sample, prediction = reader.read(Path(file.name))
            except InputError as error:
                return {"error": str(error).replace(file.name, "the picture")}, 400
        return {
            "prediction": prediction,
            "words": in_words(prediction),
            "classes": reader.predictor.classes,
            "boxes": [box._asdict() for box in sample.boxes],
            "fields": [_pixels(field) for field in sample.fields],
        }

    @app.errorhandler(413)
    def too_large(_: Exception) -> ResponseReturnValue:
        return {"error": f"the picture has more than {MOST_BYTES >> 20} MB; make it smaller first"}, 413

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers |= {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _pixels(field: NDArray[np.float32]) -> dict[str, Any]:
    """What the network sees, (rows, cols) or (rows, cols, channels) in [0, 1], as RGBA bytes in base64."""
    channels = field.reshape(*field.shape[:2], -1)
    rgb = np.broadcast_to(channels[..., : 3 if channels.shape[2] >= 3 else 1], (*field.shape[:2], 3))
    rgba = np.pad(rgb, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    content = np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8).tobytes()
    return {"rows": field.shape[0], "cols": field.shape[1], "rgba": base64.b64encode(content).decode()}


def make_server(app: Callable[..., Any], host: str, port: int) -> BaseWSGIServer:
    """Listen at an address; `run` serves until Ctrl-C.

    Raises:
        InputError: the address is taken, or is none of this machine's.
    """
    try:
        return create_server(app, host=host, port=port, threads=2, ident=None, max_request_body_size=2 * MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{host}:{port}: cannot listen there: {error}; must be a free port of this machine") from error
