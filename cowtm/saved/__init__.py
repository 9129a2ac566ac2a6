"""How states are put into a journal and read back.

- `codec`: deltas, as addresses of contents; `shelf`: contents read back by their addresses;
- `pages`: values as bytes; `naming`: what pages name instead of holding it; `births`: classes made
  again; `revival`: what can't be captured but had again;
- `rows`: what JSON says of a state; `folder`, `remote`: where journals are.
"""
