package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets whose width is at most 1/32 of their
// value, from a nanosecond to 18 minutes, without allocating per value.
type histogram struct {
	buckets [subBuckets * 36]uint64
	count   uint64
}

const subBuckets = 32

// add counts d.
func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
}

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < subBuckets {
		return int(n)
	}
	// With shift the value fits into [subBuckets, 2*subBuckets).
	shift := bits.Len64(n) - bits.Len64(subBuckets)
	return min((shift+1)*subBuckets+int(n>>shift)-subBuckets, len(histogram{}.buckets)-1)
}

// upper is the longest duration that is counted in bucket i.
func upper(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	return time.Duration((uint64(i%subBuckets)+subBuckets+1)<<shift - 1)
}

// merge adds what o counted.
func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
}

// quantile is the duration that a share q of the values do not exceed, to
// within 1/32; 0 without values.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.count))
	if float64(rank) < q*float64(h.count) {
		rank++
	}
	var seen uint64
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= max(rank, 1) {
			return upper(i)
		}
	}
	return 0
}
