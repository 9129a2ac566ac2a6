"""A session on the disk: one SQLite file that knows bytes and JSON, and makes or reads no pickle.

- `journal`: what others call; `frames`: the chunks in it;
- `recognition`, `header`, `survey`: opening one, whatever state it is in; `copying`: a copy of one;
- `sealed`, `trust`: rows are sealed with this user's key and judged when they are read;
- `salvage`: what is left of a damaged file; `rescue`: that, in a new one;
- `tables`, `ledger`: how a file looks;
- `database`, `locks`: SQLite, and one writer at a time.
"""

from cowtm.journal.database import remove
from cowtm.journal.frames import ChunkKey
from cowtm.journal.journal import SUFFIX, Journal, StateRow
from cowtm.journal.rescue import rescue
from cowtm.journal.survey import Lost

__all__ = ["SUFFIX", "ChunkKey", "Journal", "Lost", "StateRow", "remove", "rescue"]
