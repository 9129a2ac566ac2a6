"""How a session shows and logs things: settings of its shell, of Python and of some libraries.

They are no variables, and no part of a state; but the same code would say something else without
them. What can't be sent (a formatter of the user's, a log file) is left out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

Settings: TypeAlias = dict[str, Any]
"""Name -> plain value."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Settings, to be handed over."""

    shell: Settings
    """Of the shell itself: which expressions of a cell are shown, ..."""
    text: Settings
    """How it writes results as text: what ``%precision`` and ``%pprint`` set."""
    traceback: str
    """What ``%xmode`` set."""
    figures: Settings
    """How figures are shown inline: ``%config InlineBackend``."""
    recursion: int
    """What `sys.setrecursionlimit` set."""
    printing: Settings
    """What `numpy.set_printoptions` set."""
    errors: Settings
    """What `numpy.seterr` set."""
    pandas: Settings
    """Options of pandas that are not as it comes."""
    logs: Logs
    """How messages are logged."""

    @classmethod
    def of(cls, shell: Any) -> Preferences:
        """Tell what a shell and its process are set to."""
        numpy: Any = sys.modules["numpy"]  # which comes with us
        inline = _inline(shell)
        return cls(
            {name: getattr(shell, name) for name in _OF_SHELL},
            {name: getattr(_text(shell), name) for name in _OF_TEXT},
            shell.InteractiveTB.mode,
            {} if inline is None else _plain({n: getattr(inline, n) for n in _OF_FIGURES}),
            sys.getrecursionlimit(),
            _plain(numpy.get_printoptions()),
            _plain(numpy.geterr()),
            {n: value for n, (value, usual) in _options().items() if _differ(value, usual)},
            Logs.of_process(),
        )

    def take_over(self, shell: Any) -> None:
        """Set a shell and its process to the same."""
        for name, value in self.shell.items():
            setattr(shell, name, value)
        for name, value in self.text.items():
            setattr(_text(shell), name, value)
        with suppress(ValueError):  # versions of IPython differ in the modes they know
            shell.InteractiveTB.set_mode(self.traceback)
        if self.figures:
            shell.config.merge({"InlineBackend": self.figures})  # when it is made
            inline = _inline(shell)
            for name, value in self.figures.items() if inline is not None else ():
                setattr(inline, name, value)
        sys.setrecursionlimit(self.recursion)
        numpy: Any = sys.modules["numpy"]
        known = numpy.get_printoptions()  # elsewhere there may be another version
        numpy.set_printoptions(**{n: value for n, value in self.printing.items() if n in known})
        numpy.seterr(**self.errors)
        self._set_pandas()
        self.logs.take_over()

    def _set_pandas(self) -> None:
        if self.pandas:
            import_module("pandas")
        known = _options()
        for name, (value, usual) in known.items():
            wanted = self.pandas.get(name, usual)
            if _differ(value, wanted):
                sys.modules["pandas"].set_option(name, wanted)


_OF_SHELL = ("ast_node_interactivity", "autoawait", "sphinxify_docstring")
_OF_TEXT = ("float_precision", "pprint", "max_width", "max_seq_length", "newline")
_OF_FIGURES = ("close_figures", "figure_formats", "print_figure_kwargs")


def _text(shell: Any) -> Any:
    """Return what writes a shell's results as text."""
    return shell.display_formatter.formatters["text/plain"]


def _inline(shell: Any) -> Any:
    """Return what shows a shell's figures inline; None if it is not there yet."""
    known = (known for known in shell.configurables if type(known).__name__ == "InlineBackend")
    return next(known, None)


def _options() -> dict[str, tuple[Any, Any]]:
    """Return name -> value and default of pandas' options; nothing if it was not imported.

    They are read past its functions, some of which warn.
    """
    config: Any = sys.modules.get("pandas._config.config")
    if config is None or "pandas" not in sys.modules:
        return {}
    registered: Mapping[str, Any] = getattr(config, "_registered_options", {})
    values = dict(_flat("", getattr(config, "_global_config", {})))
    deprecated: Mapping[str, Any] = getattr(config, "_deprecated_options", {})
    return {
        name: (values[name], option.defval)
        for name, option in registered.items()
        if name in values and name not in deprecated and _is_plain(values[name])
    }


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _plain(settings: Mapping[str, Any]) -> Settings:
    """Leave out what is no plain value: functions, mostly."""
    return {name: value for name, value in settings.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return _is_plain([*value, *value.values()])
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _differ(a: object, b: object) -> bool:
    return type(a) is not type(b) or a != b


# -- logging ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stream:
    """What logs to `sys.stdout` or `sys.stderr`."""

    name: str
    """Which of the two."""
    level: int
    formatter: logging.Formatter | None


@dataclass(frozen=True, slots=True)
class Log:
    """What a logger is set to."""

    level: int = logging.NOTSET
    disabled: bool = False
    propagate: bool = True
    streams: tuple[Stream, ...] = ()

    @classmethod
    def of(cls, logger: logging.Logger) -> Log:
        """Tell what a logger is set to."""
        streams = tuple(stream for handler in logger.handlers if (stream := _stream(handler)))
        return cls(logger.level, logger.disabled, logger.propagate, streams)

    def put(self, logger: logging.Logger) -> None:
        """Set a logger to the same; what else it logs to stays."""
        missing = list(self.streams)
        for handler in [*logger.handlers]:
            there = _stream(handler)
            if there in missing:
                missing.remove(there)
            elif there is not None:
                logger.removeHandler(handler)
        for stream in missing:
            handler = logging.StreamHandler(getattr(sys, stream.name))
            handler.setLevel(stream.level)
            handler.setFormatter(stream.formatter)
            logger.addHandler(handler)
        logger.setLevel(self.level)
        logger.disabled, logger.propagate = self.disabled, self.propagate


_UNTOUCHED = Log()


@dataclass(frozen=True, slots=True)
class Logs:
    """What all loggers are set to."""

    root: Log
    others: dict[str, Log]
    """By name, those that are not as they are made."""
    disabled: int
    """What `logging.disable` set."""

    @classmethod
    def of_process(cls) -> Logs:
        """Tell of this process's."""
        others = {name: Log.of(logger) for name, logger in _loggers()}
        changed = {name: log for name, log in others.items() if log != _UNTOUCHED}
        return cls(Log.of(logging.root), changed, logging.root.manager.disable)

    def take_over(self) -> None:
        """Set this process's to the same."""
        for name, logger in _loggers():
            if name not in self.others and Log.of(logger) != _UNTOUCHED:
                _UNTOUCHED.put(logger)
        for name, log in self.others.items():
            log.put(logging.getLogger(name))
        self.root.put(logging.root)
        logging.disable(self.disabled)


def _loggers() -> list[tuple[str, logging.Logger]]:
    """Return all loggers but the root, and those of what runs cells."""
    return [
        (name, logger)
        for name, logger in logging.root.manager.loggerDict.copy().items()
        if isinstance(logger, logging.Logger) and name not in _OF_KERNELS
    ]


_OF_KERNELS = frozenset({"IPKernelApp", "traitlets", "ipykernel", "ipykernel.comm", "asyncio"})


def _stream(handler: logging.Handler) -> Stream | None:
    """Tell of a handler that logs to a standard stream; None of another."""
    if type(handler) is not logging.StreamHandler:
        return None
    formatter = handler.formatter
    if type(formatter) is not logging.Formatter:
        formatter = None
    for name in ("stdout", "stderr"):
        if handler.stream is getattr(sys, name):
            return Stream(name, handler.level, formatter)
    return None
