/* The walk: compares live objects with their contents, and records what differs.
 *
 * Nodes to visit stand on a stack of the table's own, so depth is no matter.  An object of a built-in
 * type, or an instance that may be read raw, is read as a row of borrowed pointers and compared with
 * the slots by pointer; only the slots that are nodes are looked into.  Content without nodes is
 * compared by memcmp.  Nothing is allocated, counted or called, so an unchanged object costs the
 * cache misses of looking at it, and its memory stays clean.
 *
 * Recording has four steps.  1. Hold: every part is taken by strong reference, but for blocks that
 * did not change, which are shared; the collector is off, so no code runs in between.  2. Convert:
 * each part becomes a slot, in place; kinds may run code, of the user's too, and mutate what they
 * like, but what is recorded is what was held.  3. Make sure of memory for all that follows.
 * 4. Commit: nothing fails any more.  An error before that leaves the node as it was, to be visited
 * again.
 *
 * What the specification does one slot at a time is done here for a shared block as a whole, with the
 * same result: its nodes gain and lose one holder, and are reached through the new content.
 *
 * Complexity: unchanged, O(slots) comparisons of pointers; changed, O(slots of changed blocks) more,
 * and O(slots) look-ups of `seen` where there are nodes.
 */
#include "table.h"

/* ---- reading without Python ------------------------------------------------------------------ */

/* The parts of an object, all borrowed. */
typedef struct {
    PyObject *const *items; /* side by side, or NULL: `fill` gives them one stretch at a time */
    PyObject **owned;       /* memory of `items` to be freed, or NULL */
    Py_ssize_t length;
    Py_ssize_t filled;   /* so many lie in the table's window already */
    Py_ssize_t position; /* where to go on in one of these: */
    PyObject *dict;
    PySetObject *set;
} Parts;

/* Class, slots, then attributes, or the dict that others hold too. */
static bool
open_instance(ObjectTable *table, const KindInfo *info, PyObject *value, Parts *parts)
{
    PyObject **window = table->window;
    if (!info->raw || Py_TYPE(value) != info->cls) {
        return false;
    }
    Py_ssize_t count = 0;
    window[count++] = (PyObject *)info->cls;
    for (Py_ssize_t i = 0; i < info->member_count; i++) {
        PyObject *held = *(PyObject **)((char *)value + info->offsets[i]);
        window[count++] = held != NULL ? held : table->state->unset;
    }
    if (info->has_dict) {
        PyObject *dict;
        Py_ssize_t inlined = cowtm_read_attributes(value, window + count, &dict);
        if (inlined < 0) {
            return false;
        }
        count += inlined;
        if (dict != NULL && Py_REFCNT(dict) > 1) {
            window[count++] = table->state->shared;
            window[count++] = dict;
        }
        else {
            parts->dict = dict;
        }
    }
    parts->filled = count;
    parts->length = count + (parts->dict != NULL ? 2 * PyDict_GET_SIZE(parts->dict) : 0);
    return true;
}

/* Begin to read an object; false: only Python can, or it is not what its kind is for. */
static bool
open_parts(ObjectTable *table, const KindInfo *info, PyObject *value, Parts *parts)
{
    *parts = (Parts){NULL, NULL, 0, 0, 0, NULL, NULL};
    switch (info->code) {
    case LIST:
    case TUPLE:
        if (PyList_Check(value)) {
            parts->items = ((PyListObject *)value)->ob_item;
        }
        else if (PyTuple_Check(value)) {
            parts->items = ((PyTupleObject *)value)->ob_item;
        }
        else {
            return false;
        }
        parts->length = Py_SIZE(value);
        return true;
    case DICT:
        if (!PyDict_Check(value)) {
            return false;
        }
        parts->dict = value;
        parts->length = 2 * PyDict_GET_SIZE(value);
        return true;
    case SET:
        if (!PyAnySet_Check(value)) {
            return false;
        }
        parts->set = (PySetObject *)value;
        parts->length = PySet_GET_SIZE(value);
        return true;
    case INSTANCE:
        return open_instance(table, info, value, parts);
    default:
        return false;
    }
}

/* Gives the next `count` parts, or all that are left. */
static void
fill(Parts *parts, PyObject **room, Py_ssize_t count)
{
    Py_ssize_t filled = parts->filled;
    parts->filled = 0;
    if (parts->dict != NULL) {
        while (filled + 1 < count && PyDict_Next(parts->dict, &parts->position, &room[filled],
                                                 &room[filled + 1])) {
            filled += 2;
        }
    }
    else if (parts->set != NULL) {
        while (filled < count && parts->position <= parts->set->mask) {
            const setentry *entry = &parts->set->table[parts->position++];
            /* A hash of -1 marks the place of an element that was taken out. */
            if (entry->key != NULL && entry->hash != -1) {
                room[filled++] = entry->key;
            }
        }
    }
}

/* Has all parts lie side by side, from the first on. */
static int
gather(ObjectTable *table, Parts *parts)
{
    PyObject **room = table->window;
    if (parts->length > BLOCK) {
        room = parts->owned = PyMem_Malloc((size_t)parts->length * sizeof(PyObject *));
        if (room == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(room, table->window, (size_t)parts->filled * sizeof(PyObject *));
    }
    fill(parts, room, parts->length);
    parts->items = room;
    return 0;
}

static inline void
close_parts(Parts *parts)
{
    if (parts->owned != NULL) {
        PyMem_Free(parts->owned);
        parts->owned = NULL;
    }
}

/* ---- comparing without Python ---------------------------------------------------------------- */

#define FEW 8

/* Tells whether the slots say what the parts are; nodes to visit go to the end of the stack, not yet
 * owned, if `visit`. */
static inline bool
same_slots(ObjectTable *table, Stretch old, PyObject *const *parts, bool visit)
{
    if (old.nodes == 0 && old.count > FEW) {
        return memcmp(old.slots, parts, (size_t)old.count * sizeof(PyObject *)) == 0;
    }
    for (Py_ssize_t i = 0; i < old.count; i++) {
        PyObject *slot = old.slots[i];
        if (slot == parts[i]) {
            continue;
        }
        if (!is_node(table->state, slot) || !stands_for((Node *)slot, parts[i])) {
            return false;
        }
        if (visit && ((Node *)slot)->seen != table->generation) {
            table->stack.items[table->stack.count++] = slot;
        }
    }
    return true;
}

/* Take what stands on the stack from `mark` on as owned, the first on top. */
static void
turn_over(PointerArray *stack, Py_ssize_t mark)
{
    void **low = stack->items + mark;
    void **high = stack->items + stack->count;
    for (void **item = low; item < high; item++) {
        Py_INCREF((PyObject *)*item);
    }
    while (low < --high) {
        void *item = *low;
        *low++ = *high;
        *high = item;
    }
}

/* Compare slots with parts, both in order: 1, 0, -1.  If they are the same, nodes are pushed. */
static int
same_in_order(ObjectTable *table, Content *old, Parts *parts)
{
    if (slot_count(old) != parts->length) {
        return 0;
    }
    if (pointer_array_reserve(&table->stack, node_count(old)) < 0) {
        return -1;
    }
    /* Windows of BLOCK parts match the blocks, unless something odd stands before the pairs. */
    bool in_step = old->blocked && parts->filled == 0;
    if (parts->items == NULL && (slot_count(old) <= BLOCK || !in_step) && gather(table, parts) < 0) {
        return -1;
    }
    Py_ssize_t mark = table->stack.count;
    Py_ssize_t count = stretch_count(old);
    for (Py_ssize_t i = 0; i < count; i++) {
        Stretch stretch = stretch_at(old, i);
        PyObject *const *items = table->window;
        if (parts->items != NULL) {
            items = parts->items + i * BLOCK;
        }
        else {
            fill(parts, table->window, stretch.count);
        }
        if (!same_slots(table, stretch, items, true)) {
            table->stack.count = mark;
            return 0;
        }
    }
    turn_over(&table->stack, mark);
    return 1;
}

/* Visit the nodes of a content next, in order. */
static int
push_nodes(ObjectTable *table, Content *content)
{
    if (node_count(content) == 0) {
        return 0;
    }
    if (pointer_array_reserve(&table->stack, node_count(content)) < 0) {
        return -1;
    }
    for (Py_ssize_t i = stretch_count(content); i-- > 0;) {
        Stretch stretch = stretch_at(content, i);
        for (Py_ssize_t j = stretch.nodes == 0 ? 0 : stretch.count; j-- > 0;) {
            Node *node = (Node *)stretch.slots[j];
            if (is_node(table->state, (PyObject *)node) && node->seen != table->generation) {
                push_reserved(table, node);
            }
        }
    }
    return 0;
}

/* Tells whether a set has the elements that its content says, in whatever order: a set that travel
 * filled anew may iterate in another one.  As many parts as slots.  1, 0, -1. */
static int
same_elements(ObjectTable *table, Content *old, PyObject *const *parts)
{
    PointerMap here = {NULL, 0, 0, 0};
    int same = 1;
    for (Py_ssize_t i = 0; i < slot_count(old); i++) {
        if (pointer_map_put(&here, parts[i], parts[i]) < 0) {
            same = -1;
            goto done;
        }
    }
    for (Py_ssize_t i = 0; i < stretch_count(old); i++) {
        Stretch stretch = stretch_at(old, i);
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            PyObject *slot = stretch.slots[j];
            PyObject *element = is_node(table->state, slot) ? live_object((Node *)slot) : slot;
            if (element == NULL || pointer_map_find(&here, element) == NULL) {
                same = 0;
                goto done;
            }
        }
    }
done:
    pointer_map_free(&here);
    return same;
}

/* Compare an object with its content: 1 if it is the same (then its nodes are to be visited next),
 * 0 if not, -1 for an error.  Parts must be opened anew afterwards. */
static int
same_parts(ObjectTable *table, const KindInfo *info, PyObject *value, Content *old, Parts *parts)
{
    int same = same_in_order(table, old, parts);
    if (same != 0 || info->code != SET || slot_count(old) != parts->length) {
        return same;
    }
    close_parts(parts);
    if (!open_parts(table, info, value, parts) || gather(table, parts) < 0) {
        return -1;
    }
    same = same_elements(table, old, parts->items);
    return same > 0 && push_nodes(table, old) < 0 ? -1 : same;
}

/* ---- reading and comparing through the kind -------------------------------------------------- */

static int
call_same(ObjectTable *table, KindInfo *info, PyObject *slot, PyObject *part)
{
    cowtm_forget_selected(table);
    PyObject *result =
        PyObject_CallMethodObjArgs(info->kind, table->state->name_same, slot, part, NULL);
    if (result == NULL) {
        return -1;
    }
    int truth = PyObject_IsTrue(result);
    Py_DECREF(result);
    return truth;
}

/* Compare one slot with a part that is held. */
static inline int
is_equal(ObjectTable *table, KindInfo *info, PyObject *slot, PyObject *part)
{
    if (slot == part) {
        return 1;
    }
    if (is_node(table->state, slot)) {
        return stands_for((Node *)slot, part);
    }
    return info->by_value ? call_same(table, info, slot, part) : 0;
}

/* Compare a content with parts that are held: as `same_parts`, but for the nodes. */
static int
same_held(ObjectTable *table, KindInfo *info, Content *old, PyObject *const *parts,
          Py_ssize_t length)
{
    if (slot_count(old) != length) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < stretch_count(old); i++) {
        Stretch stretch = stretch_at(old, i);
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            int equal = is_equal(table, info, stretch.slots[j], parts[i * BLOCK + j]);
            if (equal < 0) {
                return -1;
            }
            if (equal == 0) {
                return info->code == SET ? same_elements(table, old, parts) : 0;
            }
        }
    }
    return 1;
}

static PyObject *
call_parts(ObjectTable *table, KindInfo *info, PyObject *value)
{
    cowtm_forget_selected(table);
    return PyObject_CallMethodOneArg(info->kind, table->state->name_parts, value);
}

/* Read an object that is held; the result is whatever the kind gives. */
static PyObject *
read_held(ObjectTable *table, KindInfo *info, PyObject *value)
{
    Parts parts;
    if (open_parts(table, info, value, &parts)) {
        if (parts.items == NULL && gather(table, &parts) < 0) {
            return NULL;
        }
        int collects = PyGC_Disable();
        PyObject *tuple = PyTuple_New(parts.length);
        for (Py_ssize_t i = 0; tuple != NULL && i < parts.length; i++) {
            PyTuple_SET_ITEM(tuple, i, Py_NewRef(parts.items[i]));
        }
        if (collects) {
            PyGC_Enable();
        }
        close_parts(&parts);
        return tuple;
    }
    if (info->code >= LIST && info->code <= SET) {
        PyErr_Format(PyExc_TypeError, "a kind for built-in containers can't read %.200s",
                     Py_TYPE(value)->tp_name);
        return NULL;
    }
    return call_parts(table, info, value);
}

/* Gives the exception that is raised, which then is no longer. */
PyObject *
cowtm_take_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

/* Have an object that could not be read stay by reference: give its node that kind, read by it. */
static PyObject *
refuse(ObjectTable *table, Node *node, PyObject *value)
{
    PyObject *parts = NULL;
    PyObject *error = cowtm_take_exception();
    cowtm_forget_selected(table);
    PyObject *kind = PyObject_CallMethodObjArgs(node->info->kind, table->state->name_refuse, value,
                                                error, NULL);
    Py_DECREF(error);
    if (kind == NULL) {
        return NULL;
    }
    KindInfo *info = cowtm_new_kind_info(table->state, kind);
    Py_DECREF(kind);
    if (info != NULL) {
        KindInfo *former = node->info;
        node->info = info;
        info->uses++;
        cowtm_release_kind_info(former);
        /* The new kind may want it held strongly. */
        if (cowtm_attach_object(table->state, node, value) == 0) {
            parts = call_parts(table, info, value);
        }
        cowtm_release_kind_info(info);
    }
    return parts;
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Tells whether a tuple holds nothing but leaves and tuples that do so. */
static int
is_atomic(ObjectTable *table, PyObject *value)
{
    if (!PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError, "a kind for tuples can't read %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++) {
        PyObject *part = PyTuple_GET_ITEM(value, i);
        KindInfo *info;
        int tracked = PyTuple_CheckExact(part) ? PyObject_GC_IsTracked(part)
                                               : kind_of(table, part, &info);
        if (tracked != 0) {
            return tracked < 0 ? -1 : 0;
        }
    }
    return 1;
}

/* Tells the dicts that are never recorded: the namespace, and the process's own. */
static int
is_apart(ObjectTable *table, PyObject *value)
{
    return value == table->home || value == table->builtins || value == table->modules;
}

/* Gives the slot for an object that is held: itself, or its node. */
PyObject *
cowtm_slot(ObjectTable *table, PyObject *value)
{
    KindInfo *info;
    int tracked = kind_of(table, value, &info);
    if (tracked < 0) {
        return NULL;
    }
    if (tracked == 0 || is_apart(table, value)) {
        return Py_NewRef(value);
    }
    Node *node = find_node(table, value);
    if (node != NULL) {
        return Py_NewRef(node);
    }
    info->uses++;
    if (info->code == TUPLE) {
        int atomic = is_atomic(table, value);
        if (atomic != 0) {
            cowtm_release_kind_info(info);
            return atomic < 0 ? NULL : Py_NewRef(value);
        }
    }
    node = cowtm_new_node(table->state, 0, info, value);
    if (node == NULL) {
        return NULL;
    }
    cowtm_place(table, node, IDLE);
    if (cowtm_register(table, node, value) < 0 ||
        cowtm_number(table, node, table->next_oid) < 0) {
        Py_DECREF(node);
        return NULL;
    }
    return (PyObject *)node;
}

/* ---- recording ------------------------------------------------------------------------------- */

/* The old slots that stand where those from `start` on will stand. */
static Stretch
stretch_from(Content *content, Py_ssize_t start)
{
    if (content == NULL || start >= slot_count(content)) {
        return (Stretch){NULL, 0, 0};
    }
    if (content->blocked) {
        return stretch_at(content, start / BLOCK);
    }
    return (Stretch){content->items + start, slot_count(content) - start, node_count(content)};
}

static inline bool
is_shared(const Content *new, const Content *old, Py_ssize_t block)
{
    return old != NULL && new->blocked && old->blocked && block < block_count(old) &&
           block < block_count(new) && new->items[block] == old->items[block];
}

/* Step 1: hold the parts where the slots will be.  No other code runs before all are held. */
static int
hold(ObjectTable *table, Content *new, Content *old, PyObject *const *parts)
{
    if (!new->blocked) {
        for (Py_ssize_t i = 0; i < slot_count(new); i++) {
            new->items[i] = Py_NewRef(parts[i]);
        }
        return 0;
    }
    int collects = PyGC_Disable();
    int outcome = 0;
    for (Py_ssize_t i = 0; i < block_count(new); i++, parts += BLOCK) {
        Py_ssize_t left = slot_count(new) - i * BLOCK;
        Py_ssize_t count = left < BLOCK ? left : BLOCK;
        Stretch former = stretch_from(old, i * BLOCK);
        if (old != NULL && old->blocked && former.count == count &&
            same_slots(table, former, parts, false)) {
            new->items[i] = Py_NewRef(old->items[i]);
            nodes_in_blocks(new)[i] = former.nodes;
            continue;
        }
        PyObject *block = PyTuple_New(count);
        if (block == NULL) {
            outcome = -1;
            break;
        }
        PyObject_GC_UnTrack(block);
        new->items[i] = block;
        for (Py_ssize_t j = 0; j < count; j++) {
            PyTuple_SET_ITEM(block, j, Py_NewRef(parts[j]));
        }
    }
    if (collects) {
        PyGC_Enable();
    }
    return outcome;
}

/* Step 2 for one stretch: put a slot in the place of each part.  Gives the number of nodes, or -1. */
static Py_ssize_t
convert(ObjectTable *table, KindInfo *info, Stretch new, Stretch old)
{
    Py_ssize_t nodes = 0;
    for (Py_ssize_t i = 0; i < new.count; i++) {
        PyObject *part = new.slots[i];
        PyObject *slot = NULL;
        if (i < old.count) {
            int equal = is_equal(table, info, old.slots[i], part);
            if (equal < 0) {
                return -1;
            }
            if (equal) {
                slot = Py_NewRef(old.slots[i]);
            }
        }
        if (slot == NULL) {
            slot = cowtm_slot(table, part);
            if (slot == NULL) {
                return -1;
            }
        }
        new.slots[i] = slot;
        Py_DECREF(part);
        nodes += is_node(table->state, slot);
    }
    return nodes;
}

/* Step 2: parts that are held become slots. */
static int
convert_all(ObjectTable *table, KindInfo *info, Content *new, Content *old)
{
    for (Py_ssize_t i = 0; i < stretch_count(new); i++) {
        if (is_shared(new, old, i)) {
            new->node_count += (uint64_t)nodes_in_blocks(new)[i];
            continue;
        }
        Stretch former = stretch_from(old, i * BLOCK);
        Stretch stretch = stretch_at(new, i);
        Py_ssize_t nodes = convert(table, info, stretch, former);
        if (nodes < 0) {
            return -1;
        }
        new->node_count += (uint64_t)nodes;
        if (!new->blocked) {
            continue;
        }
        nodes_in_blocks(new)[i] = nodes;
        /* Equal by value: the old slots were taken, so the old block may serve. */
        if (info->by_value && old != NULL && old->blocked && former.count == stretch.count &&
            memcmp(former.slots, stretch.slots, (size_t)former.count * sizeof(PyObject *)) == 0) {
            Py_SETREF(new->items[i], Py_NewRef(old->items[i]));
        }
    }
    return 0;
}

/* Step 3: whatever may fail. */
static int
prepare(ObjectTable *table, Node *node, const KindInfo *info, Content *new, Content *old)
{
    Py_ssize_t former = old != NULL ? node_count(old) : 0;
    if (pointer_array_reserve(&table->stack, former + node_count(new)) < 0 ||
        pointer_array_reserve(&table->orphans, former) < 0) {
        return -1;
    }
    if (old != NULL) {
        int known = PyDict_Contains(table->before, (PyObject *)node);
        if (known == 0) {
            known = PyDict_Contains(table->after, (PyObject *)node);
        }
        if (known < 0 ||
            (known == 0 && PyDict_SetItem(table->before, (PyObject *)node, (PyObject *)old) < 0)) {
            return -1;
        }
    }
    if (PyDict_SetItem(table->after, (PyObject *)node, (PyObject *)new) < 0) {
        return -1;
    }
    return info->code == REFERENCE ? PyList_Append(table->referred, (PyObject *)node) : 0;
}

/* Step 4. */
static void
commit(ObjectTable *table, Node *node, Content *new, Content *old)
{
    for (Py_ssize_t i = 0; i < stretch_count(new); i++) {
        Stretch stretch = stretch_at(new, i);
        if (stretch.nodes == 0 || is_shared(new, old, i)) {
            continue;
        }
        for (Py_ssize_t j = 0; j < stretch.count; j++) {
            if (is_node(table->state, stretch.slots[j])) {
                ((Node *)stretch.slots[j])->holders++;
            }
        }
    }
    node->content = (Content *)Py_NewRef(new);
    cowtm_place(table, node, LIVE);
    table->changes++;
    for (Py_ssize_t i = 0; old != NULL && i < stretch_count(old); i++) {
        Stretch stretch = stretch_at(old, i);
        if (is_shared(new, old, i)) {
            table->suspects += stretch.nodes;
            continue;
        }
        for (Py_ssize_t j = 0; stretch.nodes > 0 && j < stretch.count; j++) {
            Node *child = (Node *)stretch.slots[j];
            if (is_node(table->state, (PyObject *)child)) {
                if (child->seen != table->generation) {
                    push_reserved(table, child);
                }
                let_go(table, child);
            }
        }
    }
}

/* Record that an object is now made of `parts`, which are borrowed, as its kind read them. */
static int
record(ObjectTable *table, Node *node, KindInfo *info, PyObject *const *parts, Py_ssize_t length)
{
    int outcome = -1;
    info->uses++; /* code that runs meanwhile may give the node another kind */
    Content *old = (Content *)Py_XNewRef(node->content);
    Content *new = cowtm_new_content(table->state, info->kind, length, length > BLOCK);
    if (new == NULL || hold(table, new, old, parts) < 0 ||
        convert_all(table, info, new, old) < 0 || prepare(table, node, info, new, old) < 0) {
        goto done;
    }
    commit(table, node, new, old);
    Py_XDECREF(old); /* the reference that the node had */
    outcome = push_nodes(table, new);
done:
    Py_XDECREF(new);
    Py_XDECREF(old);
    cowtm_release_kind_info(info);
    return outcome;
}

/* ---- visiting -------------------------------------------------------------------------------- */

/* Read by Python, compare, record. */
static int
visit_through_kind(ObjectTable *table, Node *node, PyObject *value)
{
    int outcome = -1;
    PyObject *parts = NULL;
    Content *old = (Content *)Py_XNewRef(node->content);
    KindInfo *info = node->info;
    info->uses++; /* code that runs meanwhile may give the node another kind */
    PyObject *given = read_held(table, info, value);
    if (given == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        given = refuse(table, node, value);
        cowtm_release_kind_info(info);
        info = node->info;
        info->uses++;
    }
    if (given == NULL) {
        goto done;
    }
    parts = PySequence_Tuple(given);
    if (parts == NULL) {
        goto done;
    }
    PyObject *const *items = ((PyTupleObject *)parts)->ob_item;
    int same = 0;
    if (old != NULL && old->kind == info->kind) {
        same = same_held(table, info, old, items, PyTuple_GET_SIZE(parts));
    }
    if (same > 0) {
        outcome = push_nodes(table, old);
    }
    else if (same == 0) {
        outcome = record(table, node, info, items, PyTuple_GET_SIZE(parts));
    }
done:
    Py_XDECREF(parts);
    Py_XDECREF(given);
    Py_XDECREF(old);
    cowtm_release_kind_info(info);
    return outcome;
}

/* The class of an object is another one: find its kind anew. */
static int
find_kind_anew(ObjectTable *table, Node *node, PyObject *value)
{
    KindInfo *info;
    int tracked = kind_of(table, value, &info);
    if (tracked > 0) {
        KindInfo *former = node->info;
        info->uses++;
        node->info = info;
        cowtm_release_kind_info(former);
    }
    return tracked < 0 ? -1 : 0;
}

/* Visit an object that is held. */
static int
visit_held(ObjectTable *table, Node *node, PyObject *value)
{
    KindInfo *info = node->info;
    if (info->cls != NULL && info->cls != Py_TYPE(value)) {
        if (find_kind_anew(table, node, value) < 0) {
            return -1;
        }
        info = node->info;
    }
    Parts parts;
    if (info->by_value || !open_parts(table, info, value, &parts)) {
        return visit_through_kind(table, node, value);
    }
    int outcome = 0;
    Content *old = node->content;
    if (old != NULL && old->kind == info->kind) {
        outcome = same_parts(table, info, value, old, &parts);
        close_parts(&parts);
        if (outcome != 0) {
            return outcome < 0 ? -1 : 0;
        }
        open_parts(table, info, value, &parts);
    }
    if (parts.items == NULL) {
        outcome = gather(table, &parts);
    }
    if (outcome == 0) {
        outcome = record(table, node, info, parts.items, parts.length);
    }
    close_parts(&parts);
    return outcome;
}

/* Visit an object that is as its content says: 1; 0 if it must be looked at closely; -1: error. */
static inline int
visit_unchanged(ObjectTable *table, Node *node, PyObject *value)
{
    KindInfo *info = node->info;
    Content *old = node->content;
    Parts parts;
    if (old == NULL || old->kind != info->kind || info->by_value ||
        (info->cls != NULL && info->cls != Py_TYPE(value)) ||
        !open_parts(table, info, value, &parts)) {
        return 0;
    }
    int same = same_parts(table, info, value, old, &parts);
    close_parts(&parts);
    return same;
}

/* Tells whether the parts of an object never change, as its content says. */
static int
is_frozen(ObjectTable *table, const Node *node)
{
    Content *old = node->content;
    if (old == NULL) {
        return 0;
    }
    if (old->kind == node->info->kind) {
        return node->info->frozen;
    }
    PyObject *frozen = PyObject_GetAttr(old->kind, table->state->name_frozen);
    if (frozen == NULL) {
        return -1;
    }
    int truth = PyObject_IsTrue(frozen);
    Py_DECREF(frozen);
    return truth;
}

static int
is_reference(ObjectTable *table, const Node *node)
{
    if (node->content->kind == node->info->kind) {
        return node->info->code == REFERENCE;
    }
    KindInfo *info = cowtm_new_kind_info(table->state, node->content->kind);
    if (info == NULL) {
        return -1;
    }
    int answer = info->code == REFERENCE;
    cowtm_release_kind_info(info);
    return answer;
}

/* An object that is gone, or whose parts never change: go on to what it held. */
static int
visit_frozen(ObjectTable *table, Node *node)
{
    if (node->content == NULL) {
        return 0;
    }
    int reference = is_reference(table, node);
    if (reference < 0 || push_nodes(table, node->content) < 0) {
        return -1;
    }
    PyObject *value = live_object(node);
    return reference && value != NULL ? cowtm_push_held_by(table, value) : 0;
}

static int
visit(ObjectTable *table, Node *node)
{
    if (node->info->follow && PyList_Append(table->reached, (PyObject *)node) < 0) {
        return -1;
    }
    int frozen = is_frozen(table, node);
    if (frozen < 0) {
        return -1;
    }
    PyObject *value = live_object(node);
    if (frozen || value == NULL) {
        return visit_frozen(table, node);
    }
    int same = visit_unchanged(table, node, value);
    if (same != 0) {
        return same < 0 ? -1 : 0;
    }
    Py_INCREF(value);
    int outcome = visit_held(table, node, value);
    Py_DECREF(value);
    return outcome;
}

/* Visit everything that waits.  After an error the node that raised it waits again. */
int
cowtm_walk(ObjectTable *table)
{
    PointerArray *stack = &table->stack;
    while (stack->count > 0) {
        Node *node = stack->items[--stack->count];
        if (node->seen != table->generation) {
            uint32_t before = node->seen;
            node->seen = table->generation;
            table->visited++;
            if (visit(table, node) < 0) {
                node->seen = before;
                if (pointer_array_has_room(stack, 1)) {
                    stack->items[stack->count++] = node;
                }
                else {
                    Py_DECREF(node);
                }
                return -1;
            }
        }
        Py_DECREF(node);
    }
    return 0;
}

/* ---- what untracked objects hold ------------------------------------------------------------- */

static int
collect(PyObject *held, void *pile)
{
    return pointer_array_push(pile, held);
}

/* Adds what an object refers to, as `gc.get_referents` does; runs no code of the user's. */
static int
collect_held(PyObject *value, PointerArray *pile)
{
    traverseproc traverse = Py_TYPE(value)->tp_traverse;
    if (!PyObject_IS_GC(value) || traverse == NULL) {
        return 0;
    }
    return traverse(value, collect, pile) == 0 ? 0 : -1;
}

/* Look at the objects of one level: 0; 1 when enough were seen; -1: error. */
static int
push_level(ObjectTable *table, const PointerArray *level, PointerArray *below, PointerMap *seen)
{
    for (Py_ssize_t i = 0; i < level->count; i++) {
        PyObject *held = level->items[i];
        if (is_apart(table, held) || PyModule_Check(held) || pointer_map_find(seen, held) != NULL) {
            continue;
        }
        if (pointer_map_put(seen, held, held) < 0) {
            return -1;
        }
        Node *node = find_node(table, held);
        if (node != NULL) {
            if (node->content != NULL && push(table, node) < 0) {
                return -1;
            }
        }
        else if (!PyType_Check(held) && collect_held(held, below) < 0) {
            return -1;
        }
        if (seen->used > BLOCK) {
            return 1;
        }
    }
    return 0;
}

/* Visit next the live nodes that an object holds, through a few objects that are not tracked. */
int
cowtm_push_held_by(ObjectTable *table, PyObject *value)
{
    PointerMap seen = {NULL, 0, 0, 0};
    PointerArray level = {NULL, 0, 0};
    int outcome = -1;
    if (pointer_map_put(&seen, value, value) < 0 || collect_held(value, &level) < 0) {
        goto done;
    }
    outcome = 0;
    for (int depth = 0; depth < 3 && outcome == 0; depth++) {
        PointerArray below = {NULL, 0, 0};
        outcome = push_level(table, &level, &below, &seen);
        pointer_array_free(&level);
        level = below;
    }
done:
    pointer_map_free(&seen);
    pointer_array_free(&level);
    return outcome < 0 ? -1 : 0;
}
