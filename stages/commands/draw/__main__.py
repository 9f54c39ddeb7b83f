"""A page to draw digits on, in the browser: what the model reads, how sure it is, and what it sees; not a stage."""

import argparse
import secrets
import tempfile
import webbrowser
from pathlib import Path
from threading import Thread

from stages.network import MODEL
from stages.running import process
from stages.running.root import in_project


def main() -> None:
    """Serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a page to draw digits on, for this machine's browsers.")
    parser.add_argument("--model", type=Path, help=f".h5, with its card in .json beside it (default: models/{MODEL})")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen at (default: any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    args = parser.parse_args()

    from stages.predict_sample.by_hand import open_reader

    model = args.model or in_project(f"models/{MODEL}")
    reader = open_reader(model)

    from stages.commands.draw.facts import model_facts
    from stages.commands.draw.server import make_app, make_server
    from stages.running.params import PARAMS_FILE, load

    token = secrets.token_urlsafe(24)
    extra = in_project(load(in_project(PARAMS_FILE))["prepare"]["extra"])
    app = make_app(reader, model_facts(model, reader), token, args.host, extra)
    server = make_server(app, args.host, args.port)
    host = f"[{args.host}]" if ":" in args.host else args.host
    address = f"http://{host}:{server.effective_port}/?token={token}"
    print(f"Draw at {address}\nCtrl-C ends it.", flush=True)
    with tempfile.TemporaryDirectory(prefix="draw-") as folder:  # private to this user
        if not args.no_browser:
            # Other users of this machine can read a command line, but not this file.
            redirect = Path(folder, "draw.html")
            redirect.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">')
            # A browser in the terminal ends only when it is closed.
            Thread(target=webbrowser.open, args=[redirect.as_uri()], daemon=True).start()
        server.run()


if __name__ == "__main__":
    process.leave(process.run(main))
