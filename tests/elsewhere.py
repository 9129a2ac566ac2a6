"""Another process, played within this one: a namespace that knows nothing of the first."""

from __future__ import annotations

import random
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cowtm.testing.form import Form, form_of
from cowtm.testing.session import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def elsewhere() -> Iterator[dict[str, Any]]:
    """Have a new namespace be the one of the notebook; the generators draw as before afterwards."""
    module = ModuleType(NAME)
    before = {name: sys.modules.get(name) for name in ("__main__", NAME)}
    drawn = random.getstate(), np.random.get_state()
    sys.modules.update({"__main__": module, NAME: module})
    try:
        yield vars(module)
    finally:
        for name, known in before.items():
            if known is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = known
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])


def variables_form(names: Mapping[str, Any]) -> Form:
    """Describe variables, the classes of the notebook among them."""
    return form_of({name: names[name] for name in sorted(names)}, module=NAME)


def of_variables(form: Form) -> Form:
    """Leave out of a session's form what is no variable, and the identity of what has nothing else.

    A lock is another one elsewhere; tuples of constants that were one may be two.
    """
    names = {name: token for name, token in form.names.items() if not name.startswith("<")}
    records = [record[:2] if record[1:2] == ("itself",) else record for record in form.records]
    return _by_value(Form(names, records, form.objects, form.made))


def _by_value(form: Form) -> Form:
    """Tell tuples of constants by value, and number the other objects anew."""
    told = [number for number in range(len(form.records)) if not form.is_constant(number)]
    numbers = {old: new for new, old in enumerate(told)}
    names = {name: _again(form, numbers, token) for name, token in form.names.items()}
    records = [_again(form, numbers, form.records[number]) for number in told]
    return Form(names, records, form.objects, set())


def _again(form: Form, numbers: Mapping[int, int], token: Any) -> Any:
    if type(token) is not tuple:
        return token
    if len(token) == 2 and token[0] == "#":
        number = token[1]
        if number in numbers:
            return "#", numbers[number]
        return _again(form, numbers, form.records[number])
    return tuple(_again(form, numbers, part) for part in token)
