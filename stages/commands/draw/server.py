"""The server behind the page: it reads a picture, and answers nobody but the browser that came with the token."""

import base64
import hashlib
import io
import logging
import secrets
import tempfile
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from flask import Flask, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from numpy.typing import NDArray
from PIL import Image
from waitress.server import BaseWSGIServer, create_server  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException

from stages.plotting import tile
from stages.predict_sample.by_hand import Reader
from stages.running.outputs import replacing
from stages.running.process import InputError, reason

MOST_BYTES = 20 << 20  # of a picture
TOO_LARGE = f"the picture has more than {MOST_BYTES >> 20} MB; make it smaller first"
MOST_REMEMBERED = 1000  # digits that the page has shown and may keep
LARGEST = 256  # pixels of a side: what the network sees is shown averaged down to it


def make_app(reader: Reader, facts: list[str], token: str, host: str, extra: Path) -> Flask:
    """Make the application.

    Args:
        facts: what the page says of the model.
        token: whoever opens the page with it gets a cookie; without either there is no answer.
        host: the address that is listened at; requests to another name than it or this machine's own are refused.
        extra: folder of class folders, to keep digits in.
    """
    app = Flask(__name__, template_folder=str(Path(__file__).parent), static_folder=None)
    app.config |= {"TRUSTED_HOSTS": ["127.0.0.1", "localhost", host, f"[{host}]"], "MAX_CONTENT_LENGTH": MOST_BYTES}
    reading = Lock()  # one at a time is enough
    shown: deque[tuple[str, Image.Image]] = deque(maxlen=MOST_REMEMBERED)  # what the network saw, by its hash

    def remember(field: NDArray[np.float32]) -> str:
        image = Image.fromarray(tile(field, 1, max(field.shape[:2]))).convert("L")
        name = hashlib.md5(image.tobytes()).hexdigest()
        shown.append((name, image))
        return name

    @app.before_request
    def check() -> ResponseReturnValue | None:
        cookie = f"draw-{request.environ.get('SERVER_PORT')}"  # cookies know no port: each server has its own name
        given = request.args.get("token", "")
        if request.path == "/" and secrets.compare_digest(given.encode(), token.encode()):
            answer = redirect("/")
            answer.set_cookie(cookie, token, httponly=True, samesite="Lax")
            return answer
        if not secrets.compare_digest(request.cookies.get(cookie, "").encode(), token.encode()):
            abort(403, "open the address that `make draw` printed: it has a token")
        if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            abort(403, "only the page itself may ask")
        return None

    @app.get("/")
    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        values = {"facts": facts, "draws": reader.preprocessing == "digit", "most_bytes": MOST_BYTES}
        response = Response(render_template("page.html", nonce=nonce, too_large=TOO_LARGE, **values))
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response

    @app.post("/read")
    def read() -> ResponseReturnValue:
        try:
            with reading, tempfile.NamedTemporaryFile(prefix="draw-") as file:
                file.write(request.get_data())
                file.flush()
                sample, prediction = reader.read(Path(file.name))
                names = [remember(field) for field in sample.fields]
        except InputError as error:
            return {"error": str(error).replace(file.name, "the picture")}, 400
        except OSError as error:
            return {"error": f"the picture cannot be kept while it is read: {reason(error)}"}, 507
        classes = reader.predictor.classes
        digits = prediction.get("glyphs", [prediction])
        return {
            "prediction": prediction,
            "size": sample.size,
            "picture": _png(sample.steps["original"]),
            "boxes": [box._asdict() for box in sample.boxes],
            "digits": [
                {
                    "predicted": digit["predicted"],
                    "probability": digit["probability"],
                    "warning": digit["warning"],
                    "bars": list(zip(map(str, classes), _values(digit["probabilities"]), strict=True)),
                    "seen": _png(tile(field, 1, LARGEST)),
                    "shape": field.shape[:2],
                    "name": name,
                }
                for digit, field, name in zip(digits, sample.fields, names, strict=True)
            ],
        }

    @app.post("/keep")
    def keep() -> ResponseReturnValue:
        name = request.args.get("class", "")
        if name not in map(str, reader.predictor.classes) or name != Path(name).name or name.startswith("."):
            abort(400, "a digit can be kept as one of the model's classes, if a folder can be called so")
        digit = request.args.get("digit", "")
        with reading:
            image = dict(shown).get(digit)
        if image is None:
            abort(400, "only a digit that was just read can be kept: draw it again")
        path = extra / name / f"{digit}.png"
        try:
            with replacing(path) as partial:
                image.save(partial, "PNG")
        except OSError as error:
            return {"error": f"{path.parent}: {error.strerror}"}, 507
        except InputError as error:
            return {"error": str(error)}, 507
        return {"kept": str(path)}

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        message = TOO_LARGE if error.code == 413 else str(error.description)
        return ({"error": message} if request.method == "POST" else message), error.code or 500

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _values(probabilities: list[float] | dict[str, float]) -> list[float]:
    return list(probabilities.values()) if isinstance(probabilities, dict) else probabilities


def _png(pixels: NDArray[np.uint8]) -> str:
    """A picture, uint8 (h, w, 3), as an address that holds it."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def make_server(app: Callable[..., Any], host: str, port: int) -> BaseWSGIServer:
    """Listen at an address; `run` serves until Ctrl-C.

    Raises:
        InputError: the address is taken, or is not one of this machine's.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it counts who waits, on the terminal
    try:
        if not 0 <= port < 1 << 16:
            raise InputError(f"--port = {port}: must be from 0 to 65535")
        if host != "localhost" and ip_address(host).is_unspecified:
            raise InputError(f"--host = {host}: must be one address, which the browser then asks for")
        options = {"threads": 4, "ident": None, "channel_timeout": 30, "max_request_body_size": 2 * MOST_BYTES}
        return create_server(app, host=host, port=port, **options)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{host}:{port}: {reason(error)}; must be a free port at an address of this machine"
        ) from error
