package boltstore

import (
	"bytes"
	"iter"
	"slices"
)

// A tree is a sorted map in memory, one B-tree per bucket, of which any state can
// be kept by copying it: whoever changes a tree copies the nodes on the way that
// are not his own. Nothing is taken out of a tree, so it needs no rebalancing;
// what is gone is an item that says so.
type tree [bucketCount]*node

// maxItems is how many items a node has at most. It is odd, for a middle one.
const maxItems = 31

type node struct {
	items    []*item
	children []*node // none, or one more than items
	edit     uint64  // who may change it
}

// item is a key and what is known of it. Neither may be changed once it is in a
// tree.
type item struct {
	key, value []byte
	is         itemKind
}

type itemKind uint8

const (
	kept    itemKind = iota // the key has this value
	gone                    // the key was deleted
	unknown                 // what lies below counts: a write that was taken back
)

// find returns nil if nothing is known of the key.
func (t *tree) find(b bucket, key []byte) *item {
	for n := t[b]; n != nil; {
		i, found := n.search(key)
		if found {
			if n.items[i].is == unknown {
				return nil
			}
			return n.items[i]
		}
		if n.children == nil {
			return nil
		}
		n = n.children[i]
	}
	return nil
}

// set puts an item in its place and returns the one that was there. It changes
// only nodes of that edit, whose number must be greater than those before it.
func (t *tree) set(b bucket, it *item, edit uint64) (old *item) {
	root := t[b]
	if root == nil {
		root = &node{edit: edit}
	}
	root = root.own(edit)
	if len(root.items) == maxItems {
		root = &node{children: []*node{root}, edit: edit}
		root.split(0)
	}
	t[b] = root
	return root.set(it)
}

// search returns where a key is in a node, or where it would be.
func (n *node) search(key []byte) (i int, found bool) {
	// Not slices.BinarySearchFunc, with which every key would go to the heap.
	low, high := 0, len(n.items)
	for low < high {
		middle := (low + high) / 2
		switch order := bytes.Compare(n.items[middle].key, key); {
		case order == 0:
			return middle, true
		case order < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// own returns n if it may be changed in the edit, or a copy that may.
func (n *node) own(edit uint64) *node {
	if n.edit == edit {
		return n
	}
	c := &node{items: append(make([]*item, 0, maxItems), n.items...), edit: edit}
	if n.children != nil {
		c.children = append(make([]*node, 0, maxItems+1), n.children...)
	}
	return c
}

// set is tree.set below a node that is owned and not full.
func (n *node) set(it *item) (old *item) {
	i, found := n.search(it.key)
	if !found && n.children != nil {
		n.children[i] = n.children[i].own(n.edit)
		if len(n.children[i].items) == maxItems {
			n.split(i)
			i, found = n.search(it.key)
		}
	}
	switch {
	case found:
		old = n.items[i]
		n.items[i] = it
		return old
	case n.children == nil:
		n.items = slices.Insert(n.items, i, it)
		return nil
	}
	return n.children[i].set(it)
}

// split makes two of a full child that is owned.
func (n *node) split(i int) {
	const middle = maxItems / 2
	left := n.children[i]
	right := &node{items: append(make([]*item, 0, maxItems), left.items[middle+1:]...), edit: n.edit}
	if left.children != nil {
		right.children = append(make([]*node, 0, maxItems+1), left.children[middle+1:]...)
		clear(left.children[middle+1:])
		left.children = left.children[:middle+1]
	}
	n.items = slices.Insert(n.items, i, left.items[middle])
	n.children = slices.Insert(n.children, i+1, right)
	clear(left.items[middle:])
	left.items = left.items[:middle]
}

// from yields what is known of the keys of a bucket, in order, beginning with the
// first that is at least key.
func (t *tree) from(b bucket, key []byte) *cursor {
	c := &cursor{}
	for n := t[b]; n != nil; {
		i, found := n.search(key)
		c.stack = append(c.stack, step{n, i})
		if found || n.children == nil {
			break
		}
		n = n.children[i]
	}
	c.settle()
	return c
}

// cursor stands on an item of a tree, or beyond the last.
type cursor struct {
	stack []step
	at    *item // nil beyond the last
}

// step is a node and the item in it that comes next.
type step struct {
	n *node
	i int
}

// settle finds the item at which the cursor stands.
func (c *cursor) settle() {
	for len(c.stack) > 0 {
		top := c.stack[len(c.stack)-1]
		if top.i == len(top.n.items) {
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		if it := top.n.items[top.i]; it.is != unknown {
			c.at = it
			return
		}
		c.step()
	}
	c.at = nil
}

// next moves on by one.
func (c *cursor) next() {
	c.step()
	c.settle()
}

func (c *cursor) step() {
	top := &c.stack[len(c.stack)-1]
	top.i++
	if top.n.children == nil {
		return
	}
	for n := top.n.children[top.i]; ; n = n.children[0] {
		c.stack = append(c.stack, step{n, 0})
		if n.children == nil {
			return
		}
	}
}

// backward yields the items of a bucket from the last on.
func (t *tree) backward(b bucket) iter.Seq[*item] {
	return func(yield func(*item) bool) {
		if t[b] != nil {
			t[b].backward(yield)
		}
	}
}

func (n *node) backward(yield func(*item) bool) bool {
	for i := len(n.items); i >= 0; i-- {
		if i < len(n.items) && n.items[i].is != unknown && !yield(n.items[i]) {
			return false
		}
		if n.children != nil && !n.children[i].backward(yield) {
			return false
		}
	}
	return true
}

// all yields all items in the order of buckets and keys.
func (t *tree) all() iter.Seq2[bucket, *item] {
	return func(yield func(bucket, *item) bool) {
		for b := range bucketCount {
			for c := t.from(b, nil); c.at != nil; c.next() {
				if !yield(b, c.at) {
					return
				}
			}
		}
	}
}

// empty says that nothing was ever put into the tree.
func (t *tree) empty() bool { return *t == tree{} }
