# %%
import sqlite3
from contextlib import closing

import pandas as pd

# %%
db = sqlite3.connect(":memory:")
db.execute("create table books (id integer primary key, title text, year int, price real)")
db.executemany(
    "insert into books (title, year, price) values (?, ?, ?)",
    [("Emma", 1815, 7.5), ("Dracula", 1897, 9.0), ("Ulysses", 1922, 14.25), ("Momo", 1973, 8.0)],
)
db.commit()

# %%
books = pd.read_sql("select * from books", db, index_col="id")
books

# %%
cursor = db.cursor()
rows = cursor.execute("select title from books where year < ?", (1950,)).fetchall()
rows

# %% raises
db.execute("select * from bookz")

# %%
stock = dict.fromkeys(books["title"], 3)
def sell(title, n=1):
    if stock[title] < n:
        raise LookupError(f"no {title} left")
    stock[title] -= n
    log.append((title, n))
log = []
sell("Emma"); sell("Momo", 2)
stock

# %%
class Shop:
    def __init__(self, connection):
        self.connection = connection
        self.sold = []
    def sell(self, title):
        self.sold.append(title)
        return len(self.sold)
shop = Shop(db)
shop.sell("Emma"), shop.connection is db

# %%
db.close()
shop.sold, len(log)

# %% raises
db.execute("select 1")

# %% raises
sell("Momo", 2)

# %%
books["stock"] = books["title"].map(stock)
books.loc[2, "price"] *= 1.1
books

# %%
cached = {}
def query(sql, *args):
    key = sql, args
    if key not in cached:
        with closing(sqlite3.connect(":memory:")) as own:
            books.to_sql("books", own)
            cached[key] = pd.read_sql(sql, own, params=list(args))
    return cached[key]
query("select avg(price) as mean from books where year > ?", 1890)

# %%
cached[next(iter(cached))].loc[0, "mean"] = -1
query("select avg(price) as mean from books where year > ?", 1890)

# %%
shop.sell("Ulysses")
holder = {"db": db, "rows": rows, "stock": stock}
holder["stock"]["Ulysses"] = 0
holder["rows"].append(("Zorba",))
len(rows)

# %%
chart = books.groupby(books["year"] // 100 * 100).agg({"price": "mean", "stock": "sum"})
chart.columns.name = "what"
chart

# %%
import csv
import io

sheet = io.StringIO()
writer = csv.writer(sheet)
writer.writerow(["title", "n"])
writer.writerows(log)
sheet.getvalue()

# %%
sheet.seek(0)
read = [row for row in csv.reader(sheet)]
read[1], sheet.tell()

# %%
import json

config = json.loads('{"a": [1, 2, {"b": null}], "c": 1.5}')
config["a"][2]["b"] = config["a"]
config["c"] -= .5
config["a"][2]["b"][0]

# %%
del cursor, holder
books.drop(index=3, inplace=True)
books.index.max()

# %%
shop.connection = None
stock.clear()
books.T
