/* Contents in columns: those of many objects of one kind, joined to be sent, and made of what came.
 *
 * Joined, the slots of all lie in one list, nodes as their numbers; where those are is told apart.
 * Complexity: one visit of each slot.
 */
#include "table.h"

static int64_t *
numbers_in(PyObject *bytes)
{
    return (int64_t *)(void *)PyBytes_AS_STRING(bytes);
}

/* Gives how many numbers of 64 bits some bytes hold, or -1. */
static Py_ssize_t
count_numbers(PyObject *bytes)
{
    if (PyBytes_GET_SIZE(bytes) % (Py_ssize_t)sizeof(int64_t) != 0) {
        PyErr_SetString(PyExc_ValueError, "numbers take 8 bytes each");
        return -1;
    }
    return PyBytes_GET_SIZE(bytes) / (Py_ssize_t)sizeof(int64_t);
}

static PyObject *
new_numbers(Py_ssize_t count)
{
    return PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(int64_t));
}

/* What slots may be besides nodes, to be joined. */
typedef struct {
    PyObject *types; /* a tuple */
    Py_ssize_t longest; /* characters of a text, or bytes */
    PyTypeObject *recent;
} Plain;

static bool
is_plain(Plain *plain, PyObject *slot)
{
    PyTypeObject *type = Py_TYPE(slot);
    if (type != plain->recent) {
        Py_ssize_t i = PyTuple_GET_SIZE(plain->types);
        while (i > 0 && PyTuple_GET_ITEM(plain->types, i - 1) != (PyObject *)type) {
            i--;
        }
        if (i == 0) {
            return false;
        }
        plain->recent = type;
    }
    if (type == &PyUnicode_Type) {
        return PyUnicode_GET_LENGTH(slot) <= plain->longest;
    }
    return type != &PyBytes_Type || PyBytes_GET_SIZE(slot) <= plain->longest;
}

static bool
are_plain(TableState *state, Plain *plain, Content *content)
{
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            if (!is_node(state, stretch.slots[j]) && !is_plain(plain, stretch.slots[j])) {
                return false;
            }
        }
    }
    return true;
}

/* Counts slots and nodes of contents; tells whether they can be joined, or -1. */
static int
measure(TableState *state, PyObject *contents, Plain *plain, Py_ssize_t *slots, Py_ssize_t *nodes)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(contents); i++) {
        PyObject *content = PyTuple_GET_ITEM(contents, i);
        if (!Py_IS_TYPE(content, state->content_type)) {
            PyErr_Format(PyExc_TypeError, "only contents can be joined, not %.200s",
                         Py_TYPE(content)->tp_name);
            return -1;
        }
        if (!are_plain(state, plain, (Content *)content)) {
            return 0;
        }
        *slots += slot_count((Content *)content);
        *nodes += node_count((Content *)content);
    }
    return 1;
}

static int
fill_columns(TableState *state, PyObject *contents, int64_t *lengths, int64_t *gaps,
             PyObject *flat)
{
    Py_ssize_t at = 0;
    Py_ssize_t last = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(contents); i++) {
        Content *content = (Content *)PyTuple_GET_ITEM(contents, i);
        lengths[i] = slot_count(content);
        for (Py_ssize_t j = 0; j < stretch_count(content); j++) {
            Stretch stretch = stretch_at(content, j);
            for (Py_ssize_t k = 0; k < stretch.count; k++, at++) {
                PyObject *slot = stretch.slots[k];
                if (is_node(state, slot)) {
                    *gaps++ = at - last;
                    last = at;
                    slot = PyLong_FromSsize_t(number_of((Node *)slot));
                    if (slot == NULL) {
                        return -1;
                    }
                }
                else {
                    Py_INCREF(slot);
                }
                PyList_SET_ITEM(flat, at, slot);
            }
        }
    }
    return 0;
}

static PyObject *
join(TableState *state, PyObject *contents, Plain *plain)
{
    Py_ssize_t slots = 0;
    Py_ssize_t nodes = 0;
    int can = measure(state, contents, plain, &slots, &nodes);
    if (can <= 0) {
        return can < 0 ? NULL : Py_NewRef(Py_None);
    }
    PyObject *joined = NULL;
    PyObject *lengths = new_numbers(PyTuple_GET_SIZE(contents));
    PyObject *gaps = new_numbers(nodes);
    PyObject *flat = PyList_New(slots);
    if (lengths != NULL && gaps != NULL && flat != NULL &&
        fill_columns(state, contents, numbers_in(lengths), numbers_in(gaps), flat) == 0) {
        joined = PyTuple_Pack(3, lengths, gaps, flat);
    }
    Py_XDECREF(flat);
    Py_XDECREF(gaps);
    Py_XDECREF(lengths);
    return joined;
}

PyObject *
cowtm_join_contents(PyObject *cls, PyObject *args)
{
    TableState *state = &((CowtmState *)PyType_GetModuleState((PyTypeObject *)cls))->objects;
    PyObject *list;
    Plain plain = {NULL, 0, NULL};
    if (!PyArg_ParseTuple(args, "O!O!n:join", &PyList_Type, &list, &PyTuple_Type, &plain.types,
                          &plain.longest)) {
        return NULL;
    }
    PyObject *contents = PyList_AsTuple(list);
    if (contents == NULL) {
        return NULL;
    }
    PyObject *joined = join(state, contents, &plain);
    Py_DECREF(contents);
    return joined;
}

/* Makes a content of some slots that lie side by side in a tuple. */
static Content *
content_of(TableState *state, PyObject *kind, PyObject *flat, Py_ssize_t start, Py_ssize_t length)
{
    bool blocked = length > BLOCK;
    Content *content = cowtm_new_content(state, kind, length, blocked);
    if (content == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; blocked && i < block_count(content); i++) {
        Py_ssize_t first = start + i * BLOCK;
        Py_ssize_t rest = start + length - first;
        PyObject *block = PyTuple_GetSlice(flat, first, first + (rest < BLOCK ? rest : BLOCK));
        if (block == NULL) {
            Py_DECREF(content);
            return NULL;
        }
        PyObject_GC_UnTrack(block);
        content->items[i] = block;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *slot = PyTuple_GET_ITEM(flat, start + i);
        if (!blocked) {
            content->items[i] = Py_NewRef(slot);
        }
        if (is_node(state, slot)) {
            content->node_count++;
            if (blocked) {
                nodes_in_blocks(content)[i / BLOCK]++;
            }
        }
    }
    return content;
}

/* Checks that lengths are such, and add up to `count`. */
static int
check_lengths(const int64_t *lengths, Py_ssize_t many, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < many; i++) {
        if (lengths[i] < 0 || lengths[i] > count) {
            count = -1;
            break;
        }
        count -= lengths[i];
    }
    if (count != 0) {
        PyErr_SetString(PyExc_ValueError, "the lengths must add up to the number of slots");
        return -1;
    }
    return 0;
}

PyObject *
cowtm_split_contents(PyObject *cls, PyObject *args)
{
    TableState *state = &((CowtmState *)PyType_GetModuleState((PyTypeObject *)cls))->objects;
    PyObject *kind;
    PyObject *bytes;
    PyObject *list;
    if (!PyArg_ParseTuple(args, "OO!O!:split", &kind, &PyBytes_Type, &bytes, &PyList_Type, &list)) {
        return NULL;
    }
    Py_ssize_t many = count_numbers(bytes);
    PyObject *flat = many < 0 ? NULL : PyList_AsTuple(list);
    if (flat == NULL) {
        return NULL;
    }
    const int64_t *lengths = numbers_in(bytes);
    PyObject *contents = NULL;
    if (check_lengths(lengths, many, PyTuple_GET_SIZE(flat)) == 0) {
        contents = PyList_New(many);
    }
    Py_ssize_t start = 0;
    for (Py_ssize_t i = 0; contents != NULL && i < many; i++) {
        Content *content = content_of(state, kind, flat, start, (Py_ssize_t)lengths[i]);
        if (content == NULL) {
            Py_CLEAR(contents);
            break;
        }
        PyList_SET_ITEM(contents, i, (PyObject *)content);
        start += (Py_ssize_t)lengths[i];
    }
    Py_DECREF(flat);
    return contents;
}

PyObject *
cowtm_numbered_nodes(PyObject *op, PyObject *args)
{
    PyObject *bytes;
    PyObject *kind;
    if (!PyArg_ParseTuple(args, "O!O:nodes", &PyBytes_Type, &bytes, &kind)) {
        return NULL;
    }
    Py_ssize_t many = count_numbers(bytes);
    PyObject *nodes = many < 0 ? NULL : PyList_New(many);
    const int64_t *numbers = numbers_in(bytes);
    for (Py_ssize_t i = 0; nodes != NULL && i < many; i++) {
        PyObject *node = cowtm_node_of_number((ObjectTable *)op, (Py_ssize_t)numbers[i], kind);
        if (node == NULL) {
            Py_CLEAR(nodes);
            break;
        }
        PyList_SET_ITEM(nodes, i, node);
    }
    return nodes;
}
