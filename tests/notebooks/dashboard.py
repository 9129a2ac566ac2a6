# %%
import ipywidgets as widgets
import numpy as np
import pandas as pd
from tqdm import tqdm

# %%
df = pd.DataFrame({"x": np.arange(10), "y": np.arange(10) ** 2})
slider = widgets.IntSlider(value=3, min=0, max=9, description="row")
label = widgets.Label("nothing yet")
slider.value, label.value

# %%
changes = []
def moved(change):
    changes.append((change["old"], change["new"]))
    label.value = f"y = {df.y[change['new']]}"
slider.observe(moved, names="value")
slider.value = 5
label.value, changes

# %%
box = widgets.VBox([slider, label])
box.layout.width = "50%"
len(box.children)

# %%
slider.max = 4            # clips the value, which calls back
slider.value, changes

# %% raises
slider.value = "seven"

# %%
button = widgets.Button(description="double")
clicks = 0
def double(b):
    global clicks
    clicks += 1
    df["y"] *= 2
    b.description = f"doubled {clicks}"
button.on_click(double)
button.click(); button.click()
df.y.max(), button.description

# %%
drop = widgets.Dropdown(options=["a", "b", "c"], value="b")
text = widgets.Text("hello")
link = widgets.link((drop, "value"), (text, "value"))
text.value

# %%
drop.value = "c"
text.value

# %%
link.unlink()
drop.options = ["x", "y"]
text.value = "alone"
drop.value, text.value

# %%
total = 0
for i in tqdm(range(5), disable=True):
    total += i
total

# %%
slider.unobserve(moved, names="value")
slider.value = 0
len(changes), label.value

# %%
inter = widgets.interactive(lambda n: n * 2, n=(0, 10))
inter.children[0].value = 7
inter.kwargs

# %%
controls = {"slider": slider, "drop": drop}
controls["slider"].style.handle_color = "red"
box.children += (drop,)
len(box.children), slider.style.handle_color

# %%
slider.close()
del button
box.children = box.children[1:]
[type(c).__name__ for c in box.children]
