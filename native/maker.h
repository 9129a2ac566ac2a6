/* What the two files of the maker share: maker.c makes objects, filler.c writes into them.
 *
 * cowtm/twin/maker.py is the specification; names here are names there.
 */
#ifndef COWTM_MAKER_H
#define COWTM_MAKER_H

#include "table.h"

/* Who makes the objects of a kind: Python, or what is here, for exact built-in containers and plain
 * instances. */
typedef enum { BY_KIND, AS_LIST, AS_DICT, AS_SET, AS_TUPLE, AS_INSTANCE } Way;

/* What a kind says of the making of its objects, read once. */
typedef struct {
    KindInfo *info;
    Way way;
    bool whole;
    bool calls;
    bool hashes_first;
    bool called;
    bool hashes;
    bool knows_copied; /* whether `copied` was asked */
    bool copied;
} MadeKind;

/* A node that was added.  All but `kind` are owned; that belongs to the maker. */
typedef struct {
    Node *node;
    PyObject *object;
    Content *content; /* what it is to be filled with, or NULL */
    MadeKind *kind;   /* likewise */
    bool made;        /* anew */
    bool empty;       /* yet to be filled */
    bool whole;       /* filled, and all that it leads to as well */
} Entry;

typedef struct {
    PyObject_HEAD
    TableState *state;
    MakerState *names;
    PyObject *contents;
    PyObject *gone;
    PyObject *is_empty;
    PyObject *stays;  /* or NULL */
    PyObject *copied; /* or NULL */
    PyObject *failed; /* or NULL */
    PyObject *filled;
    PointerMap places; /* node -> the number of its entry, the first is 1 */
    Entry *entries;    /* in the order in which nodes were added */
    Py_ssize_t count;
    Py_ssize_t capacity;
    PointerMap kinds; /* kind -> MadeKind */
    MadeKind *recent; /* the one that was asked for last */
    PointerMap completing;
    int depth; /* of calls of `complete` in one another */
} Maker;

/* maker.c */
int cowtm_note_failure(Maker *maker, Node *node);

/* filler.c */
int cowtm_fill_entries(Maker *maker, const Py_ssize_t *chosen, Py_ssize_t count);

/* The object of a slot, borrowed; NULL with a KeyError for a node that was not added. */
static inline PyObject *
object_of(Maker *maker, PyObject *slot)
{
    if (!is_node(maker->state, slot)) {
        return slot;
    }
    uintptr_t place = (uintptr_t)pointer_map_find(&maker->places, slot);
    if (place == 0) {
        PyErr_SetObject(PyExc_KeyError, slot);
        return NULL;
    }
    return maker->entries[place - 1].object;
}

static inline PyObject *
slot_at(const Content *content, Py_ssize_t index)
{
    if (!content->blocked) {
        return content->items[index];
    }
    return ((PyTupleObject *)content->items[index / BLOCK])->ob_item[index % BLOCK];
}

/* Gives the objects of the first `count` slots of a content in a list. */
static inline PyObject *
objects_of(Maker *maker, const Content *content, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *object = object_of(maker, slot_at(content, i));
        if (object == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, Py_NewRef(object));
    }
    return list;
}

#endif
