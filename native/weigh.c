/* Counts the memory that recorded objects take: nodes, contents, blocks, and a share of the leaves.
 *
 * A content stands in as many deltas as it was before or after something, a block in as many contents
 * as there are versions in which it did not change.  Each is counted once.  Nodes and contents bear a
 * mark, the number of the weighing that saw them last, so a million of them need no set beside them;
 * blocks, which are tuples and thousands of slots long, stand in a map.
 *
 * Who holds a leaf can't be known, only how many do.  So each slot bears its share, the size divided
 * by the reference count: what only the archive holds counts in full, what the user's own objects
 * hold too in part, and immortal leaves, whose count is beyond all sizes, not at all.
 *
 * Only sizes of exact built-in types are asked for, from the objects themselves: no code runs, nothing
 * is made or changed but marks.
 *
 * Complexity: O(entries of the mappings + slots of what they name).
 */
#include "table.h"

#include <stddef.h>

#define COLLECTOR_HEAD (2 * sizeof(void *)) /* before objects that the collector knows */
#define DEPTH 2                             /* of tuples in tuples whose leaves are counted */

typedef struct {
    TableState *state;
    uint32_t mark;
    size_t bytes;
    PointerMap blocks; /* those counted, by themselves */
} Scale;

/* ---- leaves ---------------------------------------------------------------------------------- */

static inline size_t
size_of_text(PyObject *text)
{
    size_t length = (size_t)PyUnicode_GET_LENGTH(text);
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return sizeof(PyASCIIObject) + length + 1;
    }
    const PyCompactUnicodeObject *wide = (const PyCompactUnicodeObject *)text;
    size_t head = PyUnicode_IS_COMPACT(text) ? sizeof(*wide) : sizeof(PyUnicodeObject);
    /* Its UTF-8 was asked for once and stays beside it, unless it is the text itself. */
    bool has_copy = wide->utf8 != NULL && (const void *)wide->utf8 != PyUnicode_DATA(text);
    return head + (length + 1) * (size_t)PyUnicode_KIND(text) +
           (has_copy ? (size_t)wide->utf8_length + 1 : 0);
}

static inline size_t
size_of_int(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    size_t digits = ((PyLongObject *)number)->long_value.lv_tag >> 3;
    digits += digits == 0;
    return offsetof(PyLongObject, long_value.ob_digit) + digits * sizeof(digit);
#else
    return offsetof(PyLongObject, ob_digit) + (size_t)Py_ABS(Py_SIZE(number)) * sizeof(digit);
#endif
}

static inline size_t
size_of_tuple(PyObject *tuple)
{
    return COLLECTOR_HEAD + (size_t)PyTuple_Type.tp_basicsize +
           (size_t)Py_SIZE(tuple) * sizeof(PyObject *);
}

static inline size_t
divide(size_t size, PyObject *holders_of)
{
    size_t holders = (size_t)Py_REFCNT(holders_of);
    if (holders == 1) {
        return size;
    }
    return size < holders ? 0 : size / holders;
}

static size_t share_of_tuple(PyObject *tuple, int depth);

/* What one slot bears of a leaf. */
static inline size_t
share_of(PyObject *leaf, int depth)
{
    PyTypeObject *type = Py_TYPE(leaf);
    if (type == &PyUnicode_Type) {
        return divide(size_of_text(leaf), leaf);
    }
    if (type == &PyLong_Type) {
        return divide(size_of_int(leaf), leaf);
    }
    if (type == &PyFloat_Type) {
        return divide(sizeof(PyFloatObject), leaf);
    }
    if (type == &PyBytes_Type) {
        return divide((size_t)PyBytes_Type.tp_basicsize + (size_t)Py_SIZE(leaf), leaf);
    }
    if (type == &PyComplex_Type) {
        return divide(sizeof(PyComplexObject), leaf);
    }
    return type == &PyTuple_Type && depth > 0 ? share_of_tuple(leaf, depth) : 0;
}

static size_t
share_of_tuple(PyObject *tuple, int depth)
{
    size_t size = size_of_tuple(tuple);
    for (Py_ssize_t i = 0; i < Py_SIZE(tuple); i++) {
        size += share_of(PyTuple_GET_ITEM(tuple, i), depth - 1);
    }
    return divide(size, tuple);
}

static inline size_t
share_of_slots(const Scale *scale, PyObject *const *slots, Py_ssize_t count)
{
    size_t bytes = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!is_node(scale->state, slots[i])) {
            bytes += share_of(slots[i], DEPTH);
        }
    }
    return bytes;
}

/* ---- nodes and contents ---------------------------------------------------------------------- */

static int
weigh_block(Scale *scale, PyObject *block)
{
    if (Py_REFCNT(block) > 1) { /* else only this content has it */
        if (pointer_map_find(&scale->blocks, block) != NULL) {
            return 0;
        }
        if (pointer_map_put(&scale->blocks, block, block) < 0) {
            return -1;
        }
    }
    scale->bytes += size_of_tuple(block);
    scale->bytes += share_of_slots(scale, ((PyTupleObject *)block)->ob_item, Py_SIZE(block));
    return 0;
}

static int
weigh_content(Scale *scale, Content *content)
{
    if (content->mark == scale->mark) {
        return 0;
    }
    content->mark = scale->mark;
    scale->bytes += offsetof(Content, items) + (size_t)item_count(content) * sizeof(PyObject *);
    if (!content->blocked) {
        scale->bytes += share_of_slots(scale, content->items, slot_count(content));
        return 0;
    }
    int outcome = 0;
    for (Py_ssize_t i = 0; i < block_count(content) && outcome == 0; i++) {
        outcome = weigh_block(scale, content->items[i]);
    }
    return outcome;
}

static inline void
weigh_node(Scale *scale, Node *node)
{
    if (node->mark == scale->mark) {
        return;
    }
    node->mark = scale->mark;
    scale->bytes += sizeof(*node);
    if (node->weak) {
        scale->bytes += divide(COLLECTOR_HEAD + sizeof(PyWeakReference), node->object);
    }
}

static int
weigh_mapping(Scale *scale, PyObject *mapping)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t position = 0;
    int outcome = 0;
    while (outcome == 0 && PyDict_Next(mapping, &position, &key, &value)) {
        if (is_node(scale->state, key)) {
            weigh_node(scale, (Node *)key);
        }
        if (Py_IS_TYPE(value, scale->state->content_type)) {
            outcome = weigh_content(scale, (Content *)value);
        }
    }
    return outcome;
}

static int
weigh_live(Scale *scale, ObjectTable *table)
{
    int outcome = 0;
    for (Node *node = table->lists[LIVE].first; node != NULL && outcome == 0; node = node->next) {
        weigh_node(scale, node);
        outcome = weigh_content(scale, node->content);
    }
    return outcome;
}

/* The mappings as a list, all of them dicts. */
static PyObject *
list_of_dicts(PyObject *mappings)
{
    PyObject *dicts = PySequence_List(mappings);
    for (Py_ssize_t i = 0; dicts != NULL && i < PyList_GET_SIZE(dicts); i++) {
        PyObject *mapping = PyList_GET_ITEM(dicts, i);
        if (!PyDict_Check(mapping)) {
            PyErr_Format(PyExc_TypeError, "a mapping to weigh must be a dict, not %.200s",
                         Py_TYPE(mapping)->tp_name);
            Py_CLEAR(dicts);
        }
    }
    return dicts;
}

PyObject *
cowtm_weigh(ObjectTable *table, PyObject *mappings)
{
    PyObject *dicts = list_of_dicts(mappings);
    if (dicts == NULL) {
        return NULL;
    }
    uint32_t mark = (table->state->mark + 1) & (((uint32_t)1 << MARK_BITS) - 1);
    table->state->mark = mark == 0 ? 1 : mark;
    Scale scale = {table->state, table->state->mark, 0, {NULL, 0, 0, 0}};
    int outcome = weigh_live(&scale, table);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(dicts) && outcome == 0; i++) {
        outcome = weigh_mapping(&scale, PyList_GET_ITEM(dicts, i));
    }
    pointer_map_free(&scale.blocks);
    Py_DECREF(dicts);
    return outcome < 0 ? NULL : PyLong_FromSize_t(scale.bytes);
}
