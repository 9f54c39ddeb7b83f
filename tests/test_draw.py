"""The page to draw on: what its server answers, and to whom."""

import base64
import io
import json
import re
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageDraw

from stages.commands.draw import __main__ as draw
from stages.commands.draw.facts import model_facts
from stages.commands.draw.server import MOST_BYTES, make_app, make_server
from stages.predict_sample.by_hand import Reader, open_reader
from stages.running.params import parse
from stages.running.process import InputError
from tests.project import RECIPE, Project

TOKEN = "a-token"


@pytest.fixture(scope="module")
def reader(reproduced: Project) -> Reader:
    """The reproduced project's model, with the recipe's parameters, whatever a project's params.yaml has become."""
    with patch("stages.predict_sample.loading.read_params", lambda: parse(RECIPE, "RECIPE")):
        return open_reader(reproduced.root / "models/cnn.h5")


@pytest.fixture
def client(reader: Reader, tmp_path: Path) -> FlaskClient:
    """A browser that has opened the address with the token."""
    client = make_app(reader, ["<b>.h5", "57,562 parameters"], TOKEN, "127.0.0.1", tmp_path / "extra").test_client()
    assert client.get(f"/?token={TOKEN}", base_url="http://localhost").headers["Location"] == "/"
    return client


def drawn(*numbers: int) -> Image.Image:
    """A 7 with a bar for each number, in another place."""
    picture = Image.new("RGB", (600, 300), "white")
    pen = ImageDraw.Draw(picture)
    for x in numbers:
        pen.line([(x, 50), (x + 80, 50), (x + 30, 200)], "black", 16, "curve")
        pen.line([(x + 20, 120), (x + 70, 120)], "black", 14)
    return picture


THREE = [drawn(100), drawn(100).rotate(8, fillcolor="white"), drawn(100).rotate(16, fillcolor="white")]


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def test_the_answer_is_what_predicting_by_hand_says(client: FlaskClient, reader: Reader, tmp_path: Path) -> None:
    drawn(100, 300).save(tmp_path / "77.png")
    _, by_hand = reader.read(tmp_path / "77.png")
    answer = client.post("/read", data=png(drawn(100, 300))).get_json()
    assert answer["prediction"] == json.loads(json.dumps(by_hand)) and len(by_hand["glyphs"]) == 2
    assert answer["size"] == [300, 600] and answer["picture"].startswith("data:image/png;base64,")
    assert [box["x"] for box in answer["boxes"]] == [glyph["x"] for glyph in by_hand["glyphs"]]
    for digit, glyph in zip(answer["digits"], by_hand["glyphs"], strict=True):
        assert [value for _, value in digit["bars"]] == glyph["probabilities"] and digit["shape"] == [28, 28]


def test_bars_have_the_names_of_their_classes_in_whatever_order(reader: Reader, client: FlaskClient) -> None:
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    with patch.object(reader.predictor, "classes", names):
        answer = client.post("/read", data=png(drawn(100))).get_json()
    (digit,) = answer["digits"]
    assert dict(digit["bars"]) == answer["prediction"]["probabilities"]
    assert [name for name, _ in digit["bars"]] == names


def test_a_bad_picture_is_one_line_and_the_server_goes_on(client: FlaskClient) -> None:
    for content, problem in (
        (b"GIF89a no more", "the picture: "),
        (b"", "the picture: not a picture of a known kind (save it as PNG or JPEG)"),
        (bytes(MOST_BYTES + 1), "the picture has more than 20 MB; make it smaller first"),
    ):
        answer = client.post("/read", data=content)
        assert answer.status_code in (400, 413) and answer.get_json()["error"].startswith(problem)
        assert "/tmp" not in answer.get_json()["error"]
    assert client.post("/read", data=png(drawn(100))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1:1", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost:1", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_hosts_and_other_sites_get_no_answer(reader: Reader, headers: dict[str, str], status: int) -> None:
    client = make_app(reader, [], TOKEN, "127.0.0.1", Path("extra")).test_client(use_cookies=False)
    headers = {**headers, "Cookie": f"draw-80={TOKEN}"}
    assert client.post("/read", data=png(drawn(100)), headers=headers).status_code == status


def test_nobody_gets_an_answer_without_the_token(reader: Reader) -> None:
    stranger = make_app(reader, [], TOKEN, "127.0.0.1", Path("extra")).test_client()
    for path in ("/", "/?token=", "/?token=other", "/read?token=a-token"):
        assert stranger.get(path).status_code == 403
    assert stranger.post("/read", data=png(drawn(100))).status_code == 403
    stranger.set_cookie("draw-80", "other")
    assert stranger.get("/").status_code == 403


def test_the_page_asks_nobody_else_and_names_the_model(client: FlaskClient, reader: Reader) -> None:
    response = client.get("/")
    policy, page = response.headers["Content-Security-Policy"], response.get_data(as_text=True)
    assert policy.startswith("default-src 'none'; script-src 'nonce-") and "Access-Control" not in str(response.headers)
    assert "&lt;b&gt;.h5 · 57,562 parameters" in page and not re.search(r"https?://|//[a-z]", page)
    assert 'id="clear"' in page
    plain = make_app(reader._replace(preprocessing="plain"), [], TOKEN, "127.0.0.1", Path("extra")).test_client()
    plain.get(f"/?token={TOKEN}")
    assert 'id="clear"' not in plain.get("/").get_data(as_text=True)


def test_a_digit_is_kept_as_a_picture_of_its_class(client: FlaskClient, tmp_path: Path) -> None:
    """As the network saw it, and once, however often."""
    (seven,) = client.post("/read", data=png(drawn(100))).get_json()["digits"]
    kept = {client.post(f"/keep?class=7&digit={seven['name']}").get_json()["kept"] for _ in range(2)}
    (path,) = (tmp_path / "extra/7").iterdir()
    assert kept == {str(path)} and path.suffix == ".png"
    with Image.open(path) as field:
        assert (field.mode, field.size) == ("L", (28, 28))
        enlarged = np.asarray(field).repeat(9, axis=0).repeat(9, axis=1)
    with Image.open(io.BytesIO(base64.b64decode(seven["seen"].partition(",")[2]))) as seen:
        assert (np.asarray(seen.convert("L")) == enlarged).all()


def test_nothing_else_is_kept(client: FlaskClient, tmp_path: Path) -> None:
    (seven,) = client.post("/read", data=png(drawn(100))).get_json()["digits"]
    for name, digit in (
        ("seven", seven["name"]),
        ("..", seven["name"]),
        ("", seven["name"]),
        ("7", "other"),
        ("7", ""),
    ):
        answer = client.post(f"/keep?class={name}&digit={digit}")
        assert answer.status_code == 400 and "can be kept" in answer.get_json()["error"]
    assert not (tmp_path / "extra").exists()


def test_the_latest_digits_alone_are_remembered(reader: Reader, tmp_path: Path) -> None:
    with patch("stages.commands.draw.server.MOST_REMEMBERED", 2):
        client = make_app(reader, [], TOKEN, "127.0.0.1", tmp_path).test_client()
    client.get(f"/?token={TOKEN}")
    names = [client.post("/read", data=png(picture)).get_json()["digits"][0]["name"] for picture in THREE]
    assert len({*names}) == 3
    assert [client.post(f"/keep?class=7&digit={name}").status_code for name in names] == [400, 200, 200]


def test_a_folder_that_cannot_be_written_is_said(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "extra").write_text("a file")
    (seven,) = client.post("/read", data=png(drawn(100))).get_json()["digits"]
    answer = client.post(f"/keep?class=7&digit={seven['name']}")
    assert answer.status_code == 507 and "ot a directory" in answer.get_json()["error"]


def test_the_page_says_what_is_known_of_the_model(
    reader: Reader, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("stages.commands.draw.facts.in_project", Path)
    model = Path("models/cnn.h5")
    tested = json.loads(Path("metrics/test.json").read_text())
    facts = model_facts(model, reader)
    assert facts[:2] == ["models/cnn.h5", f"{reader.predictor.parameters:,} parameters"]
    assert facts[2].startswith(f"accuracy {tested['accuracy']:.4f} (") and facts[3] == "trained without outliers"
    other = Path("mine.h5")
    other.write_bytes(model.read_bytes() + b"\0")
    assert not [fact for fact in model_facts(other, reader) if "accuracy" in fact]
    for content in ("{", "{}", "[]"):
        Path("metrics/test.json").write_text(content)
        assert "its accuracy cannot be read" in model_facts(model, reader)


def test_a_taken_port_and_a_missing_model_are_one_line(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(reader, [], TOKEN, "127.0.0.1", Path("extra"))
    server = make_server(app, "127.0.0.1", 0)
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{server.effective_port}: .*in use; must be a free"):
        make_server(app, "127.0.0.1", int(server.effective_port))
    server.close()
    for host, port, problem in (
        ("127.0.0.1", 99999, "--port = 99999: must be from 0"),
        ("0.0.0.0", 0, "--host = 0.0.0.0: must be one address"),
        ("192.0.2.9", 0, "192.0.2.9:0: "),
        ("nowhere", 0, "nowhere:0: "),
    ):
        with pytest.raises(InputError, match=problem):
            make_server(app, host, port)
    monkeypatch.setattr(sys, "argv", ["draw", "--model", "none.h5"])
    with pytest.raises(InputError, match=r"none\.h5: no such file; `dvc repro` trains models/cnn\.h5"):
        draw.main()
