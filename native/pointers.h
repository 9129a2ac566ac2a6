/* Containers of plain pointers: a map from addresses, and an array that grows.
 *
 * PointerMap: open addressing with linear probing, at most two thirds full.  Objects that were made
 * one after another mostly lie 64 bytes apart, and are looked up one after another too; so the four
 * addresses of one 256-byte stretch share one cache line of the map, and stretches are spread by
 * multiplication.  Removal closes the gap, so there are no tombstones and no clean-ups.  Nothing is
 * owned, and no code but this runs: keys are compared as numbers.
 *
 * Complexity: find, put, remove O(1) expected; growing doubles (quadruples while small).
 */
#ifndef COWTM_POINTERS_H
#define COWTM_POINTERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const void *key; /* NULL: free */
    void *value;
} PointerEntry;

typedef struct {
    PointerEntry *entries; /* NULL while capacity is 0 */
    size_t capacity;       /* a power of two, at least LEAST_CAPACITY, or 0 */
    size_t used;
    int shift; /* 64 - log2(capacity / 4) */
} PointerMap;

#define LEAST_CAPACITY 16
#define GROWS_BY_FOUR ((size_t)1 << 18)

static inline size_t
pointer_map_start(const PointerMap *map, const void *key)
{
    uint64_t place = (uint64_t)(uintptr_t)key >> 6;
    uint64_t stretch = ((place >> 2) * UINT64_C(0x9E3779B97F4A7C15)) >> map->shift;
    return (size_t)((stretch << 2) | (place & 3));
}

static inline PointerEntry *
pointer_map_entry(const PointerMap *map, const void *key)
{
    size_t mask = map->capacity - 1;
    size_t index = pointer_map_start(map, key);
    while (map->entries[index].key != NULL && map->entries[index].key != key) {
        index = (index + 1) & mask;
    }
    return &map->entries[index];
}

static inline void *
pointer_map_find(const PointerMap *map, const void *key)
{
    return map->used == 0 ? NULL : pointer_map_entry(map, key)->value;
}

static inline int
pointer_map_resize(PointerMap *map, size_t capacity)
{
    PointerMap larger = {NULL, capacity, map->used, 66};
    for (size_t rest = capacity; rest > 1; rest >>= 1) {
        larger.shift--;
    }
    larger.entries = PyMem_Calloc(capacity, sizeof(PointerEntry));
    if (larger.entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].key != NULL) {
            *pointer_map_entry(&larger, map->entries[i].key) = map->entries[i];
        }
    }
    PyMem_Free(map->entries);
    *map = larger;
    return 0;
}

/* Gives the entry of a key that is or will be in the map; sets its value. */
static inline int
pointer_map_put(PointerMap *map, const void *key, void *value)
{
    if ((map->used + 1) * 3 > map->capacity * 2) {
        size_t capacity = map->capacity * (map->capacity < GROWS_BY_FOUR ? 4 : 2);
        if (pointer_map_resize(map, capacity == 0 ? LEAST_CAPACITY : capacity) < 0) {
            return -1;
        }
    }
    PointerEntry *entry = pointer_map_entry(map, key);
    map->used += entry->key == NULL;
    entry->key = key;
    entry->value = value;
    return 0;
}

static inline void
pointer_map_remove(PointerMap *map, const void *key)
{
    if (map->used == 0) {
        return;
    }
    PointerEntry *entry = pointer_map_entry(map, key);
    if (entry->key == NULL) {
        return;
    }
    map->used--;
    size_t mask = map->capacity - 1;
    size_t gap = (size_t)(entry - map->entries);
    size_t index = gap;
    for (;;) {
        index = (index + 1) & mask;
        if (map->entries[index].key == NULL) {
            break;
        }
        /* An entry may move back into the gap unless its search starts after the gap. */
        size_t start = pointer_map_start(map, map->entries[index].key);
        if (((index - start) & mask) >= ((index - gap) & mask)) {
            map->entries[gap] = map->entries[index];
            gap = index;
        }
    }
    map->entries[gap].key = NULL;
    map->entries[gap].value = NULL;
}

/* Gives memory back when most of the map is empty. */
static inline void
pointer_map_tidy(PointerMap *map)
{
    if (map->capacity <= 1024 || map->used * 16 > map->capacity) {
        return;
    }
    size_t capacity = LEAST_CAPACITY;
    while (capacity < map->used * 4) {
        capacity *= 2;
    }
    if (pointer_map_resize(map, capacity) < 0) {
        PyErr_Clear(); /* it stays large */
    }
}

static inline void
pointer_map_free(PointerMap *map)
{
    PyMem_Free(map->entries);
    *map = (PointerMap){NULL, 0, 0, 0};
}

typedef struct {
    void **items;
    Py_ssize_t count;
    Py_ssize_t capacity;
} PointerArray;

/* Makes room for `more` items; tells whether there is, without an error if there is not. */
static inline bool
pointer_array_has_room(PointerArray *array, Py_ssize_t more)
{
    Py_ssize_t wanted = array->count + more;
    if (wanted <= array->capacity) {
        return true;
    }
    Py_ssize_t capacity = array->capacity + array->capacity / 2 + 64;
    if (capacity < wanted) {
        capacity = wanted;
    }
    void **items = PyMem_Realloc(array->items, (size_t)capacity * sizeof(void *));
    if (items == NULL) {
        return false;
    }
    array->items = items;
    array->capacity = capacity;
    return true;
}

static inline int
pointer_array_reserve(PointerArray *array, Py_ssize_t more)
{
    if (!pointer_array_has_room(array, more)) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static inline int
pointer_array_push(PointerArray *array, void *item)
{
    if (pointer_array_reserve(array, 1) < 0) {
        return -1;
    }
    array->items[array->count++] = item;
    return 0;
}

static inline void
pointer_array_free(PointerArray *array)
{
    PyMem_Free(array->items);
    *array = (PointerArray){NULL, 0, 0};
}

#endif
