/* Finds a node by its serial number, as long as anything in the process holds the node.
 *
 * States leave memory and come back; a node they name by its number must be the same object again if
 * a delta, a variable or anything else still has it.  So the table knows every node it made or took
 * in, without owning it: the node takes itself out when it dies.
 *
 * Numbers are given one after another, so nodes stand in pages of PAGE neighbours, and a map leads to
 * the pages.  Giving a number touches the page used last and no other node.  A page goes when its
 * last node does.
 *
 * Memory: about 10 bytes for each node while most of its neighbours live (8 for the pointer, the rest
 * for heads of pages and the map); up to 320 for a node that outlived all of them.
 *
 * Complexity: O(1) expected; growing the map doubles it.
 */
#include "table.h"

struct NumberPage {
    Py_ssize_t index;
    Py_ssize_t used;
    Node *nodes[PAGE];
};

/* The map spreads addresses of objects: neighbours are 64 apart. */
static inline const void *
key_of(Py_ssize_t index)
{
    return (const void *)(((uintptr_t)index + 1) << 6);
}

static inline NumberPage *
page_of(const NodeNumbers *numbers, Py_ssize_t oid)
{
    Py_ssize_t index = oid / PAGE;
    if (numbers->recent != NULL && numbers->recent->index == index) {
        return numbers->recent;
    }
    return pointer_map_find(&numbers->pages, key_of(index));
}

/* Tells whether a number that the caller names may be a node's. */
int
cowtm_check_number(Py_ssize_t oid)
{
    if (oid < 1) {
        PyErr_Format(PyExc_ValueError, "a serial number is at least 1, not %zd", oid);
        return -1;
    }
    if (oid >= LAST_NUMBER) {
        PyErr_Format(PyExc_OverflowError, "a serial number is less than %zd, not %zd", LAST_NUMBER,
                     oid);
        return -1;
    }
    return 0;
}

/* Gives the node of a number, borrowed, or NULL. */
Node *
cowtm_numbered(const NodeNumbers *numbers, Py_ssize_t oid)
{
    NumberPage *page = oid < 1 || oid >= LAST_NUMBER ? NULL : page_of(numbers, oid);
    return page != NULL ? page->nodes[oid % PAGE] : NULL;
}

/* Gives a node that the table just took in its number, which no other has. */
int
cowtm_number(ObjectTable *table, Node *node, Py_ssize_t oid)
{
    NodeNumbers *numbers = &table->numbers;
    if (cowtm_check_number(oid) < 0) {
        return -1;
    }
    NumberPage *page = page_of(numbers, oid);
    if (page == NULL) {
        page = PyMem_Calloc(1, sizeof(*page));
        if (page == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        page->index = oid / PAGE;
        if (pointer_map_put(&numbers->pages, key_of(page->index), page) < 0) {
            PyMem_Free(page);
            return -1;
        }
    }
    numbers->recent = page;
    page->nodes[oid % PAGE] = node;
    page->used++;
    node->oid = (uint64_t)oid;
    if (oid >= table->next_oid) {
        table->next_oid = oid + 1;
    }
    return 0;
}

/* Takes out a node; nothing happens if it is not there (any more). */
void
cowtm_unnumber(Node *node)
{
    NodeNumbers *numbers = &node->table->numbers;
    if (cowtm_numbered(numbers, number_of(node)) != node) {
        return;
    }
    NumberPage *page = page_of(numbers, number_of(node));
    page->nodes[number_of(node) % PAGE] = NULL;
    if (--page->used == 0) {
        pointer_map_remove(&numbers->pages, key_of(page->index));
        if (numbers->recent == page) {
            numbers->recent = NULL;
        }
        PyMem_Free(page);
    }
}

/* Gives the bytes that the pages and their map take. */
size_t
cowtm_size_of_numbers(const NodeNumbers *numbers)
{
    return numbers->pages.capacity * sizeof(PointerEntry) +
           numbers->pages.used * sizeof(NumberPage);
}

/* Forgets all nodes. */
void
cowtm_free_numbers(NodeNumbers *numbers)
{
    for (size_t i = 0; i < numbers->pages.capacity; i++) {
        PyMem_Free(numbers->pages.entries[i].value);
    }
    pointer_map_free(&numbers->pages);
    numbers->recent = NULL;
}
