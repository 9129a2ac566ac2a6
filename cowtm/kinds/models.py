"""What pydantic compiles from a class: never recorded, as pydantic makes it again when it is asked.

A class that was made anew, in another process, has what pydantic itself gives to classes that are
not compiled yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cowtm.kinds.base import class_dict

COMPILED = frozenset(
    {
        "__pydantic_core_schema__",
        "__pydantic_validator__",
        "__pydantic_serializer__",
        "__pydantic_complete__",
    }
)
"""The attributes of a class that pydantic makes of the others."""


def is_model(cls: type) -> bool:
    """Tell whether a class is a model or a dataclass of pydantic's."""
    own = class_dict(cls)
    return "__pydantic_decorators__" in own or "__is_pydantic_dataclass__" in own


def prepare(cls: Any) -> None:
    """Have a class that was made anew be compiled when it is used first."""
    if "__pydantic_validator__" in class_dict(cls) or not is_model(cls):
        return
    mocks: Any = import_module("pydantic._internal._mock_val_ser")
    dataclass = "__is_pydantic_dataclass__" in class_dict(cls)
    type.__setattr__(cls, "__pydantic_complete__", False)
    (mocks.set_dataclass_mocks if dataclass else mocks.set_model_mocks)(cls)
