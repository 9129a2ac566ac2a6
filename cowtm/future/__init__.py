"""The future: cells that run in the background, in kernels of their own, from any state.

The words: a *job* is what the user holds, a future. Its *task* says what is to be done: run this
source, from that state, as state n. While it is on its way it is a `Running`, which a `Pool` runs
on a *worker*, a second kernel. The way there and back is a `Handover`: the state goes out as a
bundle, the step that the cell made comes back as one, and is *landed* as state n.

Where to begin reading: `calls` (what users call), `dispatcher` (what happens when a job starts, and
when it ends), `running` (the one way through), `inside` (what runs in the worker). Around these:

- what goes along: `surroundings`, with `cells` and `preferences`;
- kernels: `kernel` (any), `worker` (one that runs jobs), `launch` (its first lines), `folder`,
  `pool`, `traces` (whether it can be used again), `tape` (the last words of one that died),
  `elsewhere` (on other machines);
- what comes back and is shown: `outputs`, with `written` and `progress`; `board` and `live` (the
  line in the cell), `jobs` (the list), `notices`;
- `merging`: bringing it home.
"""
