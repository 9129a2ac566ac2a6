"""What a job leaves in its process besides variables: a worker that is not as it was is retired.

Another one is started ahead all the time, so to start anew is cheaper than to undo everything that
code can do to its process.
"""

from __future__ import annotations

import asyncio
import builtins
import locale
import logging
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """What a process is like, as far as one job can get into the way of the next."""

    running: frozenset[int]
    """Threads, tasks and processes, by identity."""
    settings: dict[str, Any]
    """What is set for the whole process, in Python's own modules."""
    options: dict[str, str]
    """What is set in libraries that are imported."""
    held: dict[int, object]
    """Objects, by identity, that are bound in places that every cell goes through."""

    @classmethod
    def of(cls, shell: Any) -> Traces:
        """Tell what this process is like.

        Args:
            shell: the kernel's, which cells run in.

        """
        held = (*_of_python(), *_of_shell(shell))
        return cls(_running(), _settings(), _options(), {id(one): one for one in held})

    def with_new_libraries(self) -> Traces:
        """Take in the options and loggers of libraries that were imported since."""
        return replace(self, settings=self.settings | _logs(), options=_options() | self.options)

    def is_like(self, before: Traces) -> bool:
        """Tell whether nothing has come or gone that the next job could notice.

        Loggers that came are those of libraries that were imported.
        """
        return (
            self.running <= before.running
            and all(self.settings.get(name) == value for name, value in before.settings.items())
            and self.options == before.options
            and self.held.keys() == before.held.keys()
        )


def _running() -> frozenset[int]:
    threads = {thread.ident or 0 for thread in threading.enumerate()}
    processes = {-process for process in _processes()}
    return frozenset(threads | processes | set(map(id, _tasks())))


def _processes() -> set[int]:
    """Return the processes that this one started, and that are still there."""
    found = [*Path("/proc/self/task").glob("*/children")]
    if not found:  # then all that there are have to be asked for their parent
        return {child.pid for child in psutil.Process().children()}
    return {int(number) for file in found for number in file.read_text().split()}


def _tasks() -> set[Any]:
    """Return the tasks of the loop that runs here, but for the kernel's own."""
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:  # none runs
        return set()
    return {task for task in tasks if not _is_of_kernel(task.get_coro())}


def _is_of_kernel(coroutine: Any) -> bool:
    code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
    folders = Path(getattr(code, "co_filename", "")).parts
    return not _KERNEL.isdisjoint(folders)


_KERNEL = frozenset({"ipykernel", "tornado", "zmq"})
"""Folders with what a kernel is made of."""


def _settings() -> dict[str, Any]:
    return {
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        **_logs(),
    }


def _logs() -> dict[str, Any]:
    return {f"logger {name}": _logger(logger) for name, logger in _loggers().items()}


def _options() -> dict[str, str]:
    return {name: repr(ask(sys.modules[name])) for name, ask in _ASKED if name in sys.modules}


def _loggers() -> dict[str, Any]:
    known = logging.root.manager.loggerDict.copy()
    return {"": logging.root, **{n: v for n, v in known.items() if isinstance(v, logging.Logger)}}


def _logger(logger: Any) -> tuple[Any, ...]:
    return logger.level, logger.disabled, logger.propagate, [*logger.handlers], [*logger.filters]


_ASKED: tuple[tuple[str, Callable[[Any], object]], ...] = (
    ("numpy", lambda numpy: (numpy.geterr(), numpy.get_printoptions())),
    ("pandas._config.config", lambda config: config._global_config),  # noqa: SLF001  all of them
    (
        "torch",
        lambda torch: (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
        ),
    ),
)
"""Modules, and what tells their options."""


def _of_python() -> list[object]:
    """Return what is bound in `builtins`, and to the hooks of `sys`."""
    hooks = [getattr(sys, name) for name in _HOOKS]
    names = vars(builtins)
    kept = sorted(name for name in names if name not in _OF_CELLS)
    return [*hooks, *sys.meta_path, *sys.path_hooks, *(names[name] for name in kept)]


_HOOKS = ("stdin", "stdout", "stderr", "displayhook", "excepthook", "unraisablehook")
_OF_CELLS = frozenset({"_", "get_ipython", "display"})


def _of_shell(shell: Any) -> list[object]:
    """Return what cells are run and shown by."""
    held: list[object] = [*shell.ast_transformers, *shell.input_transformers_post]
    for callbacks in shell.events.callbacks.values():
        held += callbacks
    for formatter in shell.display_formatter.formatters.values():
        held += [*formatter.type_printers.values(), *formatter.deferred_printers.values()]
        held += formatter.singleton_printers.values()
    return [*held, *shell.custom_exceptions]
