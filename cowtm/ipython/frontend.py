"""Where the output of cells in the background is shown: under the cell that started them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cowtm.future.worker import Message


class Frontend(Protocol):
    """Shows output of cells that may be over."""

    def here(self) -> Any:
        """Tell the cell that runs: what `show` wants to know."""

    def show(self, cell: Any, message: Message) -> None:
        """Show something in a cell, from any thread."""


class Notebook:
    """Shows output in the notebooks and consoles that a kernel serves.

    Args:
        shell: the kernel's.

    """

    def __init__(self, shell: Any) -> None:
        self._kernel = shell.kernel
        self._shell = shell

    def here(self) -> Any:
        """Tell the cell that runs: the request to execute it."""
        return self._shell.get_parent()

    def show(self, cell: Any, message: Message) -> None:
        """Send it as if the cell did."""
        kernel = self._kernel
        kernel.session.send(
            kernel.iopub_socket,
            message.kind,
            dict(message.content),
            parent=cell,
            ident=f"kernel.{kernel.ident}.{message.kind}".encode(),
            metadata=dict(message.metadata),
            buffers=message.buffers,
        )


class Terminal:
    """Shows output in a terminal: text, as it comes.

    Args:
        shell: the terminal's.

    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def here(self) -> Any:
        """Tell nothing: a terminal has no cells."""
        return None

    def show(self, cell: Any, message: Message) -> None:
        """Print it."""
        del cell
        content = message.content
        if message.kind == "stream":
            print(content["text"], end="")  # noqa: T201  the job's own output
        elif message.kind == "error":
            print("\n".join(content["traceback"]))  # noqa: T201
        elif "data" in content:
            print(content["data"].get("text/plain", ""))  # noqa: T201


def frontend_of(shell: Any) -> Frontend:
    """Give what shows output of a shell's cells."""
    return Notebook(shell) if getattr(shell, "kernel", None) is not None else Terminal(shell)
