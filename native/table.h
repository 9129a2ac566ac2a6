/* What the files of the object table share: its structures, and who does what.
 *
 *   kinds.c      which kind a type or an object has, asked once per type
 *   node.c       Content and Node: what an object held, and the object itself
 *   instances.c  reads attributes of instances without making their __dict__
 *   walk.c       compares objects with their contents, records what differs
 *   table.c      ObjectTable: names, the walk's roots, the end of a capture
 *   numbers.c    finds a node by its serial number
 *   weigh.c      counts the memory that recorded objects take
 *
 * cowtm/twin/table.py is the specification; names here are names there.
 */
#ifndef COWTM_TABLE_H
#define COWTM_TABLE_H

#include "cowtm.h"
#include "pointers.h"

/* As in the specification; checked against it when the module is loaded. */
enum {
    LEAF,
    SELECT,
    LIST,
    DICT,
    TUPLE,
    SET,
    INSTANCE,
    GENERIC,
    REFERENCE,
};
#define BLOCK 4096

/* What a kind says of itself, read once from the Python object.  Counted by `uses`. */
typedef struct {
    Py_ssize_t uses;
    PyObject *kind;
    PyTypeObject *cls; /* the one type it is for, or NULL */
    int code;
    bool frozen;
    bool by_value;
    bool keep;
    bool follow;
    bool raw;      /* instances of `cls` may be read by the offsets below */
    bool has_dict; /* and have attributes in a dict, real or not yet made */
    Py_ssize_t member_count;
    Py_ssize_t offsets[]; /* of the slots */
} KindInfo;

/* Slots lie in the object; more than BLOCK of them lie in untracked tuples, which versions share.
 * Then `items` are the tuples, and after them stand as many numbers: the nodes in each.
 * There are millions of them, so two numbers and two notes share two words. */
typedef struct {
    PyObject_HEAD
    PyObject *kind;
    int64_t address;          /* for whoever stores contents */
    uint64_t length : 40;     /* number of slots: see `slot_count` */
    uint64_t mark : 21;       /* of the weighing that came here last */
    uint64_t node_count : 40; /* of the slots, nodes: see the function of that name */
    uint64_t blocked : 1;
    PyObject *items[];
} Content;

/* More than a terabyte can hold. */
#define MOST_SLOTS (((Py_ssize_t)1 << 40) - 1)
#define LAST_NUMBER (((Py_ssize_t)1 << 40) - 1)
#define MARK_BITS 21

typedef struct ObjectTable ObjectTable;

/* In which list of its table a node is.  LIVE has content; LIMBO's object something else holds. */
enum { NOWHERE, IDLE, LIVE, LIMBO, PLACES };

typedef struct Node {
    PyObject_HEAD
    uint32_t seen;    /* the table's generation when it was visited last */
    int32_t holders;  /* slots and bindings of the present that refer to it */
    PyObject *object; /* the live object, or a weak reference to it; NULL: gone */
    Content *content; /* NULL: the present does not reach it */
    KindInfo *info;
    uint64_t oid : 40;  /* the serial number: see `number_of` */
    uint64_t mark : 21; /* of the weighing that came here last */
    uint64_t weak : 1;
    uint64_t place : 2;
    struct Node *previous; /* in the list that `place` names */
    struct Node *next;
    ObjectTable *table;  /* not owned; NULL when NOWHERE */
    const void *address; /* its key in the table's addresses, or NULL */
    PyObject *weak_references;
} Node;

/* Nodes by serial number, not owned. */
#define PAGE 32
typedef struct NumberPage NumberPage;
typedef struct {
    PointerMap pages;
    NumberPage *recent; /* the page that was given a node last, or NULL */
} NodeNumbers;

/* Owns its nodes, but for IDLE. */
typedef struct {
    Node *first;
    Node *last;
    Py_ssize_t count;
} NodeList;

/* What `classify` said of a type. */
typedef struct {
    PyTypeObject *type;
    PyObject *alive;    /* weak reference to a heap type; NULL: the type is static */
    KindInfo *info;     /* NULL: leaves */
    KindInfo *selected; /* what `select` gave last, or NULL */
} TypeEntry;

/* What `select` said of an object, remembered as long as no kind runs code of the object's. */
typedef struct {
    PyObject *value;
    KindInfo *info; /* NULL: a leaf */
} Selected;

#define RECENT_TYPES 64
#define RECENT_KINDS 16
#define RECENT_SELECTED 16

struct ObjectTable {
    PyObject_HEAD
    TableState *state;
    PyObject *classify;
    PyObject *home;
    PyObject *builtins; /* the dicts of the process, kept apart as home is */
    PyObject *modules;
    PyObject *bindings;
    PyObject *bound_before;
    PyObject *bound_after;
    PyObject *before;
    PyObject *after;
    PyObject *reached;
    PyObject *referred; /* nodes recorded by reference since last asked */
    Py_ssize_t changes;
    Py_ssize_t visited;
    Py_ssize_t suspects;
    Py_ssize_t next_oid;
    uint32_t generation;
    bool busy; /* a method that changes the table is at work */
    bool any_selected;
    NodeList lists[PLACES];
    PointerArray stack;   /* owned nodes to visit, the next one last */
    PointerArray orphans; /* owned nodes that lost their last holder */
    PointerMap addresses; /* live object -> node, not owned */
    NodeNumbers numbers;
    PointerMap types;     /* type -> TypeEntry */
    TypeEntry *recent_types[RECENT_TYPES];
    KindInfo *recent_kinds[RECENT_KINDS]; /* those that nodes were given by name, owned */
    Selected selected[RECENT_SELECTED];
    PyObject *weak_references;
    PyObject *window[BLOCK]; /* parts being compared, borrowed */
};

/* kinds.c */
KindInfo *cowtm_new_kind_info(TableState *state, PyObject *kind);
void cowtm_release_kind_info(KindInfo *info);
KindInfo *cowtm_kind_info(ObjectTable *table, PyObject *kind);
void cowtm_forget_kinds(ObjectTable *table);
TypeEntry *cowtm_new_type_entry(ObjectTable *table, PyTypeObject *type);
int cowtm_select(ObjectTable *table, TypeEntry *entry, PyObject *value, KindInfo **info);
void cowtm_forget_selected(ObjectTable *table);
void cowtm_forget_types(ObjectTable *table);

/* node.c */
int cowtm_add_node_types(PyObject *module);
Content *cowtm_new_content(TableState *state, PyObject *kind, Py_ssize_t length, bool blocked);
Node *cowtm_new_node(TableState *state, Py_ssize_t oid, KindInfo *info, PyObject *value);
int cowtm_attach_object(TableState *state, Node *node, PyObject *value);
bool cowtm_release_object(Node *node);
void cowtm_place(ObjectTable *table, Node *node, int place);
int cowtm_register(ObjectTable *table, Node *node, PyObject *value);
void cowtm_unregister(Node *node);

/* numbers.c */
int cowtm_check_number(Py_ssize_t oid);
Node *cowtm_numbered(const NodeNumbers *numbers, Py_ssize_t oid);
int cowtm_number(ObjectTable *table, Node *node, Py_ssize_t oid);
void cowtm_unnumber(Node *node);
size_t cowtm_size_of_numbers(const NodeNumbers *numbers);
void cowtm_free_numbers(NodeNumbers *numbers);

/* table.c */
PyObject *cowtm_node_of_number(ObjectTable *table, Py_ssize_t oid, PyObject *kind);

/* columns.c */
PyObject *cowtm_join_contents(PyObject *cls, PyObject *args);
PyObject *cowtm_split_contents(PyObject *cls, PyObject *args);
PyObject *cowtm_numbered_nodes(PyObject *op, PyObject *args);

/* weigh.c */
PyObject *cowtm_weigh(ObjectTable *table, PyObject *mappings);

/* instances.c */
#define INLINE_ROOM 64
Py_ssize_t cowtm_read_attributes(PyObject *value, PyObject **pairs, PyObject **dict);

/* walk.c */
PyObject *cowtm_slot(ObjectTable *table, PyObject *value);
int cowtm_push_held_by(ObjectTable *table, PyObject *value);
int cowtm_walk(ObjectTable *table);
PyObject *cowtm_take_exception(void);

static inline bool
is_node(TableState *state, PyObject *slot)
{
    return Py_IS_TYPE(slot, state->node_type);
}

static inline Py_ssize_t
number_of(const Node *node)
{
    return (Py_ssize_t)node->oid;
}

static inline Py_ssize_t
slot_count(const Content *content)
{
    return (Py_ssize_t)content->length;
}

static inline Py_ssize_t
node_count(const Content *content)
{
    return (Py_ssize_t)content->node_count;
}

static inline Py_ssize_t
block_count(const Content *content)
{
    return (slot_count(content) + BLOCK - 1) / BLOCK;
}

/* How many items the content has, whatever they are. */
static inline Py_ssize_t
item_count(const Content *content)
{
    return content->blocked ? 2 * block_count(content) : slot_count(content);
}

/* Number of nodes in each block. */
static inline Py_ssize_t *
nodes_in_blocks(Content *content)
{
    return (Py_ssize_t *)(content->items + block_count(content));
}

/* A stretch of slots that lie side by side: all of them, or a block. */
typedef struct {
    PyObject **slots;
    Py_ssize_t count;
    Py_ssize_t nodes;
} Stretch;

static inline Py_ssize_t
stretch_count(const Content *content)
{
    return content->blocked ? block_count(content) : 1;
}

static inline Stretch
stretch_at(Content *content, Py_ssize_t index)
{
    if (!content->blocked) {
        return (Stretch){content->items, slot_count(content), node_count(content)};
    }
    PyTupleObject *block = (PyTupleObject *)content->items[index];
    return (Stretch){block->ob_item, Py_SIZE(block), nodes_in_blocks(content)[index]};
}

/* The live object, borrowed, or NULL if it is gone. */
static inline PyObject *
live_object(const Node *node)
{
    if (!node->weak) {
        return node->object;
    }
    PyObject *object = ((PyWeakReference *)node->object)->wr_object;
    /* A count of zero: it is being deallocated, its weak references are cleared in a moment. */
    return object == Py_None || Py_REFCNT(object) == 0 ? NULL : object;
}

/* Tells whether `value`, which is alive, is the live object of a node. */
static inline bool
stands_for(const Node *node, PyObject *value)
{
    if (!node->weak) {
        return node->object == value;
    }
    /* None is also what a weak reference to something dead refers to. */
    return ((PyWeakReference *)node->object)->wr_object == value && value != Py_None;
}

static inline Node *
find_node(ObjectTable *table, PyObject *value)
{
    Node *node = pointer_map_find(&table->addresses, value);
    return node != NULL && stands_for(node, value) ? node : NULL;
}

static inline bool
is_alive(const TypeEntry *entry)
{
    return entry->alive == NULL ||
           ((PyWeakReference *)entry->alive)->wr_object == (PyObject *)entry->type;
}

/* Finds the kind of an object: 1 and its info (borrowed), 0 for a leaf, -1 for an error.
 * May run code of the kinds, so what is borrowed must be held by then. */
static inline int
kind_of(ObjectTable *table, PyObject *value, KindInfo **info)
{
    PyTypeObject *type = Py_TYPE(value);
    uintptr_t address = (uintptr_t)type;
    TypeEntry **recent = &table->recent_types[((address >> 5) ^ (address >> 11)) % RECENT_TYPES];
    TypeEntry *entry = *recent;
    if (entry == NULL || entry->type != type || !is_alive(entry)) {
        entry = pointer_map_find(&table->types, type);
        if (entry == NULL || !is_alive(entry)) {
            entry = cowtm_new_type_entry(table, type);
            if (entry == NULL) {
                return -1;
            }
        }
        *recent = entry;
    }
    *info = entry->info;
    if (entry->info == NULL) {
        return 0;
    }
    if (entry->info->code == SELECT) {
        return cowtm_select(table, entry, value, info);
    }
    return 1;
}

/* Puts a node on the stack; room must have been reserved. */
static inline void
push_reserved(ObjectTable *table, Node *node)
{
    table->stack.items[table->stack.count++] = Py_NewRef(node);
}

static inline int
push(ObjectTable *table, Node *node)
{
    if (pointer_array_reserve(&table->stack, 1) < 0) {
        return -1;
    }
    push_reserved(table, node);
    return 0;
}

/* One holder less; room for it among the orphans must have been reserved. */
static inline void
let_go(ObjectTable *table, Node *node)
{
    node->holders--;
    if (node->holders == 0) {
        table->orphans.items[table->orphans.count++] = Py_NewRef(node);
    }
    else {
        table->suspects++;
    }
}

#endif
