"""The page to draw on, in a real browser: Debian's chromium, driven by Playwright (requirements-ci.lock)."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.project import ROOT, Project, copy_project
from tests.test_draw import drawn, png

sync_api = pytest.importorskip("playwright.sync_api", reason="needs requirements-ci.lock")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.ours,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
    pytest.mark.skipif(not (ROOT / "models/cnn.h5").exists(), reason="needs the model: `dvc repro`"),
]

Strokes = Sequence[Sequence[tuple[float, float]]]  # in shares of the paper
FOUR: Strokes = [[(0.2, 0.2), (0.15, 0.55), (0.35, 0.55)], [(0.32, 0.25), (0.3, 0.8)]]
TWO: Strokes = [[(0.55, 0.3), (0.62, 0.2), (0.72, 0.25), (0.7, 0.45), (0.55, 0.78), (0.78, 0.76)]]
MINUS: Strokes = [[(0.2, 0.5), (0.32, 0.5)]]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project, with its model: what is kept must not come to the real one."""
    root = copy_project(tmp_path_factory.mktemp("copy"), leave_out=("data/mnist.npz",)).root
    shutil.copytree(ROOT / "models", root / "models", dirs_exist_ok=True)
    return root


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, copied: Path) -> Iterator[tuple[str, Path]]:
    """The address that the server prints, and the file that it gives the browser, a slow one; Ctrl-C ends it."""
    folder = tmp_path_factory.mktemp("browser")
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >{folder}/asked; exec sleep 60\n')
    browser.chmod(0o755)
    env = {**os.environ, "BROWSER": str(browser), "TMPDIR": str(folder)}
    # A suite that runs in the background of a script ignores the signal, and would have its children do so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "stages.commands.draw"]
    server = subprocess.Popen(command, cwd=copied, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout
    yield server.stdout.readline().split()[-1], folder / "asked"
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 0
    assert not list(folder.glob("draw-*"))
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(server.pid, signal.SIGKILL)  # the browser


@pytest.fixture
def address(opened: tuple[str, Path]) -> str:
    return opened[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; in the end, nothing was asked of another machine, and no script has failed."""
    context = browser.new_context(viewport={"width": 1100, "height": 760})
    page, requested, errors = context.new_page(), [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    here = urlsplit(address).netloc
    assert {urlsplit(url).netloc for url in requested if not url.startswith(("data:", "blob:"))} == {here}
    assert errors == []
    context.close()


def draw(page: Any, strokes: Strokes) -> None:
    """Draw with the mouse."""
    paper = page.locator("#sheet").bounding_box()
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(paper["x"] + x * paper["width"], paper["y"] + y * paper["height"], steps=8)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def expect_text(page: Any, place: str, text: str) -> None:
    sync_api.expect(page.locator(place)).to_have_text(text, timeout=20_000)


def test_a_number_drawn_with_the_mouse_is_read_as_by_hand(page: Any, tmp_path: Path) -> None:
    with page.expect_response("**/read") as response:
        draw(page, [*FOUR, *TWO])
    expect_text(page, "#answer", "42")
    assert page.locator("#boxes div").count() == page.locator("figure").count() == 2
    assert page.locator(".bars .best").count() == 2 and page.locator("#warning").inner_text() == ""
    picture = page.evaluate("() => document.getElementById('sheet').toDataURL('image/png')")
    (tmp_path / "42.png").write_bytes(base64.b64decode(picture.partition(",")[2]))
    by_hand = json.loads(
        Project(ROOT).succeed("python", "-m", "stages.predict_sample", "--json", str(tmp_path / "42.png"))
    )
    assert {"picture": by_hand["picture"], **response.value.json()["prediction"]} == by_hand


def test_a_digit_is_kept_with_the_class_that_was_chosen(page: Any, copied: Path) -> None:
    draw(page, TWO)
    expect_text(page, "#answer", "2")
    page.locator("figure select").select_option("3")
    with page.expect_response("**/keep?class=3&digit=*") as response:
        page.get_by_text("Keep as").click()
    kept = Path(response.value.json()["kept"])
    sync_api.expect(page.locator("figure .tools span")).to_have_text(
        f"kept: {kept}; make repro trains on it", timeout=20_000
    )
    assert kept.parent == Path("data/extra/3") and (copied / kept).is_file()


def test_undo_takes_a_stroke_back_and_clear_all(page: Any) -> None:
    draw(page, [*FOUR, *TWO])
    expect_text(page, "#answer", "42")
    page.get_by_text("Undo").click()
    expect_text(page, "#answer", "4")
    page.get_by_text("Clear").click()
    expect_text(page, "#answer", "")
    draw(page, TWO)
    expect_text(page, "#answer", "2")


def test_other_marks_have_a_dashed_box_and_no_digit_a_warning(page: Any, tmp_path: Path) -> None:
    draw(page, [*TWO, *MINUS])
    expect_text(page, "#note", "1 other mark passed over (dashed)")
    assert page.locator("#boxes .passed").count() == 1
    drawn().save(tmp_path / "blank.png")
    page.locator("#file").set_input_files(tmp_path / "blank.png")
    expect_text(page, "#warning", "no digit found")


def test_a_stroke_while_an_answer_is_on_its_way_is_read_too(page: Any) -> None:
    answers = []

    def hold(route: Any) -> None:
        answers.append(route)
        if len(answers) > 1:  # the first answer is held back until the second is there
            route.continue_()

    page.route("**/read", hold)
    draw(page, FOUR)
    page.wait_for_timeout(1500)
    draw(page, TWO)
    expect_text(page, "#answer", "42")
    answers[0].continue_()
    page.wait_for_timeout(1500)
    assert page.locator("#answer").inner_text() == "42" and len(answers) == 2


def test_the_file_that_the_browser_is_given_opens_the_page(browser: Any, opened: tuple[str, Path]) -> None:
    page = browser.new_context().new_page()
    page.goto(opened[1].read_text().strip())
    page.wait_for_url("http://127.0.0.1:*/")
    sync_api.expect(page.locator("#sheet")).to_be_visible()


def test_it_is_used_by_the_keyboard_alone(page: Any) -> None:
    page.locator("#sheet").focus()
    page.keyboard.press("Space")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect_text(page, "#answer", "1")


def test_pictures_are_dropped_chosen_and_refused_with_a_line(page: Any, tmp_path: Path) -> None:
    drawn(100, 300).save(tmp_path / "77.png")
    page.locator("#file").set_input_files(tmp_path / "77.png")
    expect_text(page, "#answer", "77")
    assert page.locator("#shown").is_visible() and not page.locator("#sheet").is_visible()
    content = base64.b64encode(png(drawn(200))).decode()
    page.evaluate(
        """content => {
          const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0)), data = new DataTransfer();
          data.items.add(new File([bytes], "7.png", {type: "image/png"}));
          document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
        }""",
        content,
    )
    expect_text(page, "#answer", "7")
    (tmp_path / "notes.png").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "notes.png")
    expect_text(page, "#warning", "the picture: not a picture of a known kind (save it as PNG or JPEG)")
    drawn(100).save(tmp_path / "7.tif")  # which no browser shows
    page.locator("#file").set_input_files(tmp_path / "7.tif")
    expect_text(page, "#answer", "7")
    page.get_by_text("Clear").click()
    draw(page, TWO)
    expect_text(page, "#answer", "2")


def test_a_browser_without_the_token_gets_no_page(browser: Any, address: str) -> None:
    stranger = browser.new_context().new_page()
    assert stranger.goto(address.partition("?")[0]).status == 403


@pytest.mark.parametrize("width", [360, 2000])
def test_no_width_needs_scrolling_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    draw(page, [*FOUR, *TWO])
    expect_text(page, "#answer", "42")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
