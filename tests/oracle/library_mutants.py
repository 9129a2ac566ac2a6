"""Mutants of the kinds of libraries: cowtm with one of them broken, caught by its examples.

Run as a module, it says for each how it was caught.
"""

from __future__ import annotations

import json

from contracts import CASES

from cowtm.testing import copies, travels
from oracle.mutants import Mutant, applied

LIBRARY_MUTANTS: dict[str, tuple[str, Mutant]] = {
    "the memory of tensors is not hashed": (
        "tensors and storages of torch:",
        Mutant(
            "cowtm.kinds.storages:StorageKind.parts",
            "chunks = [] if owner is not None else",
            "chunks = [] if value is not None else",
        ),
    ),
    "places of tensors are not compared": (
        "tensors and storages of torch:",
        Mutant(
            "cowtm.kinds.tensors:Place.matches",
            "_place_of(self) == _place_of(other)",
            "self.shape == other.shape",
        ),
    ),
    "gradients are forgotten": (
        "gradients and autograd",
        Mutant(
            "cowtm.kinds.tensors:TensorKind.parts",
            "grad = value.grad if way_back(value) is None or value.retains_grad else None",
            "grad = None",
        ),
    ),
    "torch's generators are not put back": (
        "optimizers, schedules, generators",
        Mutant(
            "cowtm.kinds.optimizers:GeneratorKind.plan",
            "return value.set_state(state)",
            "return state",
        ),
    ),
    "the model of a booster is not read": (
        "boosters of xgboost",
        Mutant(
            "cowtm.kinds.boosters:BoosterKind.parts",
            "chunks = self.store.split(memoryview(self.written(value)))",
            "chunks = []",
        ),
    ),
    "the settings of scikit-learn are not recorded": (
        "scikit-learn: settings",
        Mutant("cowtm.kinds.estimators:ambient", "return [Ambient(", "return [] and [Ambient("),
    ),
    "the memory of arrow's arrays is read once": (
        "of pyarrow",
        Mutant(
            "cowtm.kinds.arrow:ArrowKind.parts",
            "return [self.cls, form, *memories.found]",
            "return [self.cls, form, *map(bytes, memories.found)]",
        ),
    ),
    "numpy owns what a library lent": (
        "buffers of pyarrow: array of numpy's",
        Mutant(
            "cowtm.kinds.arrays:ArrayKind.parts", "not dtype.hasobject and is_lent(", "None and ("
        ),
    ),
    "resizable buffers of arrow are taken for immutable": (
        "of pyarrow",
        Mutant(
            "cowtm.kinds.arrow:ResizableKind.parts",
            'chunks = self.store.split(memory.cast("B"))',
            "chunks = []",
        ),
    ),
    "names of columns of polars are not compared": (
        "of polars",
        Mutant(
            "cowtm.kinds.columns:Heads.matches",
            "(self.columns, self.height) == (other.columns, other.height)",
            "self.height == other.height",
        ),
    ),
    "which columns a block holds is not compared": (
        "pandas frames, series, indexes",
        Mutant(
            "cowtm.kinds.frames:Placement.matches",
            "isinstance(other, Placement) and self.indexer == other.indexer",
            "isinstance(other, Placement)",
        ),
    ),
    "a cached function keeps its results": (
        "functools caches",
        Mutant("cowtm.kinds.caches:CachedKind.plan", "_write(value, function, kept)", "len(kept)"),
    ),
    "a context variable keeps its value": (
        "context variable",
        Mutant(
            "cowtm.kinds.contexts:ContextVariableKind.plan", "value.set(wanted)", "value.get(None)"
        ),
    ),
    "the decimal context in use stays": (
        "decimal context in use",
        Mutant(
            "cowtm.kinds.decimals:CurrentKind.plan",
            "decimal.setcontext(parts[0])",
            "decimal.getcontext()",
        ),
    ),
    "mapped memory is not hashed": (
        "mapped memory",
        Mutant(
            "cowtm.kinds.mapped:MappedKind.parts",
            "chunks = self.store.split(memory)",
            "chunks = []",
        ),
    ),
    "records lie at the beginning of their root": (
        "records, recarrays",
        Mutant("cowtm.kinds.records:RecordKind.parts", "address(plain) - root_address(root)", "0"),
    ),
    "the number that a random state has left is forgotten": (
        "generators of random numbers",
        Mutant(
            "cowtm.kinds.generators:RandomStateKind.parts",
            "kept = self._read_kept(value)",
            "kept = 0, 0.0",
        ),
    ),
    "the figures that pyplot knows are no part of a state": (
        "matplotlib",
        Mutant("cowtm.kinds.figures:ambient", "Ambient(FIGURES, figures,", "Ambient(FIGURES, {},"),
    ),
    "the settings of matplotlib are not read": (
        "matplotlib settings",
        Mutant(
            "cowtm.kinds.styles:SettingsKind.body",
            "list(dict.values(value))",
            "[None] * dict.__len__(value)",
        ),
    ),
    "the values of a widget's traits are not read": (
        "widgets (ipywidgets)",
        Mutant(
            "cowtm.kinds.widgets:WidgetKind.parts",
            "if item[0] not in _OF_THE_LINE:",
            "if item is _OF_THE_LINE:",
        ),
    ),
    "the pixels of images are not read": (
        "images (PIL)",
        Mutant(
            "cowtm.kinds.images:PixelsKind._pixels",
            "chunks = self.store.split(memoryview(_image(value).tobytes()), 1)",
            "chunks = []",
        ),
    ),
}
"""Name -> part of the names of the examples that catch it, and the mutant."""


def caught_by_examples(where: str, mutant: Mutant) -> str:
    """Return how a mutant is caught by examples with a text in their names; empty if it is not."""
    with applied(mutant):
        for case in (case for case in CASES if where in case):
            family, name = CASES[case]
            try:
                travels(family, name, hold=False)
                if family.examples[name].copies:
                    copies(family, name)
            except Exception as error:  # noqa: BLE001  whatever it is, it is noticed
                return f"{case}: {type(error).__name__}: {error}"[:300]
    return ""


if __name__ == "__main__":
    for mutant_name, (its_examples, one) in LIBRARY_MUTANTS.items():
        print(json.dumps([mutant_name, caught_by_examples(its_examples, one)]), flush=True)
