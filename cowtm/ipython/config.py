"""Settings: ``%config TimeMachine.name = value``, or ``c.TimeMachine.name`` in a profile."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from traitlets import Bool, Enum, Float, Int, TraitError, Unicode, Union, validate
from traitlets.config import Configurable

from cowtm.budgets import AUTO, LEAST_ON_DISK, bytes_of
from cowtm.display import size_text
from cowtm.errors import BadInput
from cowtm.future.job import GRACE
from cowtm.future.outputs import LIMIT
from cowtm.ipython import batch
from cowtm.recorder import RECHECK


class TimeMachine(Configurable):  # the name that %config shows
    """Settings of the time machine."""

    recheck = Float(
        RECHECK,
        help="Seconds after each cell for checking variables that the cell did not touch, "
        "for changes by callbacks, threads and libraries. "
        "5 %% of the cell's own time is used if that is more; 0: they are not checked.",
    ).tag(config=True)

    idle_check = Bool(
        default_value=True,
        help="Whether variables that a cell did not touch are checked once while the kernel is "
        "idle, in slices of 10 ms. What is found makes a state of its own, marked late.",
    ).tag(config=True)

    announce = Bool(
        default_value=True,
        help="Whether travelling prints one line that says what came back and what is gone.",
    ).tag(config=True)

    memory_budget = Union(
        [Unicode(), Int(), Float()],
        default_value=AUTO,
        help="Memory that recorded states may take: '2 GiB', '25%%' of the machine's memory (or of "
        "its control group's limit, if that is less), 'auto' for a third of it, or bytes.",
    ).tag(config=True)

    disk_budget = Union(
        [Unicode(), Int(), Float()],
        default_value="50%",
        help="Disk space that the journal may take: a size, or a share of what is free.",
    ).tag(config=True)

    spill_dir = Unicode(
        "",
        help="Folder for the journal, where states go that memory has no room for; "
        "by default 'cowtm' in the Jupyter data directory.",
    ).tag(config=True)

    autosave = Bool(
        default_value=False,
        help="Whether each state is written into the journal as it is born, to outlive the kernel. "
        "tm.journal_path says where, tm.resume(path) goes on with it.",
    ).tag(config=True)

    max_workers = Int(
        os.cpu_count() or 1,
        min=1,
        help="Cells that run in the background at a time; others wait. By default as many as the "
        "machine has processors.",
    ).tag(config=True)

    worker_kernel = Unicode(
        "",
        help="The installed kernel that runs cells in the background: a name of "
        "'jupyter kernelspec list', whose provisioner may start it on another machine, where cowtm "
        "must be installed too. By default this Python's own, which takes over memory without "
        "copying it.",
    ).tag(config=True)

    cancel_grace = Float(
        GRACE,
        min=0.0,
        help="Seconds that a cell in the background has to end when it is cancelled, before its "
        "process is ended.",
    ).tag(config=True)

    background = Enum(
        (batch.AUTO, batch.ALWAYS, batch.WAIT, batch.FOREGROUND),
        default_value=batch.AUTO,
        help="Where %%%%future cells run. 'always': in the background. 'wait': there too, and the "
        "cell waits for its end, and fails if it fails. 'foreground': here, as if %%%%future were "
        "not there. 'auto': in the background; but where a program runs the notebook (nbclient, "
        "papermill, nbconvert), which drops what comes after a cell's end, the cell waits.",
    ).tag(config=True)

    output_limit = Int(
        LIMIT,
        min=1000,
        help="Characters of a cell's outputs that are recorded for tm.replay; of more, the "
        "beginning and the end. All cells together may have 64 times as many.",
    ).tag(config=True)

    @validate("memory_budget")
    def _is_budget(self, proposal: dict[str, Any]) -> Any:
        try:
            bytes_of(proposal["value"], 100)
        except BadInput as error:
            raise TraitError(str(error)) from None
        return proposal["value"]

    @validate("disk_budget")
    def _is_budget_of_disk(self, proposal: dict[str, Any]) -> Any:
        wanted: Any = self._is_budget(proposal)
        if bytes_of(wanted, 2**50) < LEAST_ON_DISK:
            msg = f"a journal takes {size_text(LEAST_ON_DISK)} at least; got {wanted!r}"
            raise TraitError(msg)
        return wanted

    @validate("spill_dir")
    def _can_be_written(self, proposal: dict[str, str]) -> str:
        named = proposal["value"]
        if named:
            folder = Path(named).expanduser()
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except OSError as error:
                msg = f"journals can't be put into {named!r}: {error}"
                raise TraitError(msg) from None
        return named

    @validate("recheck")
    def _not_negative(self, proposal: dict[str, float]) -> float:
        return max(proposal["value"], 0.0)
