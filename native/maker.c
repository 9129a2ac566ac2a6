/* Maker: makes objects from contents, whole graphs with cycles and sharing.
 *
 * The specification is cowtm/twin/maker.py.  Nodes are added by a search with stacks of its own, so
 * depth is no matter.  Kinds make and fill their objects themselves, in Python, but for those that
 * say they are `plain`: lists, dicts, sets, tuples and plain instances are made here, in the same
 * order, which costs a tenth.
 *
 * What was added stands in a row of entries; a map leads from nodes to places in it.  Python code
 * runs in kinds' methods, which may come back here (`add` within `_complete`), so entries are found
 * by number, and what is borrowed from one is held.
 *
 * Complexity: O(nodes + slots), beside what kinds do.
 */
#include "maker.h"

#include <stddef.h>

#define NODES_BETWEEN_SIGNALS (1 << 16)
#define DEEPEST 1000 /* more than the specification manages; a kilobyte of stack each */

/* ---- kinds ----------------------------------------------------------------------------------- */

static int
read_truth(PyObject *kind, PyObject *name, bool *truth)
{
    PyObject *value = PyObject_GetAttr(kind, name);
    int said = value == NULL ? -1 : PyObject_IsTrue(value);
    Py_XDECREF(value);
    *truth = said > 0;
    return said < 0 ? -1 : 0;
}

/* Tells what is made here of the objects of a plain kind, by what its code says of them. */
static Way
way_of(const KindInfo *info)
{
    switch (info->code) {
    case LIST:
        return info->frozen ? BY_KIND : AS_LIST;
    case DICT:
        return info->frozen ? BY_KIND : AS_DICT;
    case SET:
        return info->frozen ? BY_KIND : AS_SET;
    case TUPLE:
        return info->frozen ? AS_TUPLE : BY_KIND;
    case INSTANCE:
        return info->raw && !info->frozen ? AS_INSTANCE : BY_KIND;
    default:
        return BY_KIND;
    }
}

static MadeKind *
new_made_kind(Maker *maker, PyObject *kind)
{
    MadeKind fresh = {NULL, BY_KIND, false, false, false, false, false, false, false};
    fresh.info = cowtm_new_kind_info(maker->state, kind);
    if (fresh.info == NULL) {
        return NULL;
    }
    const MakerState *names = maker->names;
    bool plain = false;
    MadeKind *made = NULL;
    if (read_truth(kind, names->name_plain, &plain) < 0 ||
        read_truth(kind, names->name_whole, &fresh.whole) < 0 ||
        read_truth(kind, names->name_calls, &fresh.calls) < 0 ||
        read_truth(kind, names->name_hashes_first, &fresh.hashes_first) < 0 ||
        read_truth(kind, names->name_called, &fresh.called) < 0 ||
        read_truth(kind, names->name_hashes, &fresh.hashes) < 0) {
        goto error;
    }
    if (plain && !fresh.whole && !fresh.calls && !fresh.hashes_first) {
        fresh.way = way_of(fresh.info);
    }
    made = PyMem_Malloc(sizeof(*made));
    if (made == NULL) {
        PyErr_NoMemory();
        goto error;
    }
    *made = fresh;
    if (pointer_map_put(&maker->kinds, kind, made) < 0) {
        PyMem_Free(made);
        goto error;
    }
    return made;
error:
    cowtm_release_kind_info(fresh.info);
    return NULL;
}

static inline MadeKind *
made_kind(Maker *maker, PyObject *kind)
{
    if (maker->recent != NULL && maker->recent->info->kind == kind) {
        return maker->recent;
    }
    MadeKind *made = pointer_map_find(&maker->kinds, kind);
    if (made == NULL) {
        made = new_made_kind(maker, kind);
    }
    if (made != NULL) {
        maker->recent = made;
    }
    return made;
}

/* Tells whether all objects of a kind are made anew: 1, 0, -1. */
static int
is_copied(Maker *maker, MadeKind *kind)
{
    if (!kind->knows_copied) {
        PyObject *said = PyObject_CallOneArg(maker->copied, kind->info->kind);
        int truth = said == NULL ? -1 : PyObject_IsTrue(said);
        Py_XDECREF(said);
        if (truth < 0) {
            return -1;
        }
        kind->knows_copied = true;
        kind->copied = truth > 0;
    }
    return kind->copied;
}

/* ---- contents and entries -------------------------------------------------------------------- */

/* Gives the content of a node in the state, owned, or NULL without an error if it is no part of it;
 * -1 for an error. */
static int
find_content(Maker *maker, Node *node, Content **content)
{
    *content = NULL;
    PyObject *found = PyDict_GetItemWithError(maker->contents, (PyObject *)node);
    if (found == NULL) {
        if (PyErr_Occurred()) {
            return -1;
        }
        if (PySet_GET_SIZE(maker->gone) > 0) {
            int is_gone = PySet_Contains(maker->gone, (PyObject *)node);
            if (is_gone != 0) {
                return is_gone < 0 ? -1 : 0;
            }
        }
        found = (PyObject *)node->content;
    }
    else if (!Py_IS_TYPE(found, maker->state->content_type)) {
        PyErr_Format(PyExc_TypeError, "a content is wanted, not %.200s", Py_TYPE(found)->tp_name);
        return -1;
    }
    *content = (Content *)Py_XNewRef(found);
    return 0;
}

/* Gives the content of a node in the state, owned; NULL with an error if there is none. */
static Content *
content_of(Maker *maker, Node *node)
{
    Content *content;
    if (find_content(maker, node, &content) == 0 && content == NULL) {
        PyErr_Format(maker->names->cannot_restore, "object %zd is not part of that state",
                     number_of(node));
    }
    return content;
}

static inline Py_ssize_t
place_of(const Maker *maker, const void *node)
{
    return (Py_ssize_t)(uintptr_t)pointer_map_find(&maker->places, node) - 1;
}

/* Adds an entry, or renews that of a node that has one.  Takes object and content over. */
static int
put_entry(Maker *maker, Node *node, PyObject *object, Content *content, MadeKind *kind, bool made)
{
    Py_ssize_t place = place_of(maker, node);
    if (place < 0) {
        if (maker->count == maker->capacity) {
            Py_ssize_t capacity = maker->capacity + maker->capacity / 2 + 64;
            Entry *entries = PyMem_Realloc(maker->entries, (size_t)capacity * sizeof(Entry));
            if (entries == NULL) {
                PyErr_NoMemory();
                goto error;
            }
            maker->entries = entries;
            maker->capacity = capacity;
        }
        place = maker->count;
        if (pointer_map_put(&maker->places, node, (void *)(uintptr_t)(place + 1)) < 0) {
            goto error;
        }
        maker->entries[place] = (Entry){.node = (Node *)Py_NewRef(node)};
        maker->count++;
    }
    Entry *entry = &maker->entries[place];
    Entry former = *entry;
    *entry = (Entry){former.node, object, content, kind, made, content != NULL, false};
    Py_XDECREF(former.object);
    Py_XDECREF(former.content);
    return 0;
error:
    Py_DECREF(object);
    Py_XDECREF(content);
    return -1;
}

/* ---- what is to be added --------------------------------------------------------------------- */

/* Nodes in turn, owned. */
static void
release_nodes(PointerArray *nodes)
{
    for (Py_ssize_t i = 0; i < nodes->count; i++) {
        Py_DECREF((PyObject *)nodes->items[i]);
    }
    pointer_array_free(nodes);
}

/* Puts the nodes among the slots from the one numbered `first` on onto a stack, the first on top. */
static int
push_from(Maker *maker, PointerArray *stack, Content *content, Py_ssize_t first)
{
    if (node_count(content) == 0) {
        return 0;
    }
    if (pointer_array_reserve(stack, node_count(content)) < 0) {
        return -1;
    }
    for (Py_ssize_t i = stretch_count(content); i-- > 0;) {
        Stretch stretch = stretch_at(content, i);
        Py_ssize_t least = first - i * BLOCK;
        for (Py_ssize_t j = stretch.nodes == 0 ? 0 : stretch.count; j-- > 0 && j >= least;) {
            if (is_node(maker->state, stretch.slots[j])) {
                stack->items[stack->count++] = Py_NewRef(stretch.slots[j]);
            }
        }
    }
    return 0;
}

/* Puts those of the first `count` slots that are nodes and were not added onto a stack, the first on
 * top; tells how many there are. */
static Py_ssize_t
push_missing(Maker *maker, PointerArray *stack, Content *content, Py_ssize_t count)
{
    Py_ssize_t missing = 0;
    if (node_count(content) == 0) {
        return 0;
    }
    for (Py_ssize_t i = count; i-- > 0;) {
        PyObject *slot = slot_at(content, i);
        if (is_node(maker->state, slot) && place_of(maker, slot) < 0) {
            if (pointer_array_push(stack, slot) < 0) {
                return -1;
            }
            Py_INCREF(slot);
            missing++;
        }
    }
    return missing;
}

/* ---- live objects ---------------------------------------------------------------------------- */

/* Tells whether a node has a live object, to be used as it is: 1, 0, -1. */
static int
is_used(Maker *maker, Node *node)
{
    if (live_object(node) == NULL) {
        return 0;
    }
    if (maker->stays == NULL) {
        return 1;
    }
    if (maker->copied != NULL) {
        Content *content;
        if (find_content(maker, node, &content) < 0) {
            return -1;
        }
        if (content != NULL) {
            MadeKind *kind = made_kind(maker, content->kind);
            int copied = kind == NULL ? -1 : is_copied(maker, kind);
            Py_DECREF(content);
            if (copied != 0) {
                return copied < 0 ? -1 : 0;
            }
        }
    }
    PyObject *said = PyObject_CallOneArg(maker->stays, (PyObject *)node);
    int truth = said == NULL ? -1 : PyObject_IsTrue(said);
    Py_XDECREF(said);
    return truth;
}

/* Tells whether the live object of a node is yet to be filled: 1, 0, -1. */
static int
is_empty(Maker *maker, Node *node)
{
    if (!node->info->keep) {
        return 0;
    }
    PyObject *said = PyObject_CallOneArg(maker->is_empty, (PyObject *)node);
    int truth = said == NULL ? -1 : PyObject_IsTrue(said);
    Py_XDECREF(said);
    return truth;
}

/* Uses the live object of a node; what it needs if it is yet to be filled is to be added later. */
static int
use_live(Maker *maker, Node *node, PointerArray *later)
{
    PyObject *object = live_object(node);
    object = Py_NewRef(object != NULL ? object : maker->state->gone);
    int empty = is_empty(maker, node);
    if (empty <= 0) {
        if (empty < 0) {
            Py_DECREF(object);
            return -1;
        }
        return put_entry(maker, node, object, NULL, NULL, false);
    }
    Content *content = content_of(maker, node);
    MadeKind *kind = content == NULL ? NULL : made_kind(maker, content->kind);
    if (kind == NULL || push_from(maker, later, content, 0) < 0) {
        Py_DECREF(object);
        Py_XDECREF(content);
        return -1;
    }
    if (put_entry(maker, node, object, content, kind, false) < 0) {
        return -1;
    }
    return PyList_Append(maker->filled, (PyObject *)node);
}

/* ---- making ---------------------------------------------------------------------------------- */

static int add_all(Maker *maker, PointerArray *later);
static int complete(Maker *maker, Node *node, Content *content, Py_ssize_t count);

static PyObject *
make_tuple(Maker *maker, const Content *content)
{
    Py_ssize_t count = slot_count(content);
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *object = object_of(maker, slot_at(content, i));
        if (object == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(object));
    }
    return tuple;
}

/* No constructor runs: `plain` says that `object.__new__` makes it. */
static PyObject *
make_instance(const KindInfo *info)
{
    PyObject *nothing = PyTuple_New(0);
    if (nothing == NULL) {
        return NULL;
    }
    PyObject *made = PyBaseObject_Type.tp_new(info->cls, nothing, NULL);
    Py_DECREF(nothing);
    return made;
}

static PyObject *
make_by_kind(Maker *maker, PyObject *kind, Content *content, PyObject *slots, Py_ssize_t count)
{
    PyObject *parts = objects_of(maker, content, count);
    if (parts == NULL) {
        return NULL;
    }
    PyObject *made =
        PyObject_CallMethodObjArgs(kind, maker->names->name_create, parts, slots, NULL);
    Py_DECREF(parts);
    return made;
}

/* Takes note of the error that an object can't be made for, if somebody wants to know: then 0. */
int
cowtm_note_failure(Maker *maker, Node *node)
{
    if (maker->failed == NULL || !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    PyObject *error = cowtm_take_exception();
    PyObject *known = PyDict_SetDefault(maker->failed, (PyObject *)node, error);
    Py_DECREF(error);
    return known == NULL ? -1 : 0;
}

/* What comes of trying to make an object. */
typedef enum { FAILED = -1, MADE, WAITS } Outcome;

static Outcome
checked(Maker *maker, Node *node, PyObject **made)
{
    if (*made == NULL && cowtm_note_failure(maker, node) < 0) {
        return FAILED;
    }
    if (*made == NULL) {
        *made = Py_NewRef(Py_None);
    }
    return MADE;
}

/* Puts down that the parts of a node are made first. */
static Outcome
hold_back(Maker *maker, PointerMap *waiting, Node *node, PyObject *kind)
{
    if (pointer_map_find(waiting, node) == NULL) {
        return pointer_map_put(waiting, node, node) < 0 ? FAILED : WAITS;
    }
    PyObject *name = PyObject_GetAttrString(kind, "name");
    if (name != NULL) {
        PyErr_Format(maker->names->cannot_restore,
                     "%S is part of itself in a way that can't be made again", name);
        Py_DECREF(name);
    }
    return FAILED;
}

/* Asks a kind how many of the first parts it needs, at most as many as there are. */
static Py_ssize_t
ask_needs(Maker *maker, PyObject *kind, PyObject *slots)
{
    PyObject *said = PyObject_CallMethodOneArg(kind, maker->names->name_needs, slots);
    if (said == NULL) {
        return -1;
    }
    Py_ssize_t count = PyNumber_AsSsize_t(said, PyExc_OverflowError);
    Py_DECREF(said);
    if (count == -1 && PyErr_Occurred()) {
        return -1;
    }
    count = count < 0 ? count + PyTuple_GET_SIZE(slots) : count; /* as a slice counts */
    count = count < 0 ? 0 : count;
    return count < PyTuple_GET_SIZE(slots) ? count : PyTuple_GET_SIZE(slots);
}

/* Has what an object needs be whole before its kind makes it. */
static int
complete_first(Maker *maker, MadeKind *kind, Node *node, Content *content, Py_ssize_t count)
{
    if (kind->whole) {
        return complete(maker, node, content, count);
    }
    PyObject *cls = kind->calls ? slot_at(content, 0) : NULL;
    if (cls != NULL && is_node(maker->state, cls) &&
        pointer_map_find(&maker->completing, cls) == NULL) {
        return complete(maker, (Node *)cls, content, 1);
    }
    if (kind->hashes_first && pointer_map_find(&maker->completing, node) == NULL) {
        return complete(maker, node, content, count);
    }
    return 0;
}

/* Has a kind make the object of a node. */
static Outcome
try_by_kind(Maker *maker, MadeKind *kind, Node *node, Content *content, PointerArray *stack,
            PointerMap *waiting, Py_ssize_t *count, PyObject **made)
{
    Outcome outcome = FAILED;
    PyObject *slots = PyObject_CallMethodNoArgs((PyObject *)content, maker->names->name_flat);
    *count = slots == NULL ? -1 : ask_needs(maker, kind->info->kind, slots);
    if (*count < 0) {
        goto done;
    }
    if (*count > 0) {
        Py_ssize_t missing = push_missing(maker, stack, content, *count);
        if (missing != 0) {
            outcome = missing < 0 ? FAILED : hold_back(maker, waiting, node, kind->info->kind);
            goto done;
        }
        if (complete_first(maker, kind, node, content, *count) < 0) {
            goto done;
        }
        if (place_of(maker, node) >= 0) {
            outcome = WAITS; /* what was completed led to it */
            goto done;
        }
    }
    *made = make_by_kind(maker, kind->info->kind, content, slots, *count);
    outcome = checked(maker, node, made);
done:
    Py_XDECREF(slots);
    return outcome;
}

/* Makes the object of a node whose parts need not be looked into. */
static Outcome
try_here(Maker *maker, MadeKind *kind, Node *node, Content *content, PointerArray *stack,
         PointerMap *waiting, Py_ssize_t *count, PyObject **made)
{
    *count = kind->way == AS_TUPLE ? slot_count(content) : kind->way == AS_INSTANCE;
    Py_ssize_t missing = *count == 0 ? 0 : push_missing(maker, stack, content, *count);
    if (missing != 0) {
        return missing < 0 ? FAILED : hold_back(maker, waiting, node, kind->info->kind);
    }
    switch (kind->way) {
    case AS_LIST:
        *made = PyList_New(0);
        break;
    case AS_DICT:
        *made = PyDict_New();
        break;
    case AS_SET:
        *made = PySet_New(NULL);
        break;
    case AS_TUPLE:
        *made = make_tuple(maker, content);
        break;
    default:
        *made = make_instance(kind->info);
    }
    return checked(maker, node, made);
}

/* Tells whether an instance is of the very class that its kind is for. */
static bool
is_of_class(Maker *maker, const KindInfo *info, const Content *content)
{
    PyObject *cls = slot_count(content) == 0 ? NULL : slot_at(content, 0);
    if (cls != NULL && is_node(maker->state, cls)) {
        Py_ssize_t place = place_of(maker, cls);
        cls = place < 0 ? live_object((Node *)cls) : maker->entries[place].object;
    }
    return cls == (PyObject *)info->cls;
}

/* Makes the object of a node, or puts what it needs onto the stack. */
static int
make(Maker *maker, Node *node, PointerArray *stack, PointerArray *later, PointerMap *waiting)
{
    Content *content = content_of(maker, node);
    MadeKind *kind = content == NULL ? NULL : made_kind(maker, content->kind);
    if (kind == NULL) {
        Py_XDECREF(content);
        return -1;
    }
    Py_ssize_t count = 0;
    PyObject *made = NULL; /* None if it can't be made, and that is noted */
    bool here = kind->way != BY_KIND &&
                (kind->way != AS_INSTANCE || is_of_class(maker, kind->info, content));
    Outcome outcome =
        here ? try_here(maker, kind, node, content, stack, waiting, &count, &made)
             : try_by_kind(maker, kind, node, content, stack, waiting, &count, &made);
    if (outcome != MADE) {
        Py_DECREF(content);
        return outcome == FAILED ? -1 : 0;
    }
    int pushed = push_from(maker, later, content, count);
    Content *kept = kind->info->frozen ? NULL : (Content *)Py_NewRef(content);
    Py_DECREF(content);
    return put_entry(maker, node, made, kept, kind, true) < 0 ? -1 : pushed;
}

/* Adds a node, or puts what it needs onto the stack; the caller holds it. */
static int
add_node(Maker *maker, Node *node, PointerArray *stack, PointerArray *later, PointerMap *waiting)
{
    int used = is_used(maker, node);
    if (used < 0) {
        return -1;
    }
    return used ? use_live(maker, node, later) : make(maker, node, stack, later, waiting);
}

/* What must exist before something else goes on the stack; the rest comes when that is empty, so what
 * is met again while it waits for its parts does need itself. */
static int
add_all(Maker *maker, PointerArray *later)
{
    PointerArray stack = {NULL, 0, 0};
    PointerMap waiting = {NULL, 0, 0, 0};
    int outcome = 0;
    Py_ssize_t visited = 0;
    while (outcome == 0 && stack.count + later->count > 0) {
        if (stack.count == 0) {
            outcome = pointer_array_reserve(&stack, 1);
            if (outcome < 0) {
                break;
            }
            stack.items[stack.count++] = later->items[--later->count];
        }
        Node *node = stack.items[stack.count - 1];
        if (place_of(maker, node) >= 0) {
            stack.count--;
            Py_DECREF(node);
            continue;
        }
        outcome = add_node(maker, node, &stack, later, &waiting);
        if (outcome == 0 && ++visited % NODES_BETWEEN_SIGNALS == 0) {
            outcome = PyErr_CheckSignals();
        }
    }
    release_nodes(&stack);
    pointer_map_free(&waiting);
    return outcome;
}

/* ---- making whole ---------------------------------------------------------------------------- */

static int
compare_places(const void *left, const void *right)
{
    Py_ssize_t one = *(const Py_ssize_t *)left;
    Py_ssize_t other = *(const Py_ssize_t *)right;
    return (one > other) - (one < other);
}

/* Adds a node that something leads to, and what it leads to itself to the level; notes its entry. */
static int
reach(Maker *maker, Node *node, PointerArray *level, PointerMap *seen, PointerArray *reached)
{
    Py_ssize_t place = place_of(maker, node);
    if (place >= 0 && maker->entries[place].whole) {
        return 0;
    }
    PointerArray root = {NULL, 0, 0};
    if (pointer_array_push(&root, Py_NewRef(node)) < 0) {
        Py_DECREF(node);
        return -1;
    }
    int outcome = add_all(maker, &root);
    release_nodes(&root);
    if (outcome < 0) {
        return -1;
    }
    place = place_of(maker, node);
    const Entry *entry = &maker->entries[place];
    if (!(entry->made || entry->empty) || pointer_map_find(seen, node) != NULL) {
        return 0;
    }
    if (pointer_map_put(seen, node, node) < 0 ||
        pointer_array_push(reached, (void *)(uintptr_t)place) < 0) {
        return -1;
    }
    Content *content = content_of(maker, node);
    if (content == NULL) {
        return -1;
    }
    /* In order: the last one is next. */
    outcome = pointer_array_reserve(level, node_count(content));
    for (Py_ssize_t i = 0; outcome == 0 && node_count(content) > 0 && i < slot_count(content); i++) {
        PyObject *slot = slot_at(content, i);
        if (is_node(maker->state, slot)) {
            level->items[level->count++] = Py_NewRef(slot);
        }
    }
    Py_DECREF(content);
    return outcome;
}

/* Fills those of some entries that are empty, as they were made: what another one is made of comes
 * first. */
static int
fill_reached(Maker *maker, const PointerArray *reached)
{
    Py_ssize_t count = 0;
    Py_ssize_t *chosen = PyMem_Malloc((size_t)reached->count * sizeof(Py_ssize_t) + 1);
    if (chosen == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < reached->count; i++) {
        Py_ssize_t place = (Py_ssize_t)(uintptr_t)reached->items[i];
        if (maker->entries[place].empty) {
            maker->entries[place].empty = false;
            chosen[count++] = place;
        }
    }
    qsort(chosen, (size_t)count, sizeof(Py_ssize_t), compare_places);
    int outcome = cowtm_fill_entries(maker, chosen, count);
    PyMem_Free(chosen);
    return outcome;
}

static int
complete_level(Maker *maker, Node *node, PointerArray *level)
{
    if (pointer_map_find(&maker->completing, node) != NULL) {
        PyErr_Format(maker->names->cannot_restore,
                     "object %zd is part of itself in a way that can't be made again",
                     number_of(node));
        return -1;
    }
    if (pointer_map_put(&maker->completing, node, node) < 0) {
        return -1;
    }
    PointerMap seen = {NULL, 0, 0, 0};
    PointerArray reached = {NULL, 0, 0};
    int outcome = 0;
    while (outcome == 0 && level->count > 0) {
        Node *below = level->items[--level->count];
        outcome = reach(maker, below, level, &seen, &reached);
        Py_DECREF(below);
    }
    if (outcome == 0) {
        outcome = fill_reached(maker, &reached);
    }
    pointer_map_remove(&maker->completing, node);
    for (Py_ssize_t i = 0; outcome == 0 && maker->completing.used == 0 && i < reached.count; i++) {
        maker->entries[(uintptr_t)reached.items[i]].whole = true;
    }
    pointer_map_free(&seen);
    pointer_array_free(&reached);
    return outcome;
}

/* Makes and fills all that the first `count` slots of a content lead to, before `node` can be made
 * of them. */
static int
complete(Maker *maker, Node *node, Content *content, Py_ssize_t count)
{
    PointerArray level = {NULL, 0, 0};
    int outcome = 0;
    for (Py_ssize_t i = 0; outcome == 0 && i < count; i++) {
        PyObject *slot = slot_at(content, i);
        if (is_node(maker->state, slot)) {
            outcome = pointer_array_push(&level, slot);
            if (outcome == 0) {
                Py_INCREF(slot);
            }
        }
    }
    if (outcome == 0 && level.count > 0) {
        maker->depth++;
        if (maker->depth > DEEPEST) {
            PyErr_SetString(PyExc_RecursionError,
                            "too many objects in one another that must be whole to be made");
            outcome = -1;
        }
        else {
            outcome = complete_level(maker, node, &level);
        }
        maker->depth--;
    }
    release_nodes(&level);
    return outcome;
}

/* ---- methods --------------------------------------------------------------------------------- */

static PyObject *
maker_add(PyObject *op, PyObject *roots)
{
    Maker *maker = (Maker *)op;
    PyObject *slots = PySequence_List(roots);
    if (slots == NULL) {
        return NULL;
    }
    PointerArray later = {NULL, 0, 0};
    int outcome = 0;
    for (Py_ssize_t i = 0; outcome == 0 && i < PyList_GET_SIZE(slots); i++) {
        PyObject *slot = PyList_GET_ITEM(slots, i);
        if (is_node(maker->state, slot)) {
            outcome = pointer_array_push(&later, slot);
            if (outcome == 0) {
                Py_INCREF(slot);
            }
        }
    }
    Py_DECREF(slots);
    if (outcome == 0) {
        outcome = add_all(maker, &later);
    }
    release_nodes(&later);
    return outcome < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
maker_fill(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Maker *maker = (Maker *)op;
    Py_ssize_t *chosen = PyMem_Malloc((size_t)maker->count * sizeof(Py_ssize_t) + 1);
    if (chosen == NULL) {
        return PyErr_NoMemory();
    }
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < maker->count; i++) {
        if (maker->entries[i].empty) {
            maker->entries[i].empty = false;
            chosen[count++] = i;
        }
    }
    int outcome = cowtm_fill_entries(maker, chosen, count);
    PyMem_Free(chosen);
    return outcome < 0 ? NULL : Py_NewRef(Py_None);
}

static int
check_node(Maker *maker, PyObject *op)
{
    if (is_node(maker->state, op)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "a node is wanted, not %.200s", Py_TYPE(op)->tp_name);
    return -1;
}

static PyObject *
maker_content(PyObject *op, PyObject *node)
{
    Maker *maker = (Maker *)op;
    return check_node(maker, node) < 0 ? NULL : (PyObject *)content_of(maker, (Node *)node);
}

static PyObject *
maker_use(PyObject *op, PyObject *const *args, Py_ssize_t count)
{
    Maker *maker = (Maker *)op;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "use() takes a node and an object (%zd given)", count);
        return NULL;
    }
    if (check_node(maker, args[0]) < 0 ||
        put_entry(maker, (Node *)args[0], Py_NewRef(args[1]), NULL, NULL, false) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
maker_contains(PyObject *op, PyObject *node)
{
    Maker *maker = (Maker *)op;
    return is_node(maker->state, node) && place_of(maker, node) >= 0;
}

static PyObject *
maker_value(PyObject *op, PyObject *slot)
{
    return Py_XNewRef(object_of((Maker *)op, slot));
}

static PyObject *
maker_values(PyObject *op, PyObject *slots)
{
    PyObject *values = PySequence_List(slots);
    for (Py_ssize_t i = 0; values != NULL && i < PyList_GET_SIZE(values); i++) {
        PyObject *slot = PyList_GET_ITEM(values, i);
        PyObject *object = object_of((Maker *)op, slot);
        if (object == NULL) {
            Py_CLEAR(values);
        }
        else if (object != slot) {
            PyList_SET_ITEM(values, i, Py_NewRef(object));
            Py_DECREF(slot);
        }
    }
    return values;
}

static PyObject *
maker_get_made(PyObject *op, void *Py_UNUSED(closure))
{
    Maker *maker = (Maker *)op;
    PyObject *made = PyDict_New();
    for (Py_ssize_t i = 0; made != NULL && i < maker->count; i++) {
        Entry entry = maker->entries[i];
        if (entry.made && PyDict_SetItem(made, (PyObject *)entry.node, entry.object) < 0) {
            Py_CLEAR(made);
        }
    }
    return made;
}

static PyObject *
maker_get_filled(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((Maker *)op)->filled);
}

/* None is as good as nothing. */
static PyObject *
given(PyObject *argument)
{
    return argument == Py_None ? NULL : Py_XNewRef(argument);
}

static PyObject *
maker_get_failed(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *failed = ((Maker *)op)->failed;
    return Py_NewRef(failed != NULL ? failed : Py_None);
}

static int
maker_set_failed(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL || !(value == Py_None || PyDict_Check(value))) {
        PyErr_SetString(PyExc_TypeError, "failed must be a dict or None");
        return -1;
    }
    Py_XSETREF(((Maker *)op)->failed, given(value));
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static PyObject *
maker_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"contents", "gone", "is_empty", "stays", "copied", NULL};
    PyObject *contents, *gone, *is_empty;
    PyObject *stays = NULL, *copied = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O!O|OO:Maker", parameters, &PyDict_Type,
                                     &contents, &PySet_Type, &gone, &is_empty, &stays, &copied)) {
        return NULL;
    }
    Maker *maker = (Maker *)type->tp_alloc(type, 0);
    if (maker == NULL) {
        return NULL;
    }
    CowtmState *state = (CowtmState *)PyType_GetModuleState(type);
    maker->state = &state->objects;
    maker->names = &state->maker;
    maker->contents = Py_NewRef(contents);
    maker->gone = Py_NewRef(gone);
    maker->is_empty = Py_NewRef(is_empty);
    maker->stays = given(stays);
    maker->copied = given(copied);
    maker->filled = PyList_New(0);
    if (maker->filled == NULL) {
        Py_CLEAR(maker);
    }
    return (PyObject *)maker;
}

static int
maker_traverse(PyObject *op, visitproc visit, void *arg)
{
    Maker *maker = (Maker *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(maker->contents);
    Py_VISIT(maker->gone);
    Py_VISIT(maker->is_empty);
    Py_VISIT(maker->stays);
    Py_VISIT(maker->copied);
    Py_VISIT(maker->failed);
    Py_VISIT(maker->filled);
    for (Py_ssize_t i = 0; i < maker->count; i++) {
        Py_VISIT(maker->entries[i].object);
    }
    return 0;
}

static void
let_go_of_entries(Maker *maker)
{
    Entry *entries = maker->entries;
    Py_ssize_t count = maker->count;
    maker->entries = NULL;
    maker->count = maker->capacity = 0;
    pointer_map_free(&maker->places);
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(entries[i].node);
        Py_DECREF(entries[i].object);
        Py_XDECREF(entries[i].content);
    }
    PyMem_Free(entries);
}

/* The rest stays: a finalizer may still call methods. */
static int
maker_clear(PyObject *op)
{
    Maker *maker = (Maker *)op;
    let_go_of_entries(maker);
    return 0;
}

static void
maker_dealloc(PyObject *op)
{
    Maker *maker = (Maker *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    let_go_of_entries(maker);
    Py_CLEAR(maker->is_empty);
    Py_CLEAR(maker->stays);
    Py_CLEAR(maker->copied);
    Py_CLEAR(maker->failed);
    Py_CLEAR(maker->contents);
    Py_CLEAR(maker->gone);
    Py_CLEAR(maker->filled);
    maker->recent = NULL;
    for (size_t i = 0; i < maker->kinds.capacity; i++) {
        MadeKind *kind = maker->kinds.entries[i].value;
        if (kind != NULL) {
            cowtm_release_kind_info(kind->info);
            PyMem_Free(kind);
        }
    }
    pointer_map_free(&maker->kinds);
    pointer_map_free(&maker->completing);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(maker_doc,
"Maker(contents, gone, is_empty, stays=None, copied=None)\n--\n\n"
"Makes the objects of one state.\n\n"
"Args:\n"
"    contents: node -> content in that state, where it differs from the present.\n"
"    gone: nodes of the present that are no part of that state.\n"
"    is_empty: tells the nodes of kinds that `keep` whose live objects are yet to be filled.\n"
"    stays: tells the nodes whose live objects are used as they are; left out, all are.\n"
"    copied: tells the kinds of which all objects are made anew, so that `stays` is not asked.");

static PyMethodDef maker_methods[] = {
    {"content", maker_content, METH_O,
     PyDoc_STR("content($self, node, /)\n--\n\nReturn the content of a node in that state.")},
    {"use", (PyCFunction)(void (*)(void))maker_use, METH_FASTCALL,
     PyDoc_STR("use($self, node, value, /)\n--\n\nHave an object be that of a node.")},
    {"value", maker_value, METH_O,
     PyDoc_STR("value($self, slot, /)\n--\n\nReturn the object for a slot.")},
    {"values", maker_values, METH_O,
     PyDoc_STR("values($self, slots, /)\n--\n\nReturn the objects for some slots.")},
    {"add", maker_add, METH_O,
     PyDoc_STR("add($self, roots, /)\n--\n\n"
               "Make the objects for some slots and for all that they lead to.")},
    {"fill", maker_fill, METH_NOARGS,
     PyDoc_STR("fill($self, /)\n--\n\nFill everything that was made.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef maker_attributes[] = {
    {"failed", maker_get_failed, maker_set_failed,
     PyDoc_STR("Takes the nodes whose objects can't be made or filled, and why, if it is a dict."),
     NULL},
    {"made", maker_get_made, NULL,
     PyDoc_STR("Node -> the object made anew for it; a new dict at each asking."), NULL},
    {"filled", maker_get_filled, NULL,
     PyDoc_STR("The nodes whose live objects are filled as new ones are."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot maker_slots[] = {
    {Py_tp_doc, (void *)maker_doc},
    {Py_tp_new, maker_new},
    {Py_tp_traverse, maker_traverse},
    {Py_tp_clear, maker_clear},
    {Py_tp_dealloc, maker_dealloc},
    {Py_sq_contains, maker_contains},
    {Py_tp_methods, maker_methods},
    {Py_tp_getset, maker_attributes},
    {0, NULL},
};

static PyType_Spec maker_spec = {
    .name = "cowtm._native.Maker",
    .basicsize = sizeof(Maker),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = maker_slots,
};

/* ---- the module's share ---------------------------------------------------------------------- */

int
cowtm_add_maker_type(PyObject *module)
{
    MakerState *state = &cowtm_state(module)->maker;
    const struct {
        PyObject **place;
        const char *text;
    } names[] = {
        {&state->name_plain, "plain"},   {&state->name_whole, "whole"},
        {&state->name_calls, "calls"},   {&state->name_called, "called"},
        {&state->name_hashes, "hashes"}, {&state->name_needs, "needs"},
        {&state->name_create, "create"}, {&state->name_fill, "fill"},
        {&state->name_flat, "flat"},     {&state->name_hashes_first, "hashes_first"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *names[i].place = PyUnicode_InternFromString(names[i].text);
        if (*names[i].place == NULL) {
            return -1;
        }
    }
    PyObject *errors = PyImport_ImportModule("cowtm.errors");
    if (errors == NULL) {
        return -1;
    }
    state->cannot_restore = PyObject_GetAttrString(errors, "CannotRestore");
    Py_DECREF(errors);
    if (state->cannot_restore == NULL) {
        return -1;
    }
    PyTypeObject *type = cowtm_add_type(module, &maker_spec, NULL);
    Py_XDECREF(type); /* the module has it */
    return type == NULL ? -1 : 0;
}

int
cowtm_traverse_maker_state(MakerState *state, visitproc visit, void *arg)
{
    Py_VISIT(state->cannot_restore);
    return 0;
}

void
cowtm_clear_maker_state(MakerState *state)
{
    PyObject **held[] = {&state->name_plain,  &state->name_whole,  &state->name_calls,
                         &state->name_called, &state->name_hashes, &state->name_needs,
                         &state->name_create, &state->name_fill,   &state->name_flat,
                         &state->name_hashes_first, &state->cannot_restore};
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        Py_CLEAR(*held[i]);
    }
}
