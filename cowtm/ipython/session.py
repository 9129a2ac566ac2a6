"""Loading and unloading: every hook, name and patch is set in one place and undone in another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import TraitError

from cowtm.errors import BadInput
from cowtm.future.record import Record
from cowtm.interrupts import deferred_interrupts
from cowtm.ipython.batch import Batch
from cowtm.ipython.completion import Suggestions
from cowtm.ipython.config import TimeMachine as Settings
from cowtm.ipython.future import Background, FutureMagics, write_to_terminal
from cowtm.ipython.idle import Idle
from cowtm.ipython.magics import TravelMagics
from cowtm.ipython.notebook import Notebook
from cowtm.ipython.numbering import Numbering, is_inside
from cowtm.ipython.patch import run_cells_on, stop_cells_on
from cowtm.ipython.terminal import Terminal
from cowtm.keeper import Limits
from cowtm.machine import TimeMachine

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from cowtm.future.outputs import Outputs
    from cowtm.ipython.frontend import Frontend
    from cowtm.scribe import Cell
    from cowtm.timeline import State

NAME = "tm"
"""What the time machine is called in the namespace."""

EXTENSION = "cowtm"
_LAST = ("_", "__", "___")
"""What IPython binds the last results to."""

_OF_IPYTHON = frozenset({"exit", "quit", "get_ipython", "open"})
"""Names that IPython binds, besides those of inputs and results."""

_ATTRIBUTE = "_cowtm_session"
_NOTHING: Any = object()


def load(shell: InteractiveShell) -> None:
    """Start recording in a shell; loading twice does nothing."""
    if getattr(shell, _ATTRIBUTE, None) is None:
        session = Session(shell)
        session.start()
        setattr(shell, _ATTRIBUTE, session)


def unload(shell: InteractiveShell) -> None:
    """Undo everything that `load` did."""
    session = getattr(shell, _ATTRIBUTE, None)
    if session is not None:
        delattr(shell, _ATTRIBUTE)
        session.stop()


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """A cell that is running."""

    info: ExecutionInfo | None
    """What IPython says of it; None for the one that loads the extension."""
    cell: Cell
    """What the time machine knows of it."""
    outputs: Outputs
    """What it puts out."""
    stored: bool
    """Whether it is in the history, and has a number of its own."""
    thread: int = field(default_factory=threading.get_ident)
    """Where it runs."""

    def is_of(self, result: ExecutionResult | None) -> bool:
        """Tell whether a result is this cell's; None is that of any cell of this thread."""
        if result is None:
            return self.thread == threading.get_ident()
        info: Any = result.info
        if self.info is None:
            return bool((info.raw_cell or "").strip())
        # A cell that was interrupted before its code ran has a result with another info.
        return info is self.info or (
            result.execution_count is None
            and info.raw_cell == self.info.raw_cell
            and self.thread == threading.get_ident()
        )


class Session:
    """The time machine of one shell, and everything that ties the two together."""

    def __init__(self, shell: InteractiveShell) -> None:
        if type(shell.user_ns) is not dict:
            msg = (
                "cowtm needs a shell whose variables are in a plain dict; "
                f"this one keeps them in a {type(shell.user_ns).__name__}"
            )
            raise BadInput(msg)
        # Of IPython's attributes not all have types, and some have wrong ones.
        self.shell: Any = shell
        self._own_names = {
            name: value
            for name, value in shell.user_ns.items()
            if name.startswith("__") and name.endswith("__")
        }
        self._numbering = Numbering(shell)
        self.machine = TimeMachine(
            shell.user_ns, self._is_hidden, self._numbering.current, self._say_travel
        )
        self._idle = Idle(self.machine.glance, self._say)
        self.settings = _settings(shell)
        record = Record(lambda: self.settings.output_limit)
        self._frontend = _frontend(shell, record)
        self._displaced = _NOTHING
        self._suggest = Suggestions(self.machine).suggest
        self._magics: list[Any] = []
        self._batch = Batch(self.settings, self._frontend)
        self._strip = self._batch.strip
        self._running: list[_Running] = []
        self._background = Background(
            shell, self.settings, lambda: bool(self._running), self._frontend, record
        )

    def start(self) -> None:
        """Set every hook, and record what is there as the first state."""
        shell, machine = self.shell, self.machine
        self._put_name()
        machine.on_unhook(self._unhook)
        machine.on_resume(self._go_on)
        self._apply_settings()
        self.settings.observe(self._apply_settings)
        shell.configurables.append(self.settings)
        machine.on_future(self._background.make)
        machine.on_replay(self._frontend.replay)
        machine.on_terminal(write_to_terminal)
        # which add themselves to the configurables
        self._magics = [
            TravelMagics(shell, machine),
            FutureMagics(shell, machine, self._batch, self._background),
        ]
        shell.register_magics(*self._magics)
        shell.Completer.custom_matchers.append(self._suggest)
        shell.input_transformers_cleanup.append(self._strip)
        run_cells_on(machine.recorder.view)
        self._frontend.start()
        running = self._numbering.running
        machine.begin(shell.execution_count - 1 if running is None else running - 1)
        if running is not None:
            source = shell.history_manager.input_hist_raw[-1]
            outputs = self._frontend.begin(running)
            cell = machine.begin_cell(source, None, outputs)
            self._running.append(_Running(None, cell, outputs, stored=True))
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)

    def stop(self) -> None:
        """Undo every hook, name and patch."""
        shell = self.shell
        shell.events.unregister("pre_run_cell", self._before_cell)
        shell.events.unregister("post_run_cell", self._after_cell)
        self._idle.enabled = False
        self._idle.end()
        stop_cells_on(self.machine.recorder.view)
        self._frontend.stop()
        self._remove_magics()
        for ours in (self.settings, *self._magics):
            if ours in shell.configurables:
                shell.configurables.remove(ours)
        if self._suggest in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self._suggest)
        if self._strip in shell.input_transformers_cleanup:
            shell.input_transformers_cleanup.remove(self._strip)
        self.settings.unobserve_all()
        self._take_name_away()
        self.machine.close()
        self._background.close()

    # -- cells ---------------------------------------------------------------------------------

    def _before_cell(self, info: ExecutionInfo) -> None:
        try:
            self._idle.end()
            self._frontend.flush()
            self._let_go_of_lost_cells()
            self._numbering.begin(stored=info.store_history)
            outputs = self._frontend.begin(self._numbering.current())
            cell = self.machine.begin_cell(
                info.raw_cell or "", getattr(info, "cell_id", None), outputs
            )
            stored = bool(info.store_history)
            self._running.append(_Running(info, cell, outputs, stored=stored))
        except Exception as error:  # noqa: BLE001  a recording error never breaks the user's cell
            self._say(f"cowtm: {type(error).__name__} before the cell: {error}")

    def _after_cell(self, result: ExecutionResult | None) -> None:
        try:
            with deferred_interrupts():
                self._end_cell(result)
            self._background.bind_results()
            self.machine.catch_up()
            self._frontend.flush()
            self._idle.begin()
        except KeyboardInterrupt:
            self._say("cowtm: the interrupt came while the cell was recorded; it is recorded.")
        except Exception as error:  # noqa: BLE001  a recording error never breaks the user's cell
            self._say(
                f"cowtm: the cell could not be recorded ({type(error).__name__}: {error}); "
                "what it changed goes with the next one."
            )

    def _end_cell(self, result: ExecutionResult | None) -> None:
        self._put_names_back()
        running = self._take_cell(result)
        if running is None:
            return
        number: int | None = self._numbering.current()
        value: object = None
        # ipykernel has no result to give when an interrupt ends a cell that awaits.
        error: BaseException | None = KeyboardInterrupt()
        if result is not None:
            number, value = self._numbering.of(result.execution_count), result.result
            error = result.error_before_exec or result.error_in_exec
        if not running.stored:
            number = None
        self._numbering.end(number)
        if number is not None:
            self._frontend.end(number, running.outputs)
        self.machine.end_cell(number, value, error, running.cell)
        if isinstance(error, ValueError) and "cannot resize an array" in str(error):
            self._say(
                "cowtm: numpy resizes no array in place that something refers to, and recorded "
                "arrays are referred to; x = np.resize(x, n) makes a new one."
            )

    def _take_cell(self, result: ExecutionResult | None) -> _Running | None:
        """Find what began with the cell that ends; None for an empty one, which never began."""
        for running in reversed(self._running):
            if running.is_of(result):
                self._running.remove(running)
                return running
        return None

    def _let_go_of_lost_cells(self) -> None:
        """Forget cells of this thread that ended untold: none runs where a new one begins."""
        if is_inside(self.shell):
            return
        thread = threading.get_ident()
        for running in [running for running in self._running if running.thread == thread]:
            self._running.remove(running)
            self.machine.end_cell(None, cell=running.cell)

    # -- the namespace -------------------------------------------------------------------------

    def _is_hidden(self, name: str, value: object) -> bool:
        if name == NAME:
            return value is self.machine
        if name in _LAST:  # bound by the user, it is the user's: IPython leaves it alone then
            return getattr(self.shell.displayhook, name, _NOTHING) is value
        # What a profile's startup files bind is hidden by IPython too, but is the user's.
        of_ipython = self.shell.user_ns_hidden if name in _OF_IPYTHON else self._own_names
        return of_ipython.get(name, _NOTHING) is value

    def _put_name(self) -> None:
        there = self.shell.user_ns.get(NAME, _NOTHING)
        if there is not _NOTHING and there is not self.machine:
            self._displaced = there
            self._say(
                f"cowtm: your variable {NAME!r} gives way to the time machine; "
                "%unload_ext cowtm brings it back."
            )
        self.shell.push({NAME: self.machine}, interactive=False)

    def _put_names_back(self) -> None:
        """Bind again what a reset, or a travel to before the user took the name, unbound."""
        names = self.shell.user_ns
        if NAME not in names:
            self._put_name()
        for name, value in self._own_names.items():
            names.setdefault(name, value)
        for name in _OF_IPYTHON & self.shell.user_ns_hidden.keys():
            names.setdefault(name, self.shell.user_ns_hidden[name])
        if not names.keys() >= {*_LAST}:
            last = {name: getattr(self.shell.displayhook, name) for name in _LAST}
            self.shell.push(last, interactive=False)

    def _take_name_away(self) -> None:
        shell = self.shell
        shell.user_ns_hidden.pop(NAME, None)
        if shell.user_ns.get(NAME) is self.machine:
            del shell.user_ns[NAME]
            if self._displaced is not _NOTHING:
                shell.user_ns[NAME] = self._displaced

    def _remove_magics(self) -> None:
        manager = self.shell.magics_manager
        for ours in self._magics:
            for kind, names in type(ours).magics.items():
                for name in names:
                    found = manager.magics[kind].get(name)
                    if getattr(found, "__self__", None) is ours:
                        del manager.magics[kind][name]
            manager.registry.pop(type(ours).__name__, None)

    def _unhook(self) -> None:
        """What `tm.unhook()` does: as ``%unload_ext cowtm``."""
        manager = self.shell.extension_manager
        if EXTENSION in manager.loaded:
            manager.unload_extension(EXTENSION)
        else:
            unload(self.shell)

    def _go_on(self, states: Sequence[State]) -> int:
        """Number cells after those of the states that were resumed."""
        cells = {s.number: s.source for s in states if isinstance(s.number, int) and s.number > 0}
        self._numbering.go_on_after(cells)
        return self._numbering.current()

    # -- settings and words --------------------------------------------------------------------

    def _apply_settings(self, _change: object = None) -> None:
        settings = self.settings
        self.machine.recorder.recheck = settings.recheck
        self._idle.enabled = settings.idle_check
        self._background.apply_settings()
        self.machine.limits = Limits(
            memory=settings.memory_budget,
            disk=settings.disk_budget,
            folder=Path(settings.spill_dir).expanduser() if settings.spill_dir else None,
            autosave=settings.autosave,
        )

    def _say(self, line: str) -> None:
        print(line)  # noqa: T201  the user's own output

    def _say_travel(self, line: str) -> None:
        if self.settings.announce or line.startswith("cowtm:"):
            self._say(line)


def _frontend(shell: Any, record: Record) -> Frontend:
    """Give what the user sees a shell through."""
    is_kernel = getattr(shell, "kernel", None) is not None
    return Notebook(shell, record) if is_kernel else Terminal(shell, record)


def _settings(shell: InteractiveShell) -> Settings:
    """Make the settings; a value refused before must not keep the extension from loading."""
    try:
        return Settings(parent=shell)
    except TraitError as error:
        print(f"cowtm: a setting is not understood, the default is used: {error}")  # noqa: T201
        shell.config.pop("TimeMachine", None)
        return Settings(parent=shell)
