"""What cells put out is kept as a notebook would keep it, within bounds."""

from __future__ import annotations

import json
import pickle
import threading
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowtm import load
from cowtm.display import size_text
from cowtm.errors import StateNotFound
from cowtm.future.outputs import Outputs
from cowtm.future.record import Record
from cowtm.future.written import Written
from cowtm.keeper import Limits
from cowtm.machine import TimeMachine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TEXTS = st.text(alphabet="ab\r\n\b", max_size=30)


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    """Give the message that a print sends."""
    return "stream", {"name": name, "text": text}


def shown(text: str, display: str | None = None, /, **data: Any) -> tuple[str, dict[str, Any]]:
    """Give the message that `display` sends."""
    transient = {} if display is None else {"display_id": display}
    return "display_data", {
        "data": {"text/plain": text, **data},
        "metadata": {},
        "transient": transient,
    }


def updated(text: str, display: str) -> tuple[str, dict[str, Any]]:
    """Give the message that an update of a display sends."""
    return "update_display_data", shown(text, display)[1]


def failed(value: str, traceback: list[str]) -> tuple[str, dict[str, Any]]:
    """Give the message of an exception."""
    return "error", {"ename": "ValueError", "evalue": value, "traceback": traceback}


def taken(messages: Iterable[tuple[str, dict[str, Any]]], limit: int = 2**20) -> Outputs:
    """Give the outputs that messages make."""
    outputs = Outputs(limit)
    for kind, content in messages:
        outputs.add(kind, content)
    return outputs


# -- text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("one\ntwo", "one\ntwo"),
        ("10%\r20%\r30%\n", "30%\n"),
        ("long\rab", "abng"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("abc\b\bX", "aXc"),
        ("\b\bx", "x"),
        ("old text\r\x1b[Knew", "new"),
        ("kept\r", "kept"),
    ],
)
def test_text_looks_as_in_a_notebook(written: str, seen: str) -> None:
    """Going back writes over what is there."""
    text = Written("stdout")
    text.write(written)
    assert text.text == seen


@given(st.lists(TEXTS))
def test_text_is_the_same_in_whatever_pieces_it_comes(pieces: list[str]) -> None:
    """The cursor stays where it was between two writes."""
    one, many = Written("stdout"), Written("stdout")
    one.write("".join(pieces))
    for piece in pieces:
        many.write(piece)
    assert many.text == one.text
    assert many.size == one.size == len(one.text)


@given(st.lists(TEXTS), st.lists(TEXTS))
def test_a_piece_goes_on_where_the_last_ended(before: list[str], after: list[str]) -> None:
    """Also in the middle of a line that is written over."""
    whole, first = Written("stdout"), Written("stdout")
    for text in before:
        whole.write(text)
        first.write(text)
    has_lines = "\n" in "".join(before)
    rest = first.go_on() if has_lines else first
    for text in after:
        whole.write(text)
        rest.write(text)
    assert (first.text + rest.text if has_lines else rest.text) == whole.text


def test_streams_are_joined_and_told_apart() -> None:
    """What is written without a break is one output."""
    outputs = taken([stream("a"), stream("b\n"), stream("!", "stderr"), stream("c")])
    assert [(output["name"], output["text"]) for output in outputs] == [
        ("stdout", "ab\n"),
        ("stderr", "!"),
        ("stdout", "c"),
    ]


def test_a_progress_bar_is_one_line() -> None:
    """It was drawn a thousand times."""
    bar = [
        stream(f"\r{n / 10:3.0f}%|{'#' * (n // 100):10}| {n}/1000", "stderr") for n in range(1001)
    ]
    outputs = taken([*bar, stream("\n", "stderr")])
    assert [output["text"] for output in outputs] == ["100%|##########| 1000/1000\n"]


# -- displays --------------------------------------------------------------------------------------


def test_outputs_are_those_of_nbformat() -> None:
    """A notebook made of them is valid."""
    outputs = taken(
        [
            stream("x"),
            shown("<Figure>", "one", **{"image/png": "iVBORw0="}),
            ("execute_result", {**shown("42")[1], "execution_count": 3}),
            failed("no", ["Traceback", "ValueError: no"]),
            ("comm_open", {"comm_id": "1", "data": {}, "target_name": "jupyter.widget"}),
            ("status", {"execution_state": "idle"}),
        ]
    )
    kinds = ["stream", "display_data", "execute_result", "error"]
    assert [output["output_type"] for output in outputs] == kinds
    nb: Any = nbformat  # which has no types
    cell = nb.v4.new_code_cell(outputs=[nb.from_dict(output) for output in outputs])
    nb.validate(nb.v4.new_notebook(cells=[cell]))


def test_a_display_is_as_it_was_last_updated() -> None:
    """In its place; other displays stay as they are."""
    outputs = taken([shown("1", "a"), shown("2", "b"), updated("3", "a"), updated("4", "gone")])
    assert [output["data"]["text/plain"] for output in outputs] == ["3", "2"]


def test_a_cell_updates_the_displays_of_others() -> None:
    """As the notebook does, whose displays have one name wherever they are."""
    record = Record()
    first, second = record.new(), record.new()
    first.add(*shown("begun", "a"))
    second.add(*updated("done", "a"))
    assert first[0]["data"]["text/plain"] == "done"
    assert len(second) == 0


def test_output_is_cleared_at_once_or_with_the_next() -> None:
    """`clear_output(wait=True)` keeps what is there until something else comes."""
    outputs = taken([stream("a"), ("clear_output", {"wait": False})])
    assert len(outputs) == 0
    outputs = taken([stream("a"), ("clear_output", {"wait": True})])
    assert outputs.text == "a"
    outputs.add(*shown("b"))
    assert outputs.text == "b\n"


def test_what_was_displayed_is_not_the_users_object() -> None:
    """Who displays plain data and changes them later changes nothing that is recorded."""
    tree = {"a": [1]}
    outputs = taken([shown("tree", **{"application/json": tree})])
    tree["a"].append(2)
    assert outputs[0]["data"]["application/json"] == {"a": [1]}
    outputs[0]["data"]["text/plain"] = "other"
    assert outputs.text == "tree\n"


def test_a_widget_takes_output() -> None:
    """As ipywidgets' Output, in which rich draws its bars: what is in it stands in its place."""

    def takes(request: str) -> tuple[str, dict[str, Any]]:
        return "comm_msg", {"comm_id": "out", "data": {"state": {"msg_id": request}}}

    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "out"}}
    outputs = taken(
        [
            stream("before\n"),
            ("comm_open", {"comm_id": "out", "data": {"state": {"msg_id": ""}}}),
            shown("Output()", **view),
            *[takes("a request"), ("clear_output", {"wait": True}), shown("━━ 10%"), takes("")],
            *[takes("a request"), ("clear_output", {"wait": True}), shown("━━ 90%"), takes("")],
            stream("after"),
        ]
    )
    assert outputs.text == "before\n━━ 90%\nafter"
    assert outputs.progress == 0.9
    assert list(pickle.loads(pickle.dumps(outputs))) == list(outputs)
    [alone] = taken([shown("Output()", **view)])
    assert alone["data"]["text/plain"] == "Output()"


# -- bounds ----------------------------------------------------------------------------------------


@given(
    st.lists(
        st.one_of(
            st.builds(stream, TEXTS, st.sampled_from(["stdout", "stderr"])),
            st.builds(shown, TEXTS, st.sampled_from(["a", "b", None])),
            st.builds(updated, TEXTS.map(lambda text: text * 90), st.sampled_from(["a", "b"])),
            st.just(("clear_output", {"wait": True})),
        ),
        max_size=80,
    )
)
def test_outputs_stay_within_their_limit(messages: list[tuple[str, dict[str, Any]]]) -> None:
    """Whatever comes; and what they say they take is what they hold."""
    outputs = taken(messages, limit=2000)
    assert outputs.size <= 2000 + 400
    assert len(json.dumps(list(outputs))) < 12_000


def test_the_beginning_and_the_end_of_much_text_are_kept() -> None:
    """What is left out is said where it was."""
    lines = [f"line {n}\n" for n in range(100_000)]
    outputs = taken([stream("".join(lines[at : at + 50])) for at in range(0, 100_000, 50)], 100_000)
    kept = outputs.text
    assert kept.startswith("line 0\nline 1\n")
    assert kept.endswith("line 99999\n")
    assert f"{size_text(outputs.left_out)} of output left out" in kept
    assert 80_000 < len(kept) < 101_000
    assert len(kept) + outputs.left_out - sum(map(len, lines)) < 100


def test_an_error_at_the_end_of_much_output_is_kept() -> None:
    """It is what the user looks for."""
    outputs = taken(
        [*[stream("x" * 999 + "\n")] * 500, failed("no", ["frame", "ValueError: no"])], 9999
    )
    assert outputs[-1]["traceback"] == ["frame", "ValueError: no"]


def test_a_form_that_is_too_large_is_said_to_be_left_out() -> None:
    """The others of the display are kept."""
    [output] = taken([shown("<Figure>", **{"image/png": "x" * 10_000})], 4000)
    assert output["data"] == {"text/plain": "<Figure>\n[image/png, 9.8 KiB: left out]"}
    [output] = taken([shown("y" * 10_000)], 4000)
    assert output["data"]["text/plain"].endswith("y\n[text/plain, 9.8 KiB: left out]")


def test_an_endless_traceback_is_cut() -> None:
    """Its beginning and its end say most."""
    [output] = taken([failed("v" * 99_999, [f"frame {n} " + "z" * 500 for n in range(999)])], 8000)
    assert output["traceback"][0].startswith("frame 0 ")
    assert output["traceback"][-1].startswith("frame 998 ")
    assert len(json.dumps(output)) < 8000


def test_all_cells_together_are_bounded() -> None:
    """The oldest give way; those of cells that nobody knows any more do not count."""
    record = Record(lambda: 1000)
    cells = []
    for number in range(200):
        outputs = record.new()
        outputs.add(*stream(f"{number}" + "x" * 800))
        cells.append(outputs)
    held = [number for number, outputs in enumerate(cells) if outputs.size]
    assert held == list(range(held[0], 200))
    assert 60 <= len(held) <= 96


# -- as objects ------------------------------------------------------------------------------------


def test_outputs_are_a_sequence() -> None:
    """Of dicts, as they are when one asks."""
    outputs = taken([stream("a"), shown("b"), stream("c")])
    assert len(outputs) == 3
    assert outputs[1]["data"] == {"text/plain": "b"}
    assert outputs[-1]["text"] == "c"
    assert [output["output_type"] for output in outputs[:2]] == ["stream", "display_data"]
    assert outputs.text == "a\nb\nc"


def test_outputs_can_be_pickled() -> None:
    """As plain data."""
    outputs = taken([stream("a\rb"), shown("c", "name"), failed("no", ["ValueError: no"])])
    assert list(pickle.loads(pickle.dumps(outputs))) == list(outputs)


def test_outputs_show_themselves() -> None:
    """In a line for each, in text and HTML."""
    outputs = taken([stream("<b>\nmore"), shown("<Figure>", **{"image/png": "x" * 2048})])
    assert repr(outputs).splitlines() == [
        "outputs",
        "kind          what",
        "stream        <b> more",
        "display_data  <Figure> image/png (2.0 KiB)",
    ]
    assert "&lt;b&gt; more" in outputs._repr_html_()
    assert repr(Outputs()) == "outputs\nnothing was put out"


def test_threads_may_write_at_the_same_time() -> None:
    """Nothing is lost, and each thread's output is in its order."""
    outputs = Outputs()

    def write(name: str) -> None:
        for number in range(500):
            outputs.add(*stream(f"{name}{number}\n"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = outputs.text.split()
    assert len(lines) == 2000
    for name in "abcd":
        assert [line for line in lines if line[0] == name] == [f"{name}{n}" for n in range(500)]


# -- saved -----------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[TimeMachine]:
    """Give a time machine that writes each state down."""
    machine = TimeMachine({}, say=print)
    machine.limits = Limits(folder=tmp_path, autosave=True)
    machine.begin(0)
    yield machine
    machine.close()


def ran(machine: TimeMachine, number: int, *messages: tuple[str, dict[str, Any]]) -> Outputs:
    """Have a cell run that puts something out."""
    outputs = taken(messages)
    cell = machine.begin_cell(f"cell {number}", None, outputs)
    machine.end_cell(number, cell=cell)
    machine.flush()
    return outputs


def test_outputs_are_saved_with_their_state(machine: TimeMachine, tmp_path: Path) -> None:
    """Whoever loads the journal has them; those that put nothing out take no room."""
    figure = shown("<Figure>", "name", **{"image/png": "AAAA", "application/json": {"a": [1.5]}})
    outputs = ran(machine, 1, stream("lone \udc80 surrogate"), figure, failed("no", ["é"]))
    silent = ran(machine, 2)
    machine.save(tmp_path / "copy.cowtm")
    states = load(tmp_path / "copy.cowtm").states
    saved: Any = states[1].outputs
    assert list(saved) == list(outputs)
    assert len(saved) == 3
    assert saved[-1]["ename"] == "ValueError"
    assert repr(saved) == repr(outputs)
    assert states[2].outputs is None
    assert len(silent) == 0


def test_what_comes_after_the_cell_was_saved_is_saved_too(
    machine: TimeMachine, tmp_path: Path
) -> None:
    """With the next state that is written, or when all is saved."""
    outputs = ran(machine, 1, stream("early"))
    journal: Any = machine.journal_path
    assert [*_saved(journal, 1)] == [*outputs]
    outputs.add(*stream(", late"))
    ran(machine, 2)
    assert [*_saved(journal, 1)] == [*outputs]
    outputs.add(*stream(", later"))
    machine.save(tmp_path / "copy.cowtm")
    assert [output["text"] for output in _saved(tmp_path / "copy.cowtm", 1)] == [
        "early, late, later"
    ]
    outputs.drop()
    machine.pin(1)
    ran(machine, 3)
    assert [output["text"] for output in _saved(journal, 1)] == ["early, late, later"]
    assert "18 B of output left out" in outputs.text


def test_outputs_of_a_session_that_is_gone_on_with_can_be_shown_again(
    machine: TimeMachine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They stay in the journal, also when their state is written anew."""
    ran(machine, 1, stream("first\n"))
    ran(machine, 2, stream("second\n"))
    machine.save(tmp_path / "copy.cowtm")
    machine.resume(tmp_path / "copy.cowtm")
    machine.pin(2)
    machine.clear_past([1])
    ran(machine, 9, stream("ninth\n"))
    machine.flush()
    for known in (machine, TimeMachine({})):
        if known is not machine:
            machine.close()
            known.begin(0)
            known.resume(tmp_path / "copy.cowtm")
        capsys.readouterr()
        known.replay(2)
        known.replay(9)
        assert capsys.readouterr().out == "second\nninth\n"
        with pytest.raises(StateNotFound, match="is gone"):
            known.replay(1)
    known.close()


def _saved(path: Path, number: int) -> list[dict[str, Any]]:
    outputs: Any = load(path).states[number].outputs
    return list(outputs)


# -- progress --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("\rfitting:  45%|████▌     | 45/100 [00:01<00:01, 40it/s]", 0.45),
        ("100%|██████████| 3/3\n  7%|▋  | 1/14", 0.07),
        (
            "\x1b[2KWorking \x1b[35m━━━━━\x1b[0m\x1b[38;5;237m╺━━\x1b[0m \x1b[35m 36%\x1b[0m 0:8",
            0.36,
        ),
        ("3/12 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - loss: 0.1", 0.25),
        ("the share is 45% of all | that there is", None),
        ("nothing", None),
    ],
)
def test_progress_is_read_off_bars(text: str, share: float | None) -> None:
    """Those of tqdm, rich and Keras; a percentage alone is none."""
    assert taken([stream(text)]).progress == share
    assert taken([shown("", "a"), updated(text, "a")]).progress == share


def test_progress_is_read_off_widgets() -> None:
    """As tqdm.notebook and ipywidgets show it."""
    state = {"_model_name": "FloatProgressModel", "max": 8.0, "value": 0.0}
    outputs = taken(
        [
            ("comm_open", {"comm_id": "bar", "data": {"state": state}}),
            ("comm_open", {"comm_id": "text", "data": {"state": {"_model_name": "HTMLModel"}}}),
            ("comm_msg", {"comm_id": "bar", "data": {"method": "update", "state": {"value": 2.0}}}),
            ("comm_msg", {"comm_id": "text", "data": {"state": {"value": "<b>"}}}),
            ("comm_msg", {"comm_id": "bar", "data": {"method": "custom"}}),
        ]
    )
    assert outputs.progress == 0.25
    assert len(outputs) == 0
