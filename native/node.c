/* Content and Node: what an object directly held, and the object itself.
 *
 * There is one of each for every tracked object, and a Content more for every version of it, so they
 * are small, and the garbage collector does not know them: a collection of the user's takes no longer
 * because a state was recorded.  Cycles of Node and Content exist among live nodes only; the table
 * opens them when a node becomes unreachable, and when it dies itself.  A circle may also pass
 * through what a kind leads to; whoever ends a session opens that (`Mirror.close`).
 *
 * A Content has its slots in it, in place of a tuple beside it.  `slots` makes a tuple at each asking;
 * only blocks are tuples from the start, untracked, since versions share them.
 *
 * A Node holds its object by a weak reference, untracked too, where the type allows; else strongly.
 * The table's map from addresses to nodes does not own nodes.  A node takes itself out when it dies;
 * an entry whose object died, and whose address may be another object's by now, is told by the node's
 * live object being another.  This is the one thing that differs from the specification: there, a
 * node that no state refers to is known until its object's address is used again; here it dies, and
 * if its object comes back it is a new one, which nobody can tell from the old.
 *
 * Chains of Node and Content can be as long as the user's lists are deep.  Deallocation goes through
 * a queue of the module's: what dies while something dies waits its turn, so the C stack stays flat.
 *
 * Complexity: everything O(1), but for what touches slots, O(slots).
 */
#include "table.h"

#include <stddef.h>

static inline TableState *
state_of(PyObject *op)
{
    return &((CowtmState *)PyType_GetModuleState(Py_TYPE(op)))->objects;
}

/* ---- dying ----------------------------------------------------------------------------------- */

static void
destroy(TableState *state, PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    if (type == state->node_type) {
        Node *node = (Node *)op;
        Py_XDECREF(node->object);
        Py_XDECREF(node->content);
        cowtm_release_kind_info(node->info);
    }
    else {
        Content *content = (Content *)op;
        Py_ssize_t count = content->blocked ? block_count(content) : slot_count(content);
        for (Py_ssize_t i = 0; i < count; i++) {
            Py_XDECREF(content->items[i]);
        }
        Py_DECREF(content->kind);
    }
    PyObject_Free(op);
    Py_DECREF(type);
}

/* Destroy an object at once, or, while another one is being destroyed, after it. */
static void
destroy_in_turn(PyObject *op)
{
    TableState *state = state_of(op);
    PointerArray *dying = &state->dying;
    if (state->is_destroying) {
        if (pointer_array_has_room(dying, 1)) {
            dying->items[dying->count++] = op;
        }
        else {
            destroy(state, op);
        }
        return;
    }
    PyTypeObject *type = (PyTypeObject *)Py_NewRef(Py_TYPE(op)); /* keeps the state */
    state->is_destroying = true;
    destroy(state, op);
    while (dying->count > 0) {
        destroy(state, dying->items[--dying->count]);
    }
    pointer_array_free(dying);
    state->is_destroying = false;
    Py_DECREF(type);
}

/* ---- Content --------------------------------------------------------------------------------- */

/* Makes a content whose items are NULL and whose nodes are not counted yet. */
Content *
cowtm_new_content(TableState *state, PyObject *kind, Py_ssize_t length, bool blocked)
{
    if (length > MOST_SLOTS) {
        PyErr_NoMemory();
        return NULL;
    }
    size_t items = blocked ? 2 * (size_t)((length + BLOCK - 1) / BLOCK) : (size_t)length;
    Content *content = PyObject_Malloc(offsetof(Content, items) + items * sizeof(PyObject *));
    if (content == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    PyObject_Init((PyObject *)content, state->content_type);
    content->kind = Py_NewRef(kind);
    content->address = 0;
    content->length = (uint64_t)length;
    content->mark = 0;
    content->node_count = 0;
    content->blocked = blocked;
    memset(content->items, 0, items * sizeof(PyObject *));
    return content;
}

static Py_ssize_t
count_nodes(TableState *state, PyObject *const *slots, Py_ssize_t count)
{
    Py_ssize_t nodes = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        nodes += is_node(state, slots[i]);
    }
    return nodes;
}

static Content *
content_of_slots(TableState *state, PyObject *kind, PyObject *slots)
{
    Py_ssize_t count = PyTuple_GET_SIZE(slots);
    Content *content = cowtm_new_content(state, kind, count, false);
    if (content == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        content->items[i] = Py_NewRef(PyTuple_GET_ITEM(slots, i));
    }
    content->node_count = (uint64_t)count_nodes(state, content->items, count);
    return content;
}

/* Gives the number of slots in blocks that are as the table makes them, or -1. */
static Py_ssize_t
length_of_blocks(PyObject *blocks)
{
    Py_ssize_t length = 0;
    Py_ssize_t count = PyTuple_GET_SIZE(blocks);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *block = PyTuple_GET_ITEM(blocks, i);
        if (!PyTuple_CheckExact(block)) {
            PyErr_Format(PyExc_TypeError, "a block must be a tuple, not %.200s",
                         Py_TYPE(block)->tp_name);
            return -1;
        }
        Py_ssize_t size = PyTuple_GET_SIZE(block);
        if (size == 0 || size > BLOCK || (size < BLOCK && i + 1 < count)) {
            PyErr_Format(PyExc_ValueError, "a block must hold %d slots, the last one at most as many",
                         BLOCK);
            return -1;
        }
        length += size;
    }
    return length;
}

static Content *
content_of_blocks(TableState *state, PyObject *kind, PyObject *blocks)
{
    Py_ssize_t length = length_of_blocks(blocks);
    if (length < 0) {
        return NULL;
    }
    Content *content = cowtm_new_content(state, kind, length, true);
    if (content == NULL) {
        return NULL;
    }
    Py_ssize_t *nodes = nodes_in_blocks(content);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(blocks); i++) {
        PyTupleObject *block = (PyTupleObject *)PyTuple_GET_ITEM(blocks, i);
        content->items[i] = Py_NewRef(block);
        nodes[i] = count_nodes(state, block->ob_item, Py_SIZE(block));
        content->node_count += (uint64_t)nodes[i];
    }
    return content;
}

static PyObject *
content_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"kind", "slots", "blocked", NULL};
    PyObject *kind;
    PyObject *slots;
    int blocked = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!|p:Content", parameters, &kind,
                                     &PyTuple_Type, &slots, &blocked)) {
        return NULL;
    }
    TableState *state = &((CowtmState *)PyType_GetModuleState(type))->objects;
    return (PyObject *)(blocked ? content_of_blocks(state, kind, slots)
                                : content_of_slots(state, kind, slots));
}

static void
content_dealloc(PyObject *op)
{
    destroy_in_turn(op);
}

static PyObject *
tuple_of(PyObject *const *items, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
    }
    return tuple;
}

static PyObject *
content_get_slots(PyObject *op, void *Py_UNUSED(closure))
{
    Content *content = (Content *)op;
    return tuple_of(content->items, content->blocked ? block_count(content) : slot_count(content));
}

static PyObject *
content_flat(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Content *content = (Content *)op;
    PyObject *flat = PyTuple_New(slot_count(content));
    if (flat == NULL) {
        return NULL;
    }
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            PyTuple_SET_ITEM(flat, at++, Py_NewRef(stretch.slots[j]));
        }
    }
    return flat;
}

static PyObject *
content_nodes(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Content *content = (Content *)op;
    TableState *state = state_of(op);
    PyObject *nodes = PyList_New(node_count(content));
    if (nodes == NULL) {
        return NULL;
    }
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; i < stretch_count(content); i++) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            if (is_node(state, stretch.slots[j])) {
                PyList_SET_ITEM(nodes, at++, Py_NewRef(stretch.slots[j]));
            }
        }
    }
    return nodes;
}

static PyObject *
content_repr(PyObject *op)
{
    Content *content = (Content *)op;
    PyObject *name = PyObject_GetAttrString(content->kind, "name");
    if (name == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
        name = Py_NewRef(content->kind);
    }
    PyObject *text = PyUnicode_FromFormat("Content(%S, %zd slots)", name, slot_count(content));
    Py_DECREF(name);
    return text;
}

static PyObject *
content_get_address(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Content *)op)->address);
}

static int
content_set_address(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "the address of a content can't be deleted");
        return -1;
    }
    long long address = PyLong_AsLongLong(value);
    if (address == -1 && PyErr_Occurred()) {
        return -1;
    }
    ((Content *)op)->address = address;
    return 0;
}

static PyObject *
content_get_kind(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((Content *)op)->kind);
}

static PyObject *
content_get_blocked(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((Content *)op)->blocked);
}

PyDoc_STRVAR(content_doc,
"Content(kind, slots, blocked=False)\n--\n\n"
"What an object directly held: its kind and its slots, in blocks when they are many.");

static PyMethodDef content_methods[] = {
    {"flat", content_flat, METH_NOARGS,
     PyDoc_STR("flat($self, /)\n--\n\nReturn all slots in one tuple.")},
    {"nodes", content_nodes, METH_NOARGS,
     PyDoc_STR("nodes($self, /)\n--\n\n"
               "Return the nodes among the slots, in order, repeated as they are.")},
    {"join", cowtm_join_contents, METH_VARARGS | METH_CLASS,
     PyDoc_STR("join($type, contents, types, longest, /)\n--\n\n"
               "Put the slots of some contents into one list, nodes as their numbers.\n\n"
               "Returns:\n"
               "    How many slots each has, how far each node in the list is from the one before\n"
               "    (both as bytes, 8 for each number), and the list; None if a slot is neither a\n"
               "    node nor of one of the types, or a text, or bytes, longer than `longest`.")},
    {"split", cowtm_split_contents, METH_VARARGS | METH_CLASS,
     PyDoc_STR("split($type, kind, lengths, flat, /)\n--\n\n"
               "Make contents of a list with the slots of all; those of many slots are in blocks.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef content_attributes[] = {
    {"address", content_get_address, content_set_address,
     PyDoc_STR("A number for whoever stores contents: where this one is; 0 at birth."), NULL},
    {"kind", content_get_kind, NULL, PyDoc_STR("How the object was read."), NULL},
    {"slots", content_get_slots, NULL,
     PyDoc_STR("The slots, or the blocks; a new tuple at each asking, blocks stay the same."), NULL},
    {"blocked", content_get_blocked, NULL, PyDoc_STR("Whether `slots` are blocks of slots."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot content_slots[] = {
    {Py_tp_doc, (void *)content_doc},
    {Py_tp_new, content_new},
    {Py_tp_dealloc, content_dealloc},
    {Py_tp_repr, content_repr},
    {Py_tp_methods, content_methods},
    {Py_tp_getset, content_attributes},
    {0, NULL},
};

/* The size is that without items, as in the specification, where `slots` are counted apart. */
static PyType_Spec content_spec = {
    .name = "cowtm._native.Content",
    .basicsize = sizeof(Content),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = content_slots,
};

/* ---- Node ------------------------------------------------------------------------------------ */

/* Makes `value` the live object: weakly if its type allows and its kind does not say `keep`. */
int
cowtm_attach_object(TableState *state, Node *node, PyObject *value)
{
    PyObject *object = NULL;
    bool weak = false;
    if (value != state->gone) {
        if (!node->info->keep && Py_TYPE(value)->tp_weaklistoffset != 0) {
            object = PyWeakref_NewRef(value, NULL);
            if (object != NULL) {
                weak = true;
                if (Py_REFCNT(object) == 1) {
                    PyObject_GC_UnTrack(object); /* it holds nothing: spare the collector */
                }
            }
            else if (PyErr_ExceptionMatches(PyExc_TypeError)) {
                PyErr_Clear();
            }
            else {
                return -1;
            }
        }
        if (!weak) {
            object = Py_NewRef(value);
        }
    }
    PyObject *former = node->object;
    node->object = object;
    node->weak = weak;
    Py_XDECREF(former);
    return 0;
}

/* Takes over one use of `info`, also when it fails. */
Node *
cowtm_new_node(TableState *state, Py_ssize_t oid, KindInfo *info, PyObject *value)
{
    Node *node = PyObject_New(Node, state->node_type);
    if (node == NULL) {
        cowtm_release_kind_info(info);
        return NULL;
    }
    memset((char *)node + sizeof(PyObject), 0, sizeof(*node) - sizeof(PyObject));
    node->oid = (uint64_t)oid;
    node->info = info;
    if (cowtm_attach_object(state, node, value) < 0) {
        Py_DECREF(node);
        return NULL;
    }
    return node;
}

/* Lets go of the object if nobody else holds it; tells whether it is let go. */
bool
cowtm_release_object(Node *node)
{
    if (node->weak) {
        return live_object(node) == NULL;
    }
    if (node->info->keep || node->object == NULL) {
        return true;
    }
    if (Py_REFCNT(node->object) > 1) {
        return false;
    }
    Py_CLEAR(node->object);
    return true;
}

static void
unlink_node(Node *node)
{
    NodeList *list = &node->table->lists[node->place];
    *(node->previous != NULL ? &node->previous->next : &list->first) = node->next;
    *(node->next != NULL ? &node->next->previous : &list->last) = node->previous;
    list->count--;
    node->previous = node->next = NULL;
    node->table = NULL;
}

static void
link_node(ObjectTable *table, Node *node, int place)
{
    NodeList *list = &table->lists[place];
    node->table = table;
    node->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = node;
    list->last = node;
    list->count++;
}

/* Moves a node to the end of another list.  The caller holds it: IDLE does not. */
void
cowtm_place(ObjectTable *table, Node *node, int place)
{
    if (node->place == place) {
        return;
    }
    bool was_owned = node->place == LIVE || node->place == LIMBO;
    bool is_owned = place == LIVE || place == LIMBO;
    if (node->place != NOWHERE) {
        unlink_node(node);
    }
    node->place = (unsigned)place;
    if (place != NOWHERE) {
        link_node(table, node, place);
    }
    if (is_owned && !was_owned) {
        Py_INCREF(node);
    }
    if (was_owned && !is_owned) {
        Py_DECREF(node);
    }
}

/* Has the table find `node`, which is in one of its lists, by the address of `value`. */
int
cowtm_register(ObjectTable *table, Node *node, PyObject *value)
{
    Node *former = pointer_map_find(&table->addresses, value);
    if (former == node) {
        return 0;
    }
    if (pointer_map_put(&table->addresses, value, node) < 0) {
        return -1;
    }
    if (former != NULL) {
        former->address = NULL;
    }
    cowtm_unregister(node);
    node->address = value;
    return 0;
}

void
cowtm_unregister(Node *node)
{
    if (node->address != NULL) {
        pointer_map_remove(&node->table->addresses, node->address);
        node->address = NULL;
    }
}

static PyObject *
node_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"oid", "kind", "value", NULL};
    Py_ssize_t oid;
    PyObject *kind;
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "nOO:Node", parameters, &oid, &kind, &value)) {
        return NULL;
    }
    if (cowtm_check_number(oid) < 0) {
        return NULL;
    }
    TableState *state = &((CowtmState *)PyType_GetModuleState(type))->objects;
    KindInfo *info = cowtm_new_kind_info(state, kind);
    return info == NULL ? NULL : (PyObject *)cowtm_new_node(state, oid, info, value);
}

static void
node_dealloc(PyObject *op)
{
    Node *node = (Node *)op;
    if (node->table != NULL) {
        cowtm_unregister(node);
        cowtm_unnumber(node);
        unlink_node(node);
    }
    if (node->weak_references != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    destroy_in_turn(op);
}

static PyObject *
node_get_oid(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(number_of((Node *)op));
}

static PyObject *
node_get_object(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *object = live_object((Node *)op);
    return Py_NewRef(object != NULL ? object : state_of(op)->gone);
}

static PyObject *
node_get_holds(PyObject *op, void *Py_UNUSED(closure))
{
    Node *node = (Node *)op;
    return PyBool_FromLong(!node->weak && node->object != NULL);
}

static PyObject *
node_get_kind(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((Node *)op)->info->kind);
}

static int
node_set_kind(PyObject *op, PyObject *kind, void *Py_UNUSED(closure))
{
    if (kind == NULL) {
        PyErr_SetString(PyExc_AttributeError, "the kind of a node can't be deleted");
        return -1;
    }
    Node *node = (Node *)op;
    KindInfo *info = node->table != NULL ? cowtm_kind_info(node->table, kind)
                                         : cowtm_new_kind_info(state_of(op), kind);
    if (info == NULL) {
        return -1;
    }
    KindInfo *former = node->info;
    node->info = info;
    cowtm_release_kind_info(former);
    return 0;
}

static PyObject *
node_get_content(PyObject *op, void *Py_UNUSED(closure))
{
    Content *content = ((Node *)op)->content;
    return Py_NewRef(content != NULL ? (PyObject *)content : Py_None);
}

static PyObject *
node_attach(PyObject *op, PyObject *value)
{
    if (cowtm_attach_object(state_of(op), (Node *)op, value) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
node_release(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(cowtm_release_object((Node *)op));
}

static PyObject *
node_drop(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Node *node = (Node *)op;
    PyObject *former = node->object;
    node->object = NULL;
    node->weak = false;
    Py_XDECREF(former);
    Py_RETURN_NONE;
}

/* Serial numbers follow one another, and so do the places of nodes in a dict of them. */
static Py_hash_t
node_hash(PyObject *op)
{
    return number_of((Node *)op);
}

static PyObject *
node_repr(PyObject *op)
{
    return PyUnicode_FromFormat("Node(%zd)", number_of((Node *)op));
}

PyDoc_STRVAR(node_doc,
"Node(oid, kind, value)\n--\n\n"
"One tracked object: a serial number, the live object if there is one, its last content.");

static PyMethodDef node_methods[] = {
    {"attach", node_attach, METH_O,
     PyDoc_STR("attach($self, value, /)\n--\n\nMake `value` the live object of this node.")},
    {"release", node_release, METH_NOARGS,
     PyDoc_STR("release($self, /)\n--\n\n"
               "Let go of the object if nobody else holds it; tell whether it is let go.")},
    {"drop", node_drop, METH_NOARGS,
     PyDoc_STR("drop($self, /)\n--\n\nLet go of the object, whoever holds it.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef node_attributes[] = {
    {"oid", node_get_oid, NULL, PyDoc_STR("The serial number."), NULL},
    {"object", node_get_object, NULL, PyDoc_STR("The live object, or GONE."), NULL},
    {"holds", node_get_holds, NULL,
     PyDoc_STR("Whether the node holds its object itself, not weakly."), NULL},
    {"kind", node_get_kind, node_set_kind, PyDoc_STR("How the object is read."), NULL},
    {"content", node_get_content, NULL,
     PyDoc_STR("What it held at the last capture; None if the present does not reach it."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef node_members[] = {
    {"holders", Py_T_INT, offsetof(Node, holders), Py_READONLY,
     PyDoc_STR("How many slots and bindings of the present refer to it.")},
    {"seen", Py_T_UINT, offsetof(Node, seen), Py_READONLY,
     PyDoc_STR("The capture that visited it last.")},
    {"__weaklistoffset__", Py_T_PYSSIZET, offsetof(Node, weak_references), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot node_slots[] = {
    {Py_tp_doc, (void *)node_doc},
    {Py_tp_new, node_new},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_repr, node_repr},
    {Py_tp_hash, node_hash},
    {Py_tp_methods, node_methods},
    {Py_tp_getset, node_attributes},
    {Py_tp_members, node_members},
    {0, NULL},
};

static PyType_Spec node_spec = {
    .name = "cowtm._native.Node",
    .basicsize = sizeof(Node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = node_slots,
};

int
cowtm_add_node_types(PyObject *module)
{
    TableState *state = &cowtm_state(module)->objects;
    state->content_type = cowtm_add_type(module, &content_spec, NULL);
    if (state->content_type == NULL) {
        return -1;
    }
    state->node_type = cowtm_add_type(module, &node_spec, NULL);
    return state->node_type == NULL ? -1 : 0;
}
