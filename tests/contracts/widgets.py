"""ipywidgets and traitlets: widgets on the page, objects with traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cowtm.testing import Example, Family, describes, describes_leaf

if TYPE_CHECKING:
    from cowtm.testing.form import Walk

TRAITS = """
import traitlets

class Traited(traitlets.HasTraits):
    number = traitlets.Int(1)
    many = traitlets.List()
    text = traitlets.Unicode("t")
    free = traitlets.Any()

    @traitlets.default("text")
    def _text(self):
        return "made"

    @traitlets.observe("number")
    def _note(self, change):
        self.heard = change.new

class Other(traitlets.HasTraits):
    number = traitlets.Int(1)

def linked():
    first, second = Other(), Other()
    return [first, second, traitlets.link((first, "number"), (second, "number"))]
"""

WIDGETS = """
import ipywidgets

def press(button):
    button.description = "pressed"

def shown(a, b=2):
    return a + b
"""

FAMILIES = [
    Family(
        "objects with traits (traitlets)",
        {
            "object with traits": Example(
                "Traited(number=3)",
                (
                    "x.number = 4",
                    "x.text",
                    "x.many = [1]",
                    "x.many.append([2])",
                    "x.free = x",
                    "x.observe(len, 'number')",
                    "x.number = 5",
                    "x.unobserve(len, 'number')",
                ),
            ),
            "links": Example("linked()", ("x[0].number = 4", "x[2].unlink()", "x[1].number = 9")),
        },
        prelude=TRAITS,
        needs=("traitlets",),
        how="values, listeners, validators; nobody is told when they are put back, as what "
        "listeners did is put back too",
    ),
    Family(
        "widgets (ipywidgets)",
        {
            "slider": Example(
                "ipywidgets.IntSlider(value=3)",
                (
                    "x.value = 5",
                    "x.description = 'd'",
                    "x.layout.width = '30px'",
                    "x.style.handle_color = 'red'",
                    "x.max = 9",
                    "x.observe(print, 'value')",
                    "x.unobserve_all()",
                ),
            ),
            "button": Example(
                "ipywidgets.Button()",
                ("x.on_click(press)", "x.icon = 'check'", "x.on_click(press, remove=True)"),
            ),
            "box": Example(
                "ipywidgets.VBox([ipywidgets.Text('a'), ipywidgets.Label('b')])",
                (
                    "x.children[0].value = 'c'",
                    "x.children = x.children[1:]",
                    "x.children = [*x.children, ipywidgets.Checkbox()]",
                    "x.layout = ipywidgets.Layout(width='3px')",
                ),
            ),
            "choice": Example(
                "ipywidgets.Dropdown(options=['a', 'b'])",
                ("x.value = 'b'", "x.options = ['c', 'd']"),
            ),
            "interact": Example(
                "ipywidgets.interactive(shown, a=(0, 9), b=(0, 3))",
                ("x.children[0].value = 7",),
            ),
            "output": Example(
                "ipywidgets.Output()",
                ("x.append_stdout('hello')", "x.outputs = ()"),
            ),
            "closed": Example("ipywidgets.IntText(3)", ("x.value = 4", "x.close()")),
        },
        prelude=WIDGETS,
        needs=("ipywidgets",),
        how="values of traits, attributes, handlers; the page is told what changed; a copy gets "
        "onto the page when it is shown",
    ),
]


@describes("ipywidgets.widgets.widget.Widget")
def _widget(walk: Walk, value: Any) -> tuple[Any, ...]:
    spared = ("_trait_values", "_model_id", "_repr_mimebundle_")
    attributes = {n: v for n, v in vars(value).items() if n not in spared}
    line = ("comm", "_property_lock", "_states_to_send")
    values = {n: v for n, v in value._trait_values.items() if n not in line}
    closed = value._repr_mimebundle_ is None
    return closed, walk.pairs(sorted(attributes.items())), walk.pairs(sorted(values.items()))


@describes_leaf(
    *(f"traitlets.traitlets.{what}Handler" for what in ("Observe", "Validate", "Default"))
)
def _handler(value: Any) -> object:
    return value.this_class.__name__, value.name
