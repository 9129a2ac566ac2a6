"""matplotlib: figures, axes, artists, transforms, who listens to whom, settings."""

from __future__ import annotations

import sys
from types import MethodType
from typing import TYPE_CHECKING, Any

from cowtm.testing import Example, Family, Limit, describes, describes_ambient, describes_leaf

if TYPE_CHECKING:
    from cowtm.testing.form import Walk

PRELUDE = """
import matplotlib
import matplotlib.pyplot as plt
plt.close("all")
matplotlib.use("agg")
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.transforms import Affine2D, Bbox
from matplotlib.widgets import Slider
plt.rcdefaults()
matplotlib.use("agg")
plt.close("all")

def small(**how):
    return plt.subplots(figsize=(2, 1.5), dpi=50, **how)

def small_3d():
    figure = plt.figure(figsize=(2, 1.5), dpi=50)
    return [figure, figure.add_subplot(projection="3d")]

def listening(figure, axes):
    heard = []
    axes.callbacks.connect("xlim_changed", lambda axes: heard.append(axes.get_xlim()))
    return [figure, axes, heard]

class Listener:
    def __init__(self):
        self.heard = []
    def hear(self, axes):
        self.heard.append(axes.get_ylim())

def animated():
    figure, axes = small()
    (line,) = axes.plot([1, 2])
    made = FuncAnimation(figure, line.set_ydata, frames=[[1, 2], [3, 4]], repeat=False)
    made._draw_was_started = True
    plt.close(figure)
    return made

plt.held = animated()
"""

FAMILIES = [
    Family(
        "matplotlib figures, axes, artists, pyplot",
        {
            "figure": Example(
                "small()",
                (
                    "x[1].plot([1, 2, 3], label='a')",
                    "x[1].set_title('t'); x[1].set_xlabel('l')",
                    "x[1].lines[0].set_ydata([3, 2, 1])",
                    "x[1].lines[0].set_color('red')",
                    "x[1].set_xlim(-1, 5)",
                    "x[1].legend()",
                    "x[0].suptitle('all')",
                    "x[0].set_size_inches(3, 2)",
                    "x[1].lines[0].remove()",
                    "x[1].clear()",
                ),
            ),
            "drawn figure": Example(
                "small()",
                (
                    "x[0].canvas.draw()",
                    "x[1].plot([1, 2, 3])",
                    "x[0].canvas.draw()",
                    "x[1].set_yscale('log')",
                    "x[0].canvas.draw()",
                ),
            ),
            "artists": Example(
                "small()",
                (
                    "x[1].scatter([1, 2], [3, 4], c=[0.0, 1.0])",
                    "x[1].collections[0].set_array([1.0, 0.0])",
                    "x[1].collections[0].set_offsets([[1, 1], [2, 2]])",
                    "x[1].bar([1, 2], [3, 4]); x[1].patches[0].set_height(9)",
                    "x[1].text(1, 1, 'hello', rotation=30); x[1].annotate('a', (1, 1), (2, 2))",
                    "x[1].fill_between([1, 2], [0, 1]); x[1].axhline(2)",
                    "x[1].hist([1, 2, 2]); x[1].grid(True)",
                    "x[1].tick_params(labelsize=5); x[1].set_xticks([1, 2], ['a', 'b'])",
                    "x[1].patches[0].set_visible(False)",
                ),
            ),
            "data written in place": Example(
                "(lambda a, f: [a, *f, f[1].plot(a), f[1].imshow(a.reshape(2, 2))])"
                "(np.arange(4.0), small())",
                ("x[0][1] = 7", "x[3][0].get_ydata(orig=False)[2] = 9", "x[4].set_data([[1, 2]])"),
            ),
            "image with a colour bar": Example(
                "(lambda f, a: [f, a, i := a.imshow(np.eye(3)), f.colorbar(i)])(*small())",
                ("x[2].set_clim(0, 5)", "x[2].set_cmap('gray')", "x[2].norm.vmax = 3"),
            ),
            "contours": Example(
                "(lambda f, a: [f, a, a.contour(np.arange(9.0).reshape(3, 3))])(*small())",
                ("x[1].clabel(x[2])", "x[2].remove()"),
            ),
            "triangles": Example(
                "(lambda f, a: [f, a, a.tripcolor([0, 1, 1], [0, 0, 1], [1.0, 2, 3])])(*small())",
                ("x[2].set_array([3.0])", "x[1].triplot([0, 1, 1], [0, 0, 1])"),
            ),
            "three dimensions": Example(
                "small_3d()",
                (
                    "x[1].plot([1, 2], [3, 4], [5, 6])",
                    "x[1].view_init(10, 20)",
                    "x[1].plot_surface(np.eye(3), np.eye(3), np.eye(3))",
                    "x[1].set_zlim(0, 9)",
                ),
            ),
            "shared axes": Example(
                "small(ncols=2, sharey=True)",
                (
                    "x[1][0].plot([1, 9])",
                    "x[1][1].set_ylim(0, 3)",
                    "x[0].align_labels()",
                    "x[1][1].remove()",
                ),
            ),
            "axes shared later": Example(
                "small(ncols=3)",
                (
                    "x[1][1].sharex(x[1][0])",
                    "x[1][0].set_xlim(3, 4)",
                    "x[1][2].sharex(x[1][1])",
                    "x[1][2].set_xlim(5, 6)",
                ),
            ),
            "twins": Example(
                "small()",
                ("x[1].plot([1, 2])", "x[1].twinx().plot([9, 8], 'r')", "x[0].axes[1].set_ylim(0)"),
            ),
            "current axes": Example(
                "small(ncols=2)",
                ("x[0].sca(x[1][0])", "x[0].add_subplot(3, 3, 5)", "x[0].delaxes(x[1][0])"),
            ),
            "pyplot": Example(
                "plt.figure(figsize=(2, 1.5), dpi=50)",
                (
                    "plt.plot([1, 2])",
                    "plt.title('t')",
                    "y = plt.figure('other', figsize=(2, 1.5)); plt.plot([3, 4])",
                    "plt.figure(x.number)",
                    "plt.close('other')",
                ),
                copies=False,
            ),
            "listeners": Example(
                "[*listening(*small()), Listener()]",
                (
                    "x[1].set_xlim(0, 7)",
                    "x[1].callbacks.connect('ylim_changed', x[3].hear)",
                    "x[1].set_ylim(0, 7)",
                    "x[1].callbacks.disconnect(0)",
                    "x[0].canvas.mpl_connect('key_press_event', x[3].hear)",
                ),
            ),
            "transforms": Example(
                "[a := Affine2D(), b := Affine2D(), a + b, Bbox([[0, 0], [1, 1]])]",
                (
                    "x[0].translate(1, 2)",
                    "x[2].get_matrix(); x[1].rotate(1)",
                    "x[3].x0 = 5",
                    "x.append(x[3].transformed(x[2]))",
                ),
            ),
            "a slider": Example(
                "(lambda f, a: [f, Slider(a, 's', 0, 9)])(*small())",
                ("x[1].set_val(5)", "x[1].on_changed(print)"),
            ),
            "an animation": Example(
                "[plt.held, 1]",
                ("x[1] = 2",),
                by_reference="an animation",
                saved="an animation",
            ),
            "many points": Example(
                "(lambda f, a: [f, a, a.scatter(np.arange(1e5), np.arange(1e5))])(*small())",
                ("x[2].set_sizes([3])", "x[1].set_title('t')"),
                at_most=10_000,
            ),
        },
        prelude=PRELUDE,
        needs=("matplotlib",),
        how="artists as instances; what is held weakly (listeners, shared axes, transforms that "
        "depend on others) by the objects at its end; the picture on a canvas in chunks; "
        "pyplot's figures with every state",
    ),
    Family(
        "matplotlib settings",
        {
            "settings": Example(
                "[plt.rcParams]",
                (
                    "plt.rcParams['lines.linewidth'] = 7.5",
                    "plt.rcParams['axes.prop_cycle'] = plt.cycler(color=['r', 'g'])",
                    "plt.style.use('ggplot')",
                    "plt.rc('font', size=3.5)",
                    "plt.rcdefaults()",
                ),
                copies=False,
                saved="the settings in use",
            ),
            "settings of one's own": Example(
                "plt.rcParams.copy()", ("x['lines.linewidth'] = 7.5", "x.update(x)")[:1]
            ),
        },
        prelude=PRELUDE,
        needs=("matplotlib",),
        how="`rcParams`, with every state",
        limits=(
            Limit(
                "which backend draws, and whether it does so at once (`plt.ion`): they are the "
                "session's",
                (
                    "import matplotlib\nmatplotlib.use('agg')\nmatplotlib.interactive(False)",
                    "matplotlib.interactive(True)",
                ),
                "matplotlib.is_interactive()",
                needs=("matplotlib",),
            ),
        ),
    ),
]


def _attributes(walk: Walk, value: Any, *apart: str) -> tuple[Any, ...]:
    return tuple((n, walk.token(v)) for n, v in sorted(vars(value).items()) if n not in apart)


@describes_leaf("matplotlib.path.Path")
def _path(value: Any) -> object:
    """Tell by value those that matplotlib has one of in each process, such as the circle."""
    return _points(value) if value.readonly else None


def _points(path: Any) -> object:
    return None if path is None else (repr(path.vertices.tolist()), repr(path.codes))


@describes("matplotlib.markers.MarkerStyle")
def _marker(walk: Walk, value: Any) -> tuple[Any, ...]:
    # Of what it draws matplotlib has one in each process, too.
    drawn = getattr(value, "_path", None), getattr(value, "_alt_path", None)
    return *_attributes(walk, value, "_path", "_alt_path"), *map(_points, drawn)


@describes("matplotlib.transforms.TransformNode")
def _transform(walk: Walk, value: Any) -> tuple[Any, ...]:
    # The inverse is kept until the numbers are worked out anew, which travel has them be.
    return _attributes(walk, value, "_parents", "_invalid", "_inverted")


@describes("matplotlib.cbook.CallbackRegistry")
def _callbacks(walk: Walk, value: Any) -> tuple[Any, ...]:
    listeners = []
    for signal, registered in value.callbacks.items():
        for number, reference in registered.items():
            function = reference()
            bound = isinstance(function, MethodType)
            name = function.__func__.__qualname__ if bound else ""
            told = walk.token(function.__self__ if bound else function)
            listeners.append((signal, number, name, told))
    return walk.token(value.exception_handler), repr(value._cid_gen), *listeners


@describes("matplotlib.cbook.Grouper")
def _groups(walk: Walk, value: Any) -> tuple[Any, ...]:
    return tuple(walk.tokens(group) for group in value)


@describes("matplotlib.contour.ContourSet", "matplotlib.tri._triangulation.Triangulation")
def _computed(walk: Walk, value: Any) -> tuple[Any, ...]:
    return _attributes(walk, value, "_contour_generator", "_cpp_triangulation")


@describes("matplotlib.axes._base._AxesBase")
def _axes(walk: Walk, value: Any) -> tuple[Any, ...]:
    shared = [value.get_shared_x_axes(), value.get_shared_y_axes(), value._twinned_axes]
    return *_attributes(walk, value), *(walk.tokens(_siblings(g, value)) for g in shared)


def _siblings(group: Any, value: Any) -> list[Any]:
    """Give who shares with axes, as they stand in the figure.

    matplotlib gives them by a count of all axes of the process that are alive.
    """
    there = value.figure.axes if value.figure is not None else []
    known = {id(axes): at for at, axes in enumerate(there)}
    return sorted(group.get_siblings(value), key=lambda axes: known.get(id(axes), len(known)))


@describes("matplotlib.backends.backend_agg.RendererAgg")
def _drawing(_: Walk, value: Any) -> tuple[Any, ...]:
    return value.width, value.height, value.dpi, value.buffer_rgba().tobytes()


@describes("matplotlib.figure._AxesStack")
def _stack(walk: Walk, value: Any) -> tuple[Any, ...]:
    return *walk.pairs(value._axes.items()), repr(value._counter), walk.token(value.current())


@describes("matplotlib.animation.Animation")
def _animation(_: Walk, value: Any) -> tuple[Any, ...]:
    return "itself", id(value)


@describes("matplotlib.RcParams")
def _named(walk: Walk, value: Any) -> tuple[Any, ...]:
    return walk.pairs(item for item in sorted(dict.items(value)) if item[0] not in SESSION)


@describes_ambient("<matplotlib figures>")
def _pyplot(_: Walk) -> Any:
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return ()
    figures = helpers.Gcf.figs.items()
    return tuple((n, tuple(map(_shown, m.canvas.figure.axes))) for n, m in figures)


def _shown(axes: Any) -> Any:
    """Tell by values what axes show: no variable need hold them."""
    lines = [repr([*map(_plainly, line.get_data(orig=True))]) for line in axes.lines]
    return axes.get_title(), axes._viewLim.extents.tolist(), lines


def _plainly(data: Any) -> Any:
    """Take a masked array apart: to show itself it would work out what fills it, and keep that."""
    return (data.data, data.mask) if hasattr(data, "mask") and hasattr(data, "data") else data


@describes_ambient("<matplotlib settings>")
def _settings(_: Walk) -> Any:
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None:
        return ()
    own = dict(dict.items(matplotlib.rcParamsOrig))
    now = [(k, v) for k, v in dict.items(matplotlib.rcParams) if v is not own[k]]
    told = [(k, repr(v)) for k, v in now if k not in SESSION]
    return tuple(sorted((k, said) for k, said in told if said != repr(own[k])))


SESSION = ("backend", "backend_fallback", "interactive")
"""Settings that are the session's, not a state's."""
