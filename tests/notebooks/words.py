# %%
import re
import string
from collections import Counter, OrderedDict, defaultdict, deque
from itertools import groupby, zip_longest

# %%
TEXT = """
It was the best of times, it was the worst of times, it was the age of wisdom,
it was the age of foolishness, it was the epoch of belief, it was the epoch of
incredulity, it was the season of Light, it was the season of Darkness, it was
the spring of hope, it was the winter of despair.
""" * 3
lines = TEXT.strip().splitlines()
len(lines)

# %%
token = re.compile(r"[a-z]+", re.IGNORECASE)
words = token.findall(TEXT.lower())
counts = Counter(words)
counts.most_common(4)

# %%
counts.subtract({"the": 100})
counts["it"] = 0
+counts

# %%
stop = set(["the", "of", "it", "was", "a"])
counts = Counter(w for w in words if w not in stop)
for w in sorted(counts, key=counts.get)[:3]:
    del counts[w]
counts

# %%
index = defaultdict(list)
for number, line in enumerate(lines):
    for word in token.findall(line):
        index[word.lower()].append(number)
index["hope"], len(index)

# %%
index["missing"]          # makes an entry
"missing" in index

# %% raises
dict(index)["nowhere"]

# %%
nested = defaultdict(lambda: defaultdict(int))
for first, second in zip(words, words[1:]):
    nested[first][second] += 1
max(nested["of"].items(), key=lambda kv: kv[1])

# %%
recent = deque(maxlen=4)
for w in words[:10]:
    recent.append(w)
recent.rotate(1)
recent

# %%
lru = OrderedDict((w, len(w)) for w in words[:6])
lru.move_to_end("it")
lru.popitem(last=False)
lru

# %%
class Trie(dict):
    words = 0
    def add(self, word):
        node = self
        for ch in word:
            node = node.setdefault(ch, Trie())
        node["$"] = word
        Trie.words += 1
        return node
trie = Trie()
leaves = [trie.add(w) for w in ("best", "belief", "be")]
Trie.words, list(trie["b"]["e"])

# %%
leaves[0]["$"] = "BEST"
del trie["b"]["e"]["l"]
trie

# %%
lookup = {w: i for i, w in enumerate(sorted(set(words)))}
lookup["zzz"] = lookup.pop("age")     # moves to the end
list(lookup)[-2:]

# %%
pairs = iter(lookup.items())
next(pairs)

# %% raises
lookup["new"] = 1
next(pairs)

# %%
del pairs
letters = {k: len(list(g)) for k, g in groupby(sorted("".join(words)))}
letters["e"], len(letters)

# %%
table = str.maketrans("", "", string.punctuation)
clean = [line.translate(table).split() for line in lines]
clean[0][:3], clean[-1]

# %%
clean[0].insert(1, "really")
clean.append(clean[0])            # shared
clean[-1].reverse()
clean[0][:3]

# %%
columns = list(zip_longest(*clean[:3], fillvalue=None))
cloud = {frozenset(w): w for w in counts}
len(columns), len(cloud)

# %%
def pig(word):
    pig.cache = getattr(pig, "cache", {})
    if word not in pig.cache:
        pig.cache[word] = re.sub(r"^([^aeiou]*)(.*)", r"\2\1ay", word)
    return pig.cache[word]
" ".join(map(pig, words[:6]))

# %%
pig("hope"), len(pig.cache)

# %%
seen = set()
dupes = [w for w in words if w in seen or seen.add(w)]
seen -= stop
seen.discard("hope")
len(dupes), len(seen)

# %%
words[:] = [w for w in words if w not in stop]
text = " ".join(words)
del words[::2]
len(text), len(words)

# %%
letters.clear()
data = bytearray(text[:20], "ascii")
data[0:4] = b"BEST"
data

# %%
template = "{0[best]} and {1!r:>8}"
template.format(counts | {"best": 3}, "x"), _[:4]
