package usersync

import "sync"

// bell wakes everyone who waits.
type bell struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

// next is closed when the bell rings next. Who looks at something after calling
// it, and then waits, misses no change of it.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
