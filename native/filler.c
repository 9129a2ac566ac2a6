/* Fills objects that were made: in what order, and those of plain kinds without Python.
 *
 * Functions and classes come first, since others may call them; containers that hash what they hold
 * come last: those that hash nothing that was made, those that may be keys themselves, the others,
 * and of each the innermost first.  A dict or a set is filled here only if hashing its keys runs no
 * code of anybody's: exact built-in numbers and strings, and tuples of them.  An instance is given
 * its slots by their offsets and its attributes as an assignment does, past `__setattr__` and into
 * the keys that instances of its class share; not if the class has a data descriptor of that name,
 * such as a property, nor if those keys have another string for it, which would count as a change.
 * Everything else is its kind's business.
 *
 * Complexity: O(slots).
 */
#include "maker.h"

/* ---- lists ----------------------------------------------------------------------------------- */

/* Gives the objects of all slots, side by side, owned, in memory of which `room` are allocated. */
static PyObject **
row_of_objects(Maker *maker, Content *content, Py_ssize_t room)
{
    PyObject **row = PyMem_New(PyObject *, room);
    if (row == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            PyObject *object =
                stretch.nodes == 0 ? stretch.slots[j] : object_of(maker, stretch.slots[j]);
            if (object == NULL) {
                while (count > 0) {
                    Py_DECREF(row[--count]);
                }
                PyMem_Free(row);
                return NULL;
            }
            row[count++] = Py_NewRef(object);
        }
    }
    return row;
}

/* 1, 0: not done, -1. */
static int
fill_list(Maker *maker, PyObject *object, Content *content)
{
#ifdef Py_GIL_DISABLED
    return 0; /* there a list keeps its elements otherwise */
#else
    PyListObject *list = (PyListObject *)object;
    if (list->ob_item != NULL) {
        return 0;
    }
    if (slot_count(content) == 0) {
        return 1;
    }
    Py_ssize_t room = (slot_count(content) + 1) & ~(Py_ssize_t)1; /* as list.extend has it */
    PyObject **row = row_of_objects(maker, content, room);
    if (row == NULL) {
        return -1;
    }
    list->ob_item = row;
    list->allocated = room;
    Py_SET_SIZE(list, slot_count(content));
    return 1;
#endif
}

/* ---- dicts and sets -------------------------------------------------------------------------- */

static inline bool
is_simple(PyObject *leaf)
{
    return PyUnicode_CheckExact(leaf) || PyLong_CheckExact(leaf) || PyFloat_CheckExact(leaf) ||
           PyBytes_CheckExact(leaf) || PyBool_Check(leaf) || leaf == Py_None ||
           PyComplex_CheckExact(leaf);
}

/* Tells whether hashing and comparing a key runs no code but Python's own. */
static inline bool
is_simple_key(PyObject *key)
{
    if (!PyTuple_CheckExact(key)) {
        return is_simple(key);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
        if (!is_simple(PyTuple_GET_ITEM(key, i))) {
            return false;
        }
    }
    return true;
}

/* Tells whether every slot from the one numbered `first` on, in steps of `step`, is a simple key. */
static bool
has_simple_keys(const Content *content, Py_ssize_t first, Py_ssize_t step)
{
    for (Py_ssize_t i = first; i < slot_count(content); i += step) {
        if (!is_simple_key(slot_at(content, i))) {
            return false;
        }
    }
    return true;
}

static int
fill_dict(Maker *maker, PyObject *dict, Content *content)
{
    Py_ssize_t count = slot_count(content);
    if (count % 2 != 0 || !has_simple_keys(content, 0, 2)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i += 2) {
        PyObject *value = object_of(maker, slot_at(content, i + 1));
        if (value == NULL || PyDict_SetItem(dict, slot_at(content, i), value) < 0) {
            return -1;
        }
    }
    return 1;
}

static int
fill_set(PyObject *set, Content *content)
{
    if (!has_simple_keys(content, 0, 1)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < slot_count(content); i++) {
        if (PySet_Add(set, slot_at(content, i)) < 0) {
            return -1;
        }
    }
    return 1;
}

/* ---- instances ------------------------------------------------------------------------------- */

/* Tells whether an attribute can be set past the class, as into the `__dict__` itself. */
static inline bool
is_mere_attribute(PyTypeObject *type, PyObject *name)
{
    if (!PyUnicode_CheckExact(name)) {
        return false;
    }
    PyObject *found = _PyType_Lookup(type, name);
    return found == NULL || Py_TYPE(found)->tp_descr_set == NULL;
}

/* Tells whether an instance has just the attributes of a content, with the very strings for names:
 * the keys that instances share may have had an equal one. */
static bool
has_these_names(PyObject *object, const Content *content, Py_ssize_t first)
{
    PyObject *pairs[INLINE_ROOM];
    PyObject *dict;
    Py_ssize_t expected = slot_count(content) - first;
    Py_ssize_t length = cowtm_read_attributes(object, pairs, &dict);
    if (dict == NULL) {
        bool same = length == expected;
        for (Py_ssize_t i = 0; same && i < length; i += 2) {
            same = pairs[i] == slot_at(content, first + i);
        }
        return same;
    }
    bool same = 2 * PyDict_GET_SIZE(dict) == expected;
    PyObject *name;
    Py_ssize_t position = 0;
    for (Py_ssize_t i = first; same && PyDict_Next(dict, &position, &name, NULL); i += 2) {
        same = name == slot_at(content, i);
    }
    return same;
}

static int
fill_instance(Maker *maker, const KindInfo *info, PyObject *object, Content *content)
{
    Py_ssize_t count = slot_count(content);
    Py_ssize_t first = 1 + info->member_count;
    if (Py_TYPE(object) != info->cls || count < first || (count - first) % 2 != 0 ||
        object_of(maker, slot_at(content, 0)) != (PyObject *)info->cls ||
        (count > first && !info->has_dict)) {
        return 0;
    }
    for (Py_ssize_t i = first; i < count; i += 2) {
        if (!is_mere_attribute(info->cls, slot_at(content, i))) {
            return 0;
        }
    }
    for (Py_ssize_t i = 1; i < first; i++) {
        PyObject *value = object_of(maker, slot_at(content, i));
        if (value == NULL) {
            return -1;
        }
        PyObject **place = (PyObject **)((char *)object + info->offsets[i - 1]);
        PyObject *former = *place;
        *place = value == maker->state->unset ? NULL : Py_NewRef(value);
        Py_XDECREF(former);
    }
    for (Py_ssize_t i = first; i < count; i += 2) {
        PyObject *value = object_of(maker, slot_at(content, i + 1));
        if (value == NULL || PyObject_GenericSetAttr(object, slot_at(content, i), value) < 0) {
            return -1;
        }
    }
    return !info->has_dict || has_these_names(object, content, first);
}

/* ---- the order ------------------------------------------------------------------------------- */

static int
fill_by_kind(Maker *maker, PyObject *kind, PyObject *object, Content *content)
{
    PyObject *parts = objects_of(maker, content, slot_count(content));
    if (parts == NULL) {
        return -1;
    }
    PyObject *done =
        PyObject_CallMethodObjArgs(kind, maker->names->name_fill, object, parts, NULL);
    Py_DECREF(parts);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
fill_object(Maker *maker, MadeKind *kind, PyObject *object, Content *content)
{
    int done = 0;
    switch (kind->way) {
    case AS_LIST:
        done = PyList_CheckExact(object) ? fill_list(maker, object, content) : 0;
        break;
    case AS_DICT:
        done = PyDict_CheckExact(object) ? fill_dict(maker, object, content) : 0;
        break;
    case AS_SET:
        done = Py_IS_TYPE(object, &PySet_Type) ? fill_set(object, content) : 0;
        break;
    case AS_INSTANCE:
        done = fill_instance(maker, kind->info, object, content);
        break;
    default:
        break;
    }
    return done != 0 ? (done < 0 ? -1 : 0) : fill_by_kind(maker, kind->info->kind, object, content);
}

static int
fill_entry(Maker *maker, Py_ssize_t place)
{
    Entry entry = maker->entries[place];
    Py_INCREF(entry.node);
    Py_INCREF(entry.object);
    Py_INCREF(entry.content);
    int outcome = fill_object(maker, entry.kind, entry.object, entry.content);
    if (outcome < 0) {
        outcome = cowtm_note_failure(maker, entry.node);
    }
    Py_DECREF(entry.node);
    Py_DECREF(entry.object);
    Py_DECREF(entry.content);
    return outcome;
}

#define OBJECTS_BETWEEN_SIGNALS (1 << 16)

/* Tells how early a container that hashes what it holds can be filled: 0 if all that it hashes is
 * whole already, 1 if it may itself be a key, 2 otherwise. */
static int
turn_of(Maker *maker, const Entry *entry)
{
    if (entry->kind->way == AS_DICT || entry->kind->way == AS_SET) {
        Py_ssize_t step = entry->kind->way == AS_DICT ? 2 : 1;
        for (Py_ssize_t i = 0; i < slot_count(entry->content); i += step) {
            if (is_node(maker->state, slot_at(entry->content, i))) {
                return 2;
            }
        }
        return 0;
    }
    return Py_TYPE(entry->object)->tp_hash == PyObject_HashNotImplemented ? 2 : 1;
}

#define TURNS 3

/* Fills some entries, by their places. */
int
cowtm_fill_entries(Maker *maker, const Py_ssize_t *chosen, Py_ssize_t count)
{
    int outcome = 0;
    for (Py_ssize_t i = 0; outcome == 0 && i < count; i++) {
        if (maker->entries[chosen[i]].kind->called) {
            outcome = fill_entry(maker, chosen[i]);
        }
    }
    for (Py_ssize_t i = 0; outcome == 0 && i < count; i++) {
        const MadeKind *kind = maker->entries[chosen[i]].kind;
        if (!kind->called && !kind->hashes) {
            outcome = fill_entry(maker, chosen[i]);
        }
        if (outcome == 0 && i % OBJECTS_BETWEEN_SIGNALS == OBJECTS_BETWEEN_SIGNALS - 1) {
            outcome = PyErr_CheckSignals();
        }
    }
    for (int turn = 0; outcome == 0 && turn < TURNS; turn++) {
        for (Py_ssize_t i = count; outcome == 0 && i-- > 0;) {
            const Entry *entry = &maker->entries[chosen[i]];
            if (entry->kind->hashes && !entry->kind->called && turn_of(maker, entry) == turn) {
                outcome = fill_entry(maker, chosen[i]);
            }
            if (outcome == 0 && i % OBJECTS_BETWEEN_SIGNALS == OBJECTS_BETWEEN_SIGNALS - 1) {
                outcome = PyErr_CheckSignals();
            }
        }
    }
    return outcome;
}
