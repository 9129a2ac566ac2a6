/* ObjectTable: what every tracked object looked like at the last capture, and what differs now.
 *
 * The specification is cowtm/twin/table.py; table.h says which file does what.
 *
 * A capture is: `rebind` names that were bound anew, `check` names that may have changed, `finish`.
 * Here are the names, the roots of the walk, and its end: nodes that lost their last holder are
 * buried, and with them what only they held; their objects are let go, or, while something else
 * still holds them, wait in limbo.
 *
 * Every node that the table knows is in one of three lists: live and limbo own it, idle does not.  So
 * when the table dies it can tell all of them.
 *
 * Python code runs in a kind's methods and wherever an object dies.  A method that changes the table
 * is refused while another one is at work, so all of that finds the table as it left it.  What is
 * read from dicts and iterables of the caller is held before anything is done with it.
 *
 * Complexity: differing O(names), about two comparisons of pointers each while names come in the
 * same order as at the last capture, else a look-up; rebind, find, node, node_of O(1); finish O(what
 * differs); live, limbo O(their number); the walk: see walk.c; weigh: see weigh.c.
 */
#include "table.h"

#include <stddef.h>

/* ---- one method at a time -------------------------------------------------------------------- */

static int
begin(ObjectTable *table)
{
    if (table->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the object table is at work: a capture can't be part of another one");
        return -1;
    }
    table->busy = true;
    return 0;
}

static PyObject *
end(ObjectTable *table, int outcome)
{
    cowtm_forget_selected(table);
    table->busy = false;
    return outcome < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- names ----------------------------------------------------------------------------------- */

static inline bool
is_bound_to(ObjectTable *table, PyObject *slot, PyObject *value)
{
    return slot == value || (is_node(table->state, slot) && stands_for((Node *)slot, value));
}

/* Names that are bound and no longer in the namespace. */
static PyObject *
names_gone(ObjectTable *table)
{
    PyObject *gone = PyList_New(0);
    PyObject *names = PyDict_Keys(table->bindings);
    if (gone == NULL || names == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        int here = PyDict_Contains(table->home, name);
        if (here < 0 || (here == 0 && PyList_Append(gone, name) < 0)) {
            goto error;
        }
    }
    Py_DECREF(names);
    return gone;
error:
    Py_XDECREF(names);
    Py_XDECREF(gone);
    return NULL;
}

/* Adds the names bound anew to a list, and counts those that are still there.  Names are exact
 * strings, so comparing them runs no code, and the dicts stay as they are meanwhile. */
static int
compare_names(ObjectTable *table, PyObject *skip, PyObject *changed, Py_ssize_t *known)
{
    PyObject *name;
    PyObject *value;
    Py_ssize_t position = 0;
    PyObject *next_name = NULL; /* the next one bound: mostly that of the same place */
    PyObject *next_slot = NULL;
    Py_ssize_t next_position = 0;
    PyDict_Next(table->bindings, &next_position, &next_name, &next_slot);
    while (PyDict_Next(table->home, &position, &name, &value)) {
        PyObject *slot;
        if (name == next_name) {
            slot = next_slot;
            if (!PyDict_Next(table->bindings, &next_position, &next_name, &next_slot)) {
                next_name = NULL;
            }
        }
        else if (PyUnicode_CheckExact(name)) {
            slot = PyDict_GetItemWithError(table->bindings, name);
            if (slot == NULL && PyErr_Occurred()) {
                return -1;
            }
        }
        else {
            continue;
        }
        int differs;
        if (slot == NULL) {
            differs = PySet_Contains(skip, name);
            differs = differs < 0 ? differs : !differs;
        }
        else {
            (*known)++;
            differs = !is_bound_to(table, slot, value);
        }
        if (differs < 0 || (differs > 0 && PyList_Append(changed, name) < 0)) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
table_differing(PyObject *op, PyObject *skip)
{
    ObjectTable *table = (ObjectTable *)op;
    if (!PyAnySet_Check(skip)) {
        PyErr_Format(PyExc_TypeError, "skip must be a set, not %.200s", Py_TYPE(skip)->tp_name);
        return NULL;
    }
    Py_ssize_t known = 0;
    PyObject *gone = NULL;
    PyObject *changed = PyList_New(0);
    if (changed == NULL || compare_names(table, skip, changed, &known) < 0) {
        goto error;
    }
    gone = known != PyDict_GET_SIZE(table->bindings) ? names_gone(table) : PyList_New(0);
    if (gone == NULL) {
        goto error;
    }
    return Py_BuildValue("NN", changed, gone);
error:
    Py_XDECREF(changed);
    return NULL;
}

static int
delete_if_there(PyObject *dict, PyObject *key)
{
    int there = PyDict_Contains(dict, key);
    return there > 0 ? PyDict_DelItem(dict, key) : there;
}

/* Remember what a name was bound to before this capture. */
static int
note_bound_before(ObjectTable *table, PyObject *name, PyObject *old)
{
    int known = old == NULL;
    if (known == 0) {
        known = PyDict_Contains(table->bound_before, name);
    }
    if (known == 0) {
        known = PyDict_Contains(table->bound_after, name);
    }
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    return PyDict_SetItem(table->bound_before, name, old);
}

/* Bind a name to a slot, or unbind it (NULL). */
static int
bind(ObjectTable *table, PyObject *name, PyObject *old, PyObject *new)
{
    if (pointer_array_reserve(&table->stack, 2) < 0 ||
        pointer_array_reserve(&table->orphans, 1) < 0 || note_bound_before(table, name, old) < 0) {
        return -1;
    }
    if (new == NULL) {
        if (delete_if_there(table->bound_after, name) < 0 ||
            delete_if_there(table->bindings, name) < 0) {
            return -1;
        }
    }
    else if (PyDict_SetItem(table->bound_after, name, new) < 0 ||
             PyDict_SetItem(table->bindings, name, new) < 0) {
        return -1;
    }
    if (new != NULL && is_node(table->state, new)) {
        Node *node = (Node *)new;
        node->holders++;
        if (node->content == NULL) {
            push_reserved(table, node);
        }
    }
    if (old != NULL && is_node(table->state, old)) {
        push_reserved(table, (Node *)old);
        let_go(table, (Node *)old);
    }
    table->changes++;
    return 0;
}

static PyObject *
table_rebind(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    ObjectTable *table = (ObjectTable *)op;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "rebind() takes a name and a value (%zd given)", count);
        return NULL;
    }
    if (!PyUnicode_CheckExact(args[0])) {
        PyErr_Format(PyExc_TypeError, "a name must be a str, not %.200s",
                     Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    if (begin(table) < 0) {
        return NULL;
    }
    int outcome = -1;
    PyObject *new = NULL;
    PyObject *old = PyDict_GetItemWithError(table->bindings, args[0]);
    Py_XINCREF(old);
    if (old == NULL && PyErr_Occurred()) {
        goto done;
    }
    if (args[1] != table->state->unset) {
        new = cowtm_slot(table, args[1]);
        if (new == NULL) {
            goto done;
        }
    }
    outcome = bind(table, args[0], old, new);
done:
    Py_XDECREF(new);
    Py_XDECREF(old);
    return end(table, outcome);
}

/* ---- roots of the walk ----------------------------------------------------------------------- */

static PyObject *
table_check(PyObject *op, PyObject *name)
{
    ObjectTable *table = (ObjectTable *)op;
    if (begin(table) < 0) {
        return NULL;
    }
    int outcome = 0;
    PyObject *slot = PyDict_GetItemWithError(table->bindings, name);
    if (slot == NULL) {
        outcome = PyErr_Occurred() ? -1 : 0;
    }
    else if (is_node(table->state, slot)) {
        outcome = push(table, (Node *)slot);
    }
    return end(table, outcome < 0 ? -1 : cowtm_walk(table));
}

static PyObject *
table_check_object(PyObject *op, PyObject *value)
{
    ObjectTable *table = (ObjectTable *)op;
    if (begin(table) < 0) {
        return NULL;
    }
    int outcome = 0;
    Node *node = find_node(table, value);
    if (node == NULL) {
        outcome = cowtm_push_held_by(table, value);
    }
    else if (node->content != NULL) {
        outcome = push(table, node);
    }
    return end(table, outcome < 0 ? -1 : cowtm_walk(table));
}

/* Give a list of the table's, and have it begin anew. */
static PyObject *
hand_over(PyObject **list)
{
    PyObject *fresh = PyList_New(0);
    if (fresh == NULL) {
        return NULL;
    }
    PyObject *full = *list;
    *list = fresh;
    return full;
}

static PyObject *
table_reached(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return hand_over(&((ObjectTable *)op)->reached);
}

static PyObject *
table_referred(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return hand_over(&((ObjectTable *)op)->referred);
}

/* ---- the end of a capture -------------------------------------------------------------------- */

/* Take the content of a node that nothing reaches, and let go of what it held. */
static int
bury_content(ObjectTable *table, Node *node)
{
    Content *content = node->content;
    int born = PyDict_Contains(table->after, (PyObject *)node);
    if (born < 0 || pointer_array_reserve(&table->orphans, node_count(content)) < 0) {
        return -1;
    }
    if (born ? PyDict_DelItem(table->after, (PyObject *)node) < 0
             : PyDict_SetItem(table->before, (PyObject *)node, (PyObject *)content) < 0) {
        return -1;
    }
    node->content = NULL;
    cowtm_place(table, node, IDLE);
    table->changes++;
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            Node *child = (Node *)stretch.slots[j];
            if (is_node(table->state, (PyObject *)child) && child->holders > 0) {
                let_go(table, child);
            }
        }
    }
    Py_DECREF(content);
    return 0;
}

/* Bury nodes that have no holder any more, and what only they held. */
static int
bury(ObjectTable *table)
{
    PointerArray *orphans = &table->orphans;
    Py_ssize_t index = 0;
    int outcome = 0;
    while (index < orphans->count) {
        Node *node = orphans->items[index];
        if (node->holders <= 0) {
            if (node->content != NULL && bury_content(table, node) < 0) {
                outcome = -1;
                break;
            }
            if (!cowtm_release_object(node)) {
                if (!node->weak) {
                    cowtm_place(table, node, LIMBO);
                }
            }
            else if (live_object(node) == NULL) {
                cowtm_unregister(node);
            }
        }
        index++;
        Py_DECREF(node);
    }
    orphans->count -= index;
    if (orphans->count > 0) {
        memmove(orphans->items, orphans->items + index, (size_t)orphans->count * sizeof(void *));
    }
    return outcome;
}

#define SETTLED_AT_ONCE 256

/* Look at some of those in limbo again, the oldest first. */
static void
settle_limbo(ObjectTable *table)
{
    Py_ssize_t count = table->lists[LIMBO].count;
    count = count < SETTLED_AT_ONCE ? count : SETTLED_AT_ONCE;
    while (count-- > 0) {
        Node *node = (Node *)Py_NewRef(table->lists[LIMBO].first);
        cowtm_place(table, node, IDLE);
        if (cowtm_release_object(node)) {
            cowtm_unregister(node);
        }
        else {
            cowtm_place(table, node, LIMBO);
        }
        Py_DECREF(node);
    }
}

/* Drop what is the same before and after. */
static int
drop_unchanged(PyObject *before, PyObject *after)
{
    if (PyDict_GET_SIZE(before) == 0) {
        return 0;
    }
    PyObject *keys = PyDict_Keys(after);
    if (keys == NULL) {
        return -1;
    }
    int outcome = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys) && outcome == 0; i++) {
        PyObject *key = PyList_GET_ITEM(keys, i);
        PyObject *former = PyDict_GetItemWithError(before, key);
        if (former == NULL) {
            outcome = PyErr_Occurred() ? -1 : 0;
        }
        else if (former == PyDict_GetItemWithError(after, key)) {
            outcome = PyDict_DelItem(before, key);
            outcome = outcome < 0 ? -1 : PyDict_DelItem(after, key);
        }
    }
    Py_DECREF(keys);
    return outcome;
}

#define SPARE_ROOM (1 << 16)

/* Give memory back that only something unusually large needed. */
static void
tidy(ObjectTable *table)
{
    if (table->stack.count == 0 && table->stack.capacity > SPARE_ROOM) {
        pointer_array_free(&table->stack);
    }
    if (table->orphans.count == 0 && table->orphans.capacity > SPARE_ROOM) {
        pointer_array_free(&table->orphans);
    }
    pointer_map_tidy(&table->addresses);
    pointer_map_tidy(&table->numbers.pages);
}

/* What comes after a capture, whether it found or was told what differs. */
static void
next_generation(ObjectTable *table)
{
    table->generation++;
    cowtm_forget_kinds(table);
    settle_limbo(table);
    tidy(table);
}

/* Contents need no `drop_unchanged`: what is recorded is always a new one. */
static PyObject *
take_difference(ObjectTable *table)
{
    PyObject *fresh[4] = {PyDict_New(), PyDict_New(), PyDict_New(), PyDict_New()};
    PyObject *difference = PyTuple_New(4);
    if (difference == NULL || fresh[0] == NULL || fresh[1] == NULL || fresh[2] == NULL ||
        fresh[3] == NULL || drop_unchanged(table->bound_before, table->bound_after) < 0) {
        for (int i = 0; i < 4; i++) {
            Py_XDECREF(fresh[i]);
        }
        Py_XDECREF(difference);
        return NULL;
    }
    PyObject **dicts[4] = {&table->bound_before, &table->bound_after, &table->before,
                           &table->after};
    for (int i = 0; i < 4; i++) {
        PyTuple_SET_ITEM(difference, i, *dicts[i]);
        *dicts[i] = fresh[i];
    }
    return difference;
}

static PyObject *
table_finish(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ObjectTable *table = (ObjectTable *)op;
    if (begin(table) < 0) {
        return NULL;
    }
    PyObject *difference = NULL;
    if (cowtm_walk(table) == 0 && bury(table) == 0) {
        difference = take_difference(table);
    }
    if (difference != NULL) {
        next_generation(table);
    }
    Py_XDECREF(end(table, difference == NULL ? -1 : 0));
    return difference;
}

/* ---- what the caller gives: nodes, bindings, contents ---------------------------------------- */

/* Let a node that no table has be this one's. */
static int
take_in(ObjectTable *table, PyObject *op)
{
    if (!is_node(table->state, op)) {
        PyErr_Format(PyExc_TypeError, "a node is wanted, not %.200s", Py_TYPE(op)->tp_name);
        return -1;
    }
    Node *node = (Node *)op;
    if (node->table != NULL && node->table != table) {
        PyErr_SetString(PyExc_ValueError, "the node belongs to another object table");
        return -1;
    }
    if (node->table == table) {
        return 0;
    }
    Py_ssize_t oid = number_of(node);
    if (cowtm_numbered(&table->numbers, oid) != NULL) {
        PyErr_Format(PyExc_ValueError, "the table has another node with the serial number %zd", oid);
        return -1;
    }
    cowtm_place(table, node, IDLE);
    if (cowtm_number(table, node, oid) < 0) {
        cowtm_place(table, node, NOWHERE);
        return -1;
    }
    return 0;
}

static int
take_in_nodes(ObjectTable *table, Content *content)
{
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            if (is_node(table->state, stretch.slots[j]) &&
                take_in(table, stretch.slots[j]) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static PyObject *
list_of_nodes(ObjectTable *table, PyObject *iterable)
{
    PyObject *nodes = PySequence_List(iterable);
    for (Py_ssize_t i = 0; nodes != NULL && i < PyList_GET_SIZE(nodes); i++) {
        if (take_in(table, PyList_GET_ITEM(nodes, i)) < 0) {
            Py_CLEAR(nodes);
        }
    }
    return nodes;
}

/* Keys and values in turn, owned. */
static void
release_pairs(PointerArray *pairs)
{
    for (Py_ssize_t i = 0; i < pairs->count; i++) {
        Py_DECREF((PyObject *)pairs->items[i]);
    }
    pointer_array_free(pairs);
}

static int
take_pairs(PyObject *dict, PointerArray *pairs)
{
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "a dict is wanted, not %.200s", Py_TYPE(dict)->tp_name);
        return -1;
    }
    if (pointer_array_reserve(pairs, 2 * PyDict_GET_SIZE(dict)) < 0) {
        return -1;
    }
    PyObject *key;
    PyObject *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        pairs->items[pairs->count++] = Py_NewRef(key);
        pairs->items[pairs->count++] = Py_NewRef(value);
    }
    return 0;
}

static int
take_bindings(ObjectTable *table, PyObject *dict, PointerArray *pairs)
{
    if (take_pairs(dict, pairs) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 1; i < pairs->count; i += 2) {
        if (is_node(table->state, pairs->items[i]) && take_in(table, pairs->items[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
take_contents(ObjectTable *table, PyObject *dict, PointerArray *pairs)
{
    if (take_pairs(dict, pairs) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < pairs->count; i += 2) {
        PyObject *content = pairs->items[i + 1];
        if (!Py_IS_TYPE(content, table->state->content_type)) {
            PyErr_Format(PyExc_TypeError, "a content is wanted, not %.200s",
                         Py_TYPE(content)->tp_name);
            return -1;
        }
        if (take_in(table, pairs->items[i]) < 0 || take_in_nodes(table, (Content *)content) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- adopting a state ------------------------------------------------------------------------ */

typedef struct {
    PointerArray names_before;
    PointerArray names_after;
    PointerArray before;
    PointerArray after;
} Step;

static void
hold_nodes(ObjectTable *table, Content *content)
{
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            if (is_node(table->state, stretch.slots[j])) {
                ((Node *)stretch.slots[j])->holders++;
            }
        }
    }
}

static int
let_go_of_nodes(ObjectTable *table, Content *content)
{
    if (pointer_array_reserve(&table->orphans, node_count(content)) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            if (is_node(table->state, stretch.slots[j])) {
                let_go(table, (Node *)stretch.slots[j]);
            }
        }
    }
    return 0;
}

static int
adopt_bindings(ObjectTable *table, const PointerArray *before, const PointerArray *after)
{
    for (Py_ssize_t i = 0; i < before->count; i += 2) {
        PyObject *slot = before->items[i + 1];
        if (delete_if_there(table->bindings, before->items[i]) < 0 ||
            pointer_array_reserve(&table->orphans, 1) < 0) {
            return -1;
        }
        if (is_node(table->state, slot)) {
            let_go(table, (Node *)slot);
        }
    }
    for (Py_ssize_t i = 0; i < after->count; i += 2) {
        if (PyDict_SetItem(table->bindings, after->items[i], after->items[i + 1]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
adopt_contents(ObjectTable *table, const PointerArray *before, const PointerArray *after)
{
    for (Py_ssize_t i = 0; i < before->count; i += 2) {
        Node *node = before->items[i];
        Content *former = node->content;
        node->content = NULL;
        if (node->place == LIVE) {
            cowtm_place(table, node, IDLE);
        }
        int outcome = let_go_of_nodes(table, before->items[i + 1]);
        Py_XDECREF(former);
        if (outcome < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < after->count; i += 2) {
        Node *node = after->items[i];
        Content *former = node->content;
        node->content = (Content *)Py_NewRef(after->items[i + 1]);
        cowtm_place(table, node, LIVE);
        Py_XDECREF(former);
    }
    for (Py_ssize_t i = 0; i < before->count; i += 2) {
        Node *node = before->items[i];
        if (node->content == NULL) {
            if (pointer_array_push(&table->orphans, node) < 0) {
                return -1;
            }
            Py_INCREF(node);
        }
    }
    return 0;
}

static int
adopt_step(ObjectTable *table, const Step *step)
{
    PyObject *before = PyDict_New();
    PyObject *after = PyDict_New();
    if (before == NULL || after == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 1; i < step->names_after.count; i += 2) {
        PyObject *slot = step->names_after.items[i];
        if (is_node(table->state, slot)) {
            ((Node *)slot)->holders++;
        }
    }
    for (Py_ssize_t i = 1; i < step->after.count; i += 2) {
        hold_nodes(table, step->after.items[i]);
    }
    if (adopt_bindings(table, &step->names_before, &step->names_after) < 0 ||
        adopt_contents(table, &step->before, &step->after) < 0 || bury(table) < 0) {
        goto error;
    }
    Py_SETREF(table->before, before);
    Py_SETREF(table->after, after);
    next_generation(table);
    return 0;
error:
    Py_XDECREF(before);
    Py_XDECREF(after);
    return -1;
}

static PyObject *
table_adopt(PyObject *op, PyObject *args)
{
    ObjectTable *table = (ObjectTable *)op;
    PyObject *names_before;
    PyObject *names_after;
    PyObject *before;
    PyObject *after;
    if (!PyArg_ParseTuple(args, "(OO)(OO):adopt", &names_before, &names_after, &before, &after) ||
        begin(table) < 0) {
        return NULL;
    }
    Step step = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
    int outcome = -1;
    if (take_bindings(table, names_before, &step.names_before) == 0 &&
        take_bindings(table, names_after, &step.names_after) == 0 &&
        take_contents(table, before, &step.before) == 0 &&
        take_contents(table, after, &step.after) == 0) {
        outcome = adopt_step(table, &step);
    }
    release_pairs(&step.names_before);
    release_pairs(&step.names_after);
    release_pairs(&step.before);
    release_pairs(&step.after);
    return end(table, outcome);
}

/* ---- single nodes ---------------------------------------------------------------------------- */

static int
kill_nodes(ObjectTable *table, PyObject *nodes)
{
    Py_ssize_t count = PyList_GET_SIZE(nodes);
    if (pointer_array_reserve(&table->orphans, count) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Node *node = (Node *)PyList_GET_ITEM(nodes, i);
        node->holders = 0;
        table->orphans.items[table->orphans.count++] = Py_NewRef(node);
    }
    return 0;
}

static int
release_nodes(ObjectTable *table, PyObject *nodes)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(nodes); i++) {
        Node *node = (Node *)PyList_GET_ITEM(nodes, i);
        if (node->place == LIMBO) {
            cowtm_place(table, node, IDLE);
            cowtm_unregister(node);
            PyObject *former = node->object;
            node->object = NULL;
            node->weak = false;
            Py_XDECREF(former);
        }
    }
    return 0;
}

static PyObject *
with_nodes(PyObject *op, PyObject *iterable, int (*function)(ObjectTable *, PyObject *))
{
    ObjectTable *table = (ObjectTable *)op;
    PyObject *nodes = list_of_nodes(table, iterable);
    if (nodes == NULL) {
        return NULL;
    }
    if (begin(table) < 0) {
        Py_DECREF(nodes);
        return NULL;
    }
    int outcome = function(table, nodes);
    Py_DECREF(nodes);
    return end(table, outcome);
}

static PyObject *
table_kill(PyObject *op, PyObject *nodes)
{
    return with_nodes(op, nodes, kill_nodes);
}

static PyObject *
table_release(PyObject *op, PyObject *nodes)
{
    return with_nodes(op, nodes, release_nodes);
}

static int
attach_object(ObjectTable *table, PyObject *op, PyObject *value)
{
    if (take_in(table, op) < 0) {
        return -1;
    }
    Node *node = (Node *)op;
    int outcome = cowtm_attach_object(table->state, node, value);
    if (outcome == 0) {
        outcome = cowtm_register(table, node, value);
    }
    if (node->place == LIMBO) {
        cowtm_place(table, node, IDLE);
    }
    return outcome;
}

static PyObject *
table_attach(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    ObjectTable *table = (ObjectTable *)op;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "attach() takes a node and an object (%zd given)", count);
        return NULL;
    }
    if (begin(table) < 0) {
        return NULL;
    }
    return end(table, attach_object(table, args[0], args[1]));
}

static PyObject *
table_attach_all(PyObject *op, PyObject *objects)
{
    ObjectTable *table = (ObjectTable *)op;
    if (begin(table) < 0) {
        return NULL;
    }
    PointerArray pairs = {NULL, 0, 0};
    int outcome = take_pairs(objects, &pairs);
    for (Py_ssize_t i = 0; outcome == 0 && i < pairs.count; i += 2) {
        outcome = attach_object(table, pairs.items[i], pairs.items[i + 1]);
    }
    release_pairs(&pairs);
    return end(table, outcome);
}

/* Gives the node of a serial number, or makes it. */
PyObject *
cowtm_node_of_number(ObjectTable *table, Py_ssize_t oid, PyObject *kind)
{
    Node *node = cowtm_numbered(&table->numbers, oid);
    if (node != NULL) {
        return Py_NewRef(node);
    }
    if (cowtm_check_number(oid) < 0) {
        return NULL;
    }
    KindInfo *info = cowtm_kind_info(table, kind);
    if (info == NULL) {
        return NULL;
    }
    node = cowtm_numbered(&table->numbers, oid); /* asking the kind may have run anything */
    if (node != NULL) {
        cowtm_release_kind_info(info);
        return Py_NewRef(node);
    }
    node = cowtm_new_node(table->state, 0, info, table->state->gone);
    if (node == NULL) {
        return NULL;
    }
    cowtm_place(table, node, IDLE);
    if (cowtm_number(table, node, oid) < 0) {
        Py_CLEAR(node);
    }
    return (PyObject *)node;
}

static PyObject *
table_node(PyObject *op, PyObject *args)
{
    Py_ssize_t oid;
    PyObject *kind;
    if (!PyArg_ParseTuple(args, "nO:node", &oid, &kind)) {
        return NULL;
    }
    return cowtm_node_of_number((ObjectTable *)op, oid, kind);
}

static PyObject *
table_find(PyObject *op, PyObject *number)
{
    Py_ssize_t oid = PyNumber_AsSsize_t(number, NULL);
    if (oid == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Node *node = cowtm_numbered(&((ObjectTable *)op)->numbers, oid);
    return Py_NewRef(node != NULL ? (PyObject *)node : Py_None);
}

static PyObject *
table_node_of(PyObject *op, PyObject *value)
{
    Node *node = find_node((ObjectTable *)op, value);
    return Py_NewRef(node != NULL ? (PyObject *)node : Py_None);
}

static PyObject *
table_reserve(PyObject *op, PyObject *number)
{
    ObjectTable *table = (ObjectTable *)op;
    Py_ssize_t oid = PyNumber_AsSsize_t(number, PyExc_OverflowError);
    if ((oid == -1 && PyErr_Occurred()) || cowtm_check_number(oid) < 0) {
        return NULL;
    }
    if (oid >= table->next_oid) {
        table->next_oid = oid + 1;
    }
    return PyLong_FromSsize_t(table->next_oid - 1);
}

static PyObject *
table_weigh(PyObject *op, PyObject *mappings)
{
    return cowtm_weigh((ObjectTable *)op, mappings);
}

/* What the table needs to find nodes; nodes and contents are weighed. */
static PyObject *
table_sizeof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ObjectTable *table = (ObjectTable *)op;
    size_t pointers = (size_t)(table->stack.capacity + table->orphans.capacity);
    size_t entries = table->addresses.capacity + table->types.capacity;
    return PyLong_FromSize_t(sizeof(*table) + pointers * sizeof(void *) +
                             entries * sizeof(PointerEntry) +
                             table->types.used * sizeof(TypeEntry) +
                             cowtm_size_of_numbers(&table->numbers));
}

static PyObject *
list_of(const NodeList *list)
{
    PyObject *nodes = PyList_New(list->count);
    Py_ssize_t index = 0;
    for (Node *node = list->first; nodes != NULL && node != NULL; node = node->next) {
        PyList_SET_ITEM(nodes, index++, Py_NewRef(node));
    }
    return nodes;
}

/* Nothing runs in between: hashing a node is a number's business. */
static PyObject *
table_living(PyObject *op, PyObject *contents)
{
    TableState *state = ((ObjectTable *)op)->state;
    if (!PyDict_Check(contents)) {
        PyErr_Format(PyExc_TypeError, "a dict is wanted, not %.200s", Py_TYPE(contents)->tp_name);
        return NULL;
    }
    PyObject *living = PyDict_New();
    PyObject *node;
    PyObject *content;
    Py_ssize_t position = 0;
    while (living != NULL && PyDict_Next(contents, &position, &node, &content)) {
        if (is_node(state, node) && live_object((Node *)node) != NULL &&
            PyDict_SetItem(living, node, content) < 0) {
            Py_CLEAR(living);
        }
    }
    return living;
}

static PyObject *
table_live(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return list_of(&((ObjectTable *)op)->lists[LIVE]);
}

static PyObject *
table_limbo(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return list_of(&((ObjectTable *)op)->lists[LIMBO]);
}

/* ---- life of a table ------------------------------------------------------------------------- */

static void
release_array(PointerArray *array)
{
    PointerArray former = *array;
    *array = (PointerArray){NULL, 0, 0};
    release_pairs(&former);
}

/* Have all nodes be no table's, without content, which opens their cycles. */
static void
dismiss_nodes(ObjectTable *table, bool with_objects)
{
    /* At once, so that no node need be taken out of them. */
    pointer_map_free(&table->addresses);
    cowtm_free_numbers(&table->numbers);
    for (int place = IDLE; place < PLACES; place++) {
        while (table->lists[place].first != NULL) {
            Node *node = (Node *)Py_NewRef(table->lists[place].first);
            Content *content = node->content;
            PyObject *object = NULL;
            node->content = NULL;
            if (with_objects) {
                object = node->object;
                node->object = NULL;
                node->weak = false;
            }
            cowtm_unregister(node);
            cowtm_unnumber(node);
            cowtm_place(table, node, NOWHERE);
            Py_XDECREF(content);
            Py_XDECREF(object);
            Py_DECREF(node);
        }
    }
    pointer_map_free(&table->addresses);
    cowtm_free_numbers(&table->numbers);
}

static void
let_go_of_everything(ObjectTable *table, bool with_objects)
{
    dismiss_nodes(table, with_objects);
    release_array(&table->stack);
    release_array(&table->orphans);
    cowtm_forget_selected(table);
    cowtm_forget_kinds(table);
    cowtm_forget_types(table);
}

static PyObject *
table_clear_all(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ObjectTable *table = (ObjectTable *)op;
    PyObject **dicts[5] = {&table->bindings, &table->bound_before, &table->bound_after,
                           &table->before, &table->after};
    PyObject *fresh[7] = {PyDict_New(), PyDict_New(), PyDict_New(), PyDict_New(),
                          PyDict_New(), PyList_New(0), PyList_New(0)};
    bool complete = true;
    for (int i = 0; i < 7; i++) {
        complete = complete && fresh[i] != NULL;
    }
    if (!complete || begin(table) < 0) {
        for (int i = 0; i < 7; i++) {
            Py_XDECREF(fresh[i]);
        }
        return NULL;
    }
    let_go_of_everything(table, true);
    table->next_oid = 1;
    for (int i = 0; i < 5; i++) {
        Py_SETREF(*dicts[i], fresh[i]);
    }
    Py_SETREF(table->reached, fresh[5]);
    Py_SETREF(table->referred, fresh[6]);
    table->changes = table->visited = table->suspects = 0;
    return end(table, 0);
}

static PyObject *
table_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"classify", "home", NULL};
    PyObject *classify;
    PyObject *home;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!:ObjectTable", parameters, &classify,
                                     &PyDict_Type, &home)) {
        return NULL;
    }
    ObjectTable *table = (ObjectTable *)type->tp_alloc(type, 0);
    if (table == NULL) {
        return NULL;
    }
    table->state = &((CowtmState *)PyType_GetModuleState(type))->objects;
    table->classify = Py_NewRef(classify);
    table->home = Py_NewRef(home);
    PyObject *module = PyImport_ImportModule("builtins");
    table->builtins = module == NULL ? NULL : Py_NewRef(PyModule_GetDict(module));
    Py_XDECREF(module);
    table->modules = Py_XNewRef(PySys_GetObject("modules"));
    table->generation = 1;
    table->next_oid = 1;
    table->bindings = PyDict_New();
    table->bound_before = PyDict_New();
    table->bound_after = PyDict_New();
    table->before = PyDict_New();
    table->after = PyDict_New();
    table->reached = PyList_New(0);
    table->referred = PyList_New(0);
    if (table->builtins == NULL || table->modules == NULL || table->bindings == NULL ||
        table->bound_before == NULL || table->bound_after == NULL || table->before == NULL ||
        table->after == NULL || table->reached == NULL || table->referred == NULL) {
        Py_CLEAR(table);
    }
    return (PyObject *)table;
}

/* The collector can't see through nodes: what only they hold counts as held from outside. */
static int
table_traverse(PyObject *op, visitproc visit, void *arg)
{
    ObjectTable *table = (ObjectTable *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(table->classify);
    Py_VISIT(table->home);
    Py_VISIT(table->builtins);
    Py_VISIT(table->modules);
    Py_VISIT(table->bindings);
    Py_VISIT(table->bound_before);
    Py_VISIT(table->bound_after);
    Py_VISIT(table->before);
    Py_VISIT(table->after);
    Py_VISIT(table->reached);
    Py_VISIT(table->referred);
    for (int i = 0; i < RECENT_KINDS; i++) {
        if (table->recent_kinds[i] != NULL && table->recent_kinds[i]->uses == 1) {
            Py_VISIT(table->recent_kinds[i]->kind);
            Py_VISIT(table->recent_kinds[i]->cls);
        }
    }
    for (size_t i = 0; i < table->types.capacity; i++) {
        TypeEntry *entry = table->types.entries[i].value;
        if (entry != NULL && entry->info != NULL && entry->info->uses == 1) {
            Py_VISIT(entry->info->kind);
            Py_VISIT(entry->info->cls);
        }
    }
    return 0;
}

/* The dicts stay, empty: a finalizer may still call methods. */
static int
table_clear(PyObject *op)
{
    ObjectTable *table = (ObjectTable *)op;
    let_go_of_everything(table, false);
    PyObject *dicts[5] = {table->bindings, table->bound_before, table->bound_after, table->before,
                          table->after};
    for (int i = 0; i < 5; i++) {
        if (dicts[i] != NULL) {
            PyDict_Clear(dicts[i]);
        }
    }
    return 0;
}

static void
table_dealloc(PyObject *op)
{
    ObjectTable *table = (ObjectTable *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (table->weak_references != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    let_go_of_everything(table, false);
    Py_CLEAR(table->reached);
    Py_CLEAR(table->referred);
    Py_CLEAR(table->after);
    Py_CLEAR(table->before);
    Py_CLEAR(table->bound_after);
    Py_CLEAR(table->bound_before);
    Py_CLEAR(table->bindings);
    Py_CLEAR(table->modules);
    Py_CLEAR(table->builtins);
    Py_CLEAR(table->home);
    Py_CLEAR(table->classify);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
table_get_bindings(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((ObjectTable *)op)->bindings);
}

static PyObject *
table_get_tracked(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((ObjectTable *)op)->lists[LIVE].count);
}

static PyObject *
table_get_in_limbo(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((ObjectTable *)op)->lists[LIMBO].count);
}

PyDoc_STRVAR(table_doc,
"ObjectTable(classify, home)\n--\n\n"
"All tracked objects of one namespace.\n\n"
"Args:\n"
"    classify: gives the kind of a type, or None for immutable leaves; asked once per type.\n"
"    home: the namespace itself, a leaf wherever it is met; so are the process's own dicts,\n"
"        of built-in names (in whatever was given to ``exec``) and of modules.");

#define FUNCTION(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef table_methods[] = {
    {"find", table_find, METH_O,
     PyDoc_STR("find($self, oid, /)\n--\n\n"
               "Return the node with that serial number, if anything in the process still holds it.")},
    {"node", table_node, METH_VARARGS,
     PyDoc_STR("node($self, oid, kind, /)\n--\n\n"
               "Return the node with that serial number, or make it, without object or content.")},
    {"nodes", cowtm_numbered_nodes, METH_VARARGS,
     PyDoc_STR("nodes($self, numbers, kind, /)\n--\n\n"
               "Return what `node` gives for each number; numbers are bytes, 8 for each.")},
    {"node_of", table_node_of, METH_O,
     PyDoc_STR("node_of($self, value, /)\n--\n\nReturn the node whose live object `value` is.")},
    {"reserve", table_reserve, METH_O,
     PyDoc_STR("reserve($self, oid, /)\n--\n\n"
               "Take the serial numbers up to `oid`: nodes made from now on come after it.\n\n"
               "Returns:\n"
               "    The highest number that is taken.")},
    {"weigh", table_weigh, METH_O,
     PyDoc_STR("weigh($self, mappings, /)\n--\n\n"
               "Count the memory that recorded objects take, in bytes.")},
    {"__sizeof__", table_sizeof, METH_NOARGS,
     PyDoc_STR("__sizeof__($self, /)\n--\n\n"
               "Count the memory of the table itself, in bytes; what it records is weighed apart.")},
    {"differing", table_differing, METH_O,
     PyDoc_STR("differing($self, skip, /)\n--\n\n"
               "Compare the home namespace with the bindings, by pointer.\n\n"
               "Returns:\n"
               "    The names bound anew (those in `skip` left out), and the names that are gone.")},
    {"rebind", FUNCTION(table_rebind), METH_FASTCALL,
     PyDoc_STR("rebind($self, name, value, /)\n--\n\n"
               "Bind `name` to `value`; UNSET unbinds it. Both old and new value will be walked.")},
    {"check", table_check, METH_O,
     PyDoc_STR("check($self, name, /)\n--\n\n"
               "Walk from what `name` is bound to, and from everything waiting.")},
    {"check_object", table_check_object, METH_O,
     PyDoc_STR("check_object($self, value, /)\n--\n\n"
               "Walk from `value` if it is a tracked object, or from the tracked objects it holds.")},
    {"referred", table_referred, METH_NOARGS,
     PyDoc_STR("referred($self, /)\n--\n\n"
               "Return the nodes recorded by reference since the last call.")},
    {"reached", table_reached, METH_NOARGS,
     PyDoc_STR("reached($self, /)\n--\n\n"
               "Return the nodes visited since the last call whose kind says `follow`.")},
    {"kill", table_kill, METH_O,
     PyDoc_STR("kill($self, nodes, /)\n--\n\n"
               "Declare nodes unreachable, though they hold one another (found by a sweep).")},
    {"finish", table_finish, METH_NOARGS,
     PyDoc_STR("finish($self, /)\n--\n\n"
               "End the capture.\n\n"
               "Returns:\n"
               "    Bindings before and after, contents before and after, of what differs.")},
    {"adopt", table_adopt, METH_VARARGS,
     PyDoc_STR("adopt($self, bindings, contents, /)\n--\n\n"
               "Take the state that `restore` just made: it is the last capture now.")},
    {"attach", FUNCTION(table_attach), METH_FASTCALL,
     PyDoc_STR("attach($self, node, value, /)\n--\n\nMake `value` the live object of `node`.")},
    {"living", table_living, METH_O,
     PyDoc_STR("living($self, contents, /)\n--\n\n"
               "Return those of some contents whose nodes have a live object, in their order.")},
    {"attach_all", table_attach_all, METH_O,
     PyDoc_STR("attach_all($self, objects, /)\n--\n\n"
               "Attach values to their nodes, as `attach` does each.")},
    {"live", table_live, METH_NOARGS,
     PyDoc_STR("live($self, /)\n--\n\n"
               "Return all nodes that the present reaches, or did until the next sweep.")},
    {"limbo", table_limbo, METH_NOARGS,
     PyDoc_STR("limbo($self, /)\n--\n\n"
               "Return the nodes that no name reaches, whose objects something else still holds.")},
    {"release", table_release, METH_O,
     PyDoc_STR("release($self, nodes, /)\n--\n\n"
               "Let go of the objects of nodes in limbo that only garbage holds.")},
    {"clear", table_clear_all, METH_NOARGS,
     PyDoc_STR("clear($self, /)\n--\n\nLet go of everything.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef table_attributes[] = {
    {"bindings", table_get_bindings, NULL, PyDoc_STR("Name -> slot, as of the last capture."), NULL},
    {"tracked", table_get_tracked, NULL, PyDoc_STR("How many nodes `live` would return."), NULL},
    {"in_limbo", table_get_in_limbo, NULL, PyDoc_STR("How many nodes `limbo` would return."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef table_members[] = {
    {"changes", Py_T_PYSSIZET, offsetof(ObjectTable, changes), 0,
     PyDoc_STR("Contents and bindings recorded so far.")},
    {"visited", Py_T_PYSSIZET, offsetof(ObjectTable, visited), 0,
     PyDoc_STR("Objects looked at so far.")},
    {"suspects", Py_T_PYSSIZET, offsetof(ObjectTable, suspects), 0,
     PyDoc_STR("How often a node lost a holder and kept others; cycles may have come loose.")},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(ObjectTable, weak_references), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot table_slots[] = {
    {Py_tp_doc, (void *)table_doc},
    {Py_tp_new, table_new},
    {Py_tp_traverse, table_traverse},
    {Py_tp_clear, table_clear},
    {Py_tp_dealloc, table_dealloc},
    {Py_tp_methods, table_methods},
    {Py_tp_getset, table_attributes},
    {Py_tp_members, table_members},
    {0, NULL},
};

static PyType_Spec table_spec = {
    .name = "cowtm._native.ObjectTable",
    .basicsize = sizeof(ObjectTable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = table_slots,
};

/* ---- the module's share ---------------------------------------------------------------------- */

/* The numbers here must be those of the specification. */
static int
check_number(PyObject *twin, const char *name, long expected)
{
    PyObject *value = PyObject_GetAttrString(twin, name);
    if (value == NULL) {
        return -1;
    }
    long number = PyLong_AsLong(value);
    Py_DECREF(value);
    if (number == expected) {
        return 0;
    }
    if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_ImportError,
                     "the extension was built for other sources: %s is %ld in cowtm.twin.table, "
                     "and %ld in cowtm._native",
                     name, number, expected);
    }
    return -1;
}

static int
agree_with_twin(TableState *state)
{
    static const struct {
        const char *name;
        long number;
    } numbers[] = {
        {"LEAF", LEAF},         {"SELECT", SELECT},   {"LIST", LIST},
        {"DICT", DICT},         {"TUPLE", TUPLE},     {"SET", SET},
        {"INSTANCE", INSTANCE}, {"GENERIC", GENERIC}, {"REFERENCE", REFERENCE},
        {"BLOCK", BLOCK},
    };
    int outcome = -1;
    PyObject *twin = PyImport_ImportModule("cowtm.twin.table");
    if (twin == NULL) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (check_number(twin, numbers[i].name, numbers[i].number) < 0) {
            goto done;
        }
    }
    state->gone = PyObject_GetAttrString(twin, "GONE");
    state->unset = PyObject_GetAttrString(twin, "UNSET");
    state->shared = PyObject_GetAttrString(twin, "SHARED");
    if (state->gone != NULL && state->unset != NULL && state->shared != NULL) {
        outcome = 0;
    }
done:
    Py_DECREF(twin);
    return outcome;
}

static int
intern_names(TableState *state)
{
    const struct {
        PyObject **place;
        const char *text;
    } names[] = {
        {&state->name_code, "code"},         {&state->name_cls, "cls"},
        {&state->name_frozen, "frozen"},     {&state->name_by_value, "by_value"},
        {&state->name_keep, "keep"},         {&state->name_follow, "follow"},
        {&state->name_members, "members"},   {&state->name_has_dict, "has_dict"},
        {&state->name_select, "select"},     {&state->name_parts, "parts"},
        {&state->name_same, "same"},         {&state->name_refuse, "refuse"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *names[i].place = PyUnicode_InternFromString(names[i].text);
        if (*names[i].place == NULL) {
            return -1;
        }
    }
    return 0;
}

int
cowtm_add_table_types(PyObject *module)
{
    TableState *state = &cowtm_state(module)->objects;
    if (agree_with_twin(state) < 0 || intern_names(state) < 0 || cowtm_add_node_types(module) < 0) {
        return -1;
    }
    state->table_type = cowtm_add_type(module, &table_spec, NULL);
    return state->table_type == NULL ? -1 : 0;
}

int
cowtm_traverse_table_state(TableState *state, visitproc visit, void *arg)
{
    Py_VISIT(state->content_type);
    Py_VISIT(state->node_type);
    Py_VISIT(state->table_type);
    Py_VISIT(state->gone);
    Py_VISIT(state->unset);
    Py_VISIT(state->shared);
    return 0;
}

void
cowtm_clear_table_state(TableState *state)
{
    PyObject **names[] = {&state->name_code,    &state->name_cls,      &state->name_frozen,
                          &state->name_by_value, &state->name_keep,    &state->name_follow,
                          &state->name_members, &state->name_has_dict, &state->name_select,
                          &state->name_parts,   &state->name_same,     &state->name_refuse};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        Py_CLEAR(*names[i]);
    }
    Py_CLEAR(state->content_type);
    Py_CLEAR(state->node_type);
    Py_CLEAR(state->table_type);
    Py_CLEAR(state->gone);
    Py_CLEAR(state->unset);
    Py_CLEAR(state->shared);
}
