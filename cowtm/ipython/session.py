"""Loading and unloading: every hook, name and patch is set in one place and undone in another."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from IPython.core import interactiveshell
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError

from cowtm.errors import BadInput
from cowtm.ipython.config import TimeMachine as Settings
from cowtm.ipython.magics import TravelMagics
from cowtm.machine import TimeMachine
from cowtm.native import CellRunner

NAME = "tm"
"""What the time machine is called in the namespace."""

EXTENSION = "cowtm"
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


class Session:
    """The time machine of one shell, and everything that ties the two together."""

    def __init__(self, shell: InteractiveShell) -> None:
        if type(shell.user_ns) is not dict:
            msg = (
                "cowtm needs a shell whose variables are in a plain dict; "
                f"this one keeps them in a {type(shell.user_ns).__name__}"
            )
            raise BadInput(msg)
        self.shell = shell
        self._number: int | None = None
        self._ahead = 0
        self._own_names = {
            name: value
            for name, value in shell.user_ns.items()
            if name.startswith("__") and name.endswith("__")
        }
        self.machine = TimeMachine(
            shell.user_ns, self._is_hidden, self._current_cell, self._say_travel
        )
        self.settings = _settings(shell)
        self._displaced = _NOTHING
        self._shadowed: dict[str, Any] = {}
        self._magics: TravelMagics | None = None

    def start(self) -> None:
        """Set every hook, and record what is there as the first state."""
        shell, machine = self.shell, self.machine
        self._number = _running_cell(shell)
        if self._number is not None:
            self._ahead = shell.execution_count - self._number
        before = shell.execution_count - 1 if self._number is None else self._number - 1
        self._put_name()
        machine.on_unhook(self._unhook)
        self._apply_settings()
        self.settings.observe(lambda _: self._apply_settings())
        shell.configurables.append(self.settings)
        self._magics = TravelMagics(shell, machine)
        shell.register_magics(self._magics)
        for name in ("exec", "eval"):
            self._shadow(name)
        machine.begin(before)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)

    def stop(self) -> None:
        """Undo every hook, name and patch."""
        shell = self.shell
        shell.events.unregister("pre_run_cell", self._before_cell)
        shell.events.unregister("post_run_cell", self._after_cell)
        for name, (runner, previous) in self._shadowed.items():
            if vars(interactiveshell).get(name) is runner:
                if previous is _NOTHING:
                    delattr(interactiveshell, name)
                else:
                    setattr(interactiveshell, name, previous)
        self._remove_magics()
        if self.settings in shell.configurables:
            shell.configurables.remove(self.settings)
        self.settings.unobserve_all()
        self._take_name_away()
        self.machine.close()

    # -- cells ---------------------------------------------------------------------------------

    def _before_cell(self, info: Any) -> None:
        try:
            if info.store_history:
                # newer versions of IPython raise the count before the cell runs, older ones after
                self._number = self.shell.execution_count - self._ahead
            self.machine.begin_cell(info.raw_cell or "", getattr(info, "cell_id", None))
        except Exception as error:  # noqa: BLE001  a recording error never breaks the user's cell
            self._say(f"cowtm: {type(error).__name__} before the cell: {error}")

    def _after_cell(self, result: Any) -> None:
        number = result.execution_count
        try:
            if self._lost_name():
                self._put_name()
            error = result.error_before_exec or result.error_in_exec
            if number is not None and self._number is not None:
                self._ahead += self._number - number
                self._number = number
            self.machine.end_cell(number, result.result, error)
        except KeyboardInterrupt:
            self._say(f"cowtm: the interrupt came while cell {number} was recorded; it is recorded.")
        except Exception as error:  # noqa: BLE001  a recording error never breaks the user's cell
            self._say(
                f"cowtm: cell {number} could not be recorded ({type(error).__name__}: {error}); "
                "what it changed goes with the next one."
            )

    def _current_cell(self) -> int:
        if self._number is not None:
            return self._number
        count: int = self.shell.execution_count
        return count

    # -- the namespace -------------------------------------------------------------------------

    def _is_hidden(self, name: str, value: object) -> bool:
        hidden = self.shell.user_ns_hidden.get(name, _NOTHING)
        return (
            hidden is value
            or (name == NAME and value is self.machine)
            or self._own_names.get(name, _NOTHING) is value
        )

    def _lost_name(self) -> bool:
        """Tell whether the namespace was reset, and `tm` with it."""
        return NAME not in self.shell.user_ns and NAME not in self.shell.user_ns_hidden

    def _put_name(self) -> None:
        there = self.shell.user_ns.get(NAME, _NOTHING)
        if there is not _NOTHING and there is not self.machine:
            self._displaced = there
            self._say(
                f"cowtm: your variable {NAME!r} gives way to the time machine; "
                "%unload_ext cowtm brings it back."
            )
        self.shell.push({NAME: self.machine}, interactive=False)

    def _take_name_away(self) -> None:
        shell = self.shell
        shell.user_ns_hidden.pop(NAME, None)
        if shell.user_ns.get(NAME) is self.machine:
            del shell.user_ns[NAME]
            if self._displaced is not _NOTHING:
                shell.user_ns[NAME] = self._displaced

    def _shadow(self, name: str) -> None:
        previous = vars(interactiveshell).get(name, _NOTHING)
        builtin = getattr(builtins, name) if previous is _NOTHING else previous
        runner = CellRunner(builtin, self.machine.recorder.view)
        setattr(interactiveshell, name, runner)
        self._shadowed[name] = runner, previous

    def _remove_magics(self) -> None:
        manager = self.shell.magics_manager
        for kind, names in TravelMagics.magics.items():
            for name in names:
                found = manager.magics[kind].get(name)
                if getattr(found, "__self__", None) is self._magics:
                    del manager.magics[kind][name]
        manager.registry.pop(TravelMagics.__name__, None)

    def _unhook(self) -> None:
        """What `tm.unhook()` does: as ``%unload_ext cowtm``."""
        manager = self.shell.extension_manager
        if EXTENSION in manager.loaded:
            manager.unload_extension(EXTENSION)
        else:
            unload(self.shell)

    # -- settings and words --------------------------------------------------------------------

    def _apply_settings(self) -> None:
        self.machine.recorder.recheck = self.settings.recheck

    def _say(self, line: str) -> None:
        print(line)  # noqa: T201  the user's own output

    def _say_travel(self, line: str) -> None:
        if self.settings.announce or line.startswith("cowtm:"):
            self._say(line)


def _settings(shell: InteractiveShell) -> Settings:
    """Make the settings; a value that was refused before must not keep the extension from loading."""
    try:
        return Settings(parent=shell)
    except TraitError as error:
        print(f"cowtm: a setting is not understood, the default is used: {error}")  # noqa: T201
        shell.config.pop("TimeMachine", None)
        return Settings(parent=shell)


def _running_cell(shell: InteractiveShell) -> int | None:
    """Return the number of the cell that is running, None outside of one."""
    history: list[str] = shell.history_manager.input_hist_parsed
    count: int = shell.execution_count
    last = len(history) - 1
    return last if last >= 1 and last >= count - 1 and _is_inside(shell) else None


def _is_inside(shell: InteractiveShell) -> bool:
    """Tell whether a cell runs now: its code is on the stack."""
    frame = sys._getframe()  # noqa: SLF001
    while frame is not None:
        if frame.f_code.co_name == "run_code" and frame.f_locals.get("self") is shell:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
