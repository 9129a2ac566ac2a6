# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams

x = np.linspace(0, 6, 40)

# %%
fig, ax = plt.subplots()
line, = ax.plot(x, np.sin(x), label="sin")
ax.set_title("waves")
len(ax.lines)

# %%
ax.plot(x, np.cos(x), "r--", label="cos")
ax.legend(loc="upper right")
ax.set_xlim(0, 5)
[l.get_label() for l in ax.lines]

# %%
line.set_ydata(np.sin(2 * x))
line.set_color("green")
line.get_ydata()[:3]

# %% raises
ax.plot(x, [1, 2, 3])

# %%
# the figure that pyplot has in mind
plt.ylabel("height")
plt.axhline(0, lw=.5)
plt.gca() is ax, plt.gcf().number

# %%
note = ax.annotate("peak", xy=(1.5, 1), xytext=(2, .5), arrowprops={"arrowstyle": "->"})
ax.text(1, -1, "low")
len(ax.texts)

# %%
fig2, axes = plt.subplots(1, 2, figsize=(6, 2), sharey=True)
bars = axes[0].bar(["a", "b", "c"], [3, 1, 2])
axes[1].scatter(x[:10], x[:10] ** 2, c=x[:10], s=20)
for bar in bars:
    bar.set_alpha(.5)
plt.get_fignums()

# %%
bars[0].set_height(5)
axes[0].relim(); axes[0].autoscale_view()
axes[0].get_ylim()[1] == axes[1].get_ylim()[1]

# %%
def decorate(a, **kw):
    a.grid(True)
    a.set(**kw)
    decorated.append(a)
decorated = []
for a, name in zip(axes, "LR"):
    decorate(a, title=name, xlabel="x")
len(decorated)

# %%
img = np.add.outer(x, x)
fig3 = plt.figure(num="heat")
shown = plt.imshow(img, cmap="viridis", origin="lower")
plt.colorbar(shown)
len(fig3.axes)

# %%
img[:20] = 0                # the picture has a copy
shown.set_clim(0, 6)
shown.set_data(img)
shown.get_clim()

# %%
fig3.canvas.draw()
np.asarray(fig3.canvas.buffer_rgba()).shape

# %%
ax.lines[1].remove()
ax.legend()
len(ax.lines)

# %%
rcParams["lines.linewidth"] = 3
thick = ax.plot(x, x / 6)[0]
thick.get_linewidth(), line.get_linewidth()

# %%
plt.close(fig2)
plt.get_fignums()

# %%
for sine in range(3):
    plt.figure(1)
    plt.plot(x, np.sin(x + sine))
len(ax.lines), plt.gcf() is fig

# %%
ax.cla()
ax.hist(np.random.normal(size=100), bins=12)
ax.set_yscale("log")
line.axes is None, len(ax.patches)

# %%
colors = plt.cm.tab10(np.arange(3))
ax.set_prop_cycle(color=colors)
p = [ax.plot([0, i])[0].get_color() for i in range(4)]
np.allclose(p[0], p[3])

# %%
ax2 = ax.twinx()
ax2.fill_between(x, x, color="grey", alpha=.2)
ax.get_shared_x_axes().joined(ax, ax2)

# %%
del fig2, axes, bars, a
plt.close("all")
fig.axes[0] is ax, plt.get_fignums()

# %%
rcParams["lines.linewidth"] = 1.5
fig.suptitle("again")
fig._suptitle.get_text()
