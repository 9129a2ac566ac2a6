"""Widgets in a real kernel: the one on the page is put back, and the page hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from test_kernel import Kernel, new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ipywidgets")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Start a kernel with a time machine."""
    with new_kernel(tmp_path_factory.mktemp("widgets")) as started:
        started.run("%load_ext cowtm")
        started.run("import ipywidgets as widgets")
        yield started


def heard(kernel: Kernel, source: str) -> list[dict[str, Any]]:
    """Run a cell; return what it tells the page of widgets."""
    request = kernel.start(source)
    said: list[dict[str, Any]] = []
    while True:
        message = kernel.message()
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        assert message["msg_type"] != "error", content
        if message["msg_type"].startswith("comm_"):
            said.append({"what": message["msg_type"], **content})
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            return said


def test_the_page_hears_what_a_value_was_put_back_to(kernel: Kernel) -> None:
    """The widget stays the same, and only what differs is sent."""
    opened = heard(kernel, "slider = widgets.IntSlider(value=3); same = slider")
    state = int(kernel.value("list(tm.states)[-1]"))
    kernel.run("slider.value = 7; slider.description = 'later'")
    said = heard(kernel, f"tm.past({state})")
    own = [one for one in opened if one["data"]["state"].get("_model_name") == "IntSliderModel"]
    assert {one["comm_id"] for one in said} == {own[0]["comm_id"]}
    assert said[-1]["data"]["state"] == {"value": 3, "description": ""}
    assert kernel.value("slider.value, slider.description, slider is same") == "(3, '', True)"


def test_handlers_that_were_registered_later_are_gone(kernel: Kernel) -> None:
    """They are not called by travelling, and not by what follows."""
    kernel.run("calls = []\nslider = widgets.IntSlider(value=3); held = slider")
    state = int(kernel.value("list(tm.states)[-1]"))
    kernel.run("slider.observe(lambda change: calls.append(change.new), 'value'); slider.value = 4")
    assert kernel.value("calls") == "[4]"
    kernel.run(f"tm.past({state})")
    kernel.run("slider.value = 5")
    assert kernel.value("calls, held is slider") == "([], True)"


def test_what_was_made_later_leaves_a_box(kernel: Kernel) -> None:
    """The children that a box had are its children again, and the page shows them."""
    kernel.run("box = widgets.VBox([widgets.Text('a')])")
    state = int(kernel.value("list(tm.states)[-1]"))
    kernel.run("box.children = [*box.children, widgets.Text('b')]; box.children[0].value = 'c'")
    said = heard(kernel, f"tm.past({state})")
    states = [one["data"]["state"] for one in said]
    assert {"value": "a"} in states
    assert any(len(state.get("children", ())) == 1 for state in states)
    assert kernel.value("[child.value for child in box.children]") == "['a']"


def test_a_closed_widget_is_opened(kernel: Kernel) -> None:
    """It is on the page again under its own number."""
    kernel.run("text = widgets.Text('a'); number = text.model_id")
    state = int(kernel.value("list(tm.states)[-1]"))
    said = heard(kernel, "text.close()")
    assert [one["what"] for one in said] == ["comm_close"]
    said = heard(kernel, f"tm.past({state})")
    assert [one["what"] for one in said] == ["comm_open"]
    assert kernel.value("text.model_id == number, text.value") == "(True, 'a')"


def test_a_copy_gets_onto_the_page_when_it_is_shown(kernel: Kernel) -> None:
    """Until then nothing is sent; it is a widget of its own."""
    kernel.run("first = widgets.VBox([widgets.IntText(1)])")
    state = int(kernel.value("list(tm.states)[-1]"))
    kernel.run("first.children[0].value = 2")
    assert heard(kernel, f"other = tm.vars({state})['first']") == []
    said = heard(kernel, "display(other)")
    assert {one["what"] for one in said} == {"comm_open"}
    kernel.run("other.children[0].value = 9")
    assert kernel.value("first.children[0].value, other.children[0].value") == "(2, 9)"


def test_interact_goes_on(kernel: Kernel) -> None:
    """What `interact` made calls the function with the values of then."""
    kernel.run("seen = []\ncontrol = widgets.interactive(lambda a: seen.append(a), a=(0, 9))")
    kernel.run("control.children[0].value = 2; control.update()")
    state = int(kernel.value("list(tm.states)[-1]"))
    kernel.run("control.children[0].value = 8; control.update()")
    kernel.run(f"tm.past({state})")
    assert kernel.value("control.children[0].value, seen[-1]") == "(2, 2)"
    kernel.run("control.children[0].value = 5")
    assert kernel.value("seen[-1]") == "5"
