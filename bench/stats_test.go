package main

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 1, 100}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	values := []float64{3, 1, 2}
	median(values)
	if values[0] != 3 {
		t.Error("median sorted its argument")
	}
}

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		values    []float64
		low, high float64
	}{
		{nil, 0, 0}, {[]float64{3}, 3, 3}, {[]float64{4, 1, 3, 2}, 1.5, 3.5}, {[]float64{5, 4, 3, 2, 1}, 2, 4},
	} {
		if low, high := quartiles(c.values); low != c.low || high != c.high {
			t.Errorf("quartiles(%v) = %v, %v; want %v, %v", c.values, low, high, c.low, c.high)
		}
	}
}

// A machine that halves its speed for some rounds does not move the ratio,
// though it moves both medians.
func TestPairsAreOfTheSameRound(t *testing.T) {
	plain := []float64{1000, 500, 1000, 500, 500}
	gated := []float64{900, 450, 900, 450, 450}
	if got := median(paired(gated, plain, ratio)); math.Abs(got-0.9) > 1e-9 {
		t.Errorf("ratio %v, want 0.9", got)
	}
	if got := median(paired([]float64{7, 9, 8}, []float64{5, 5, 5}, difference)); got != 3 {
		t.Errorf("difference %v, want 3", got)
	}
	if got := median(paired([]float64{0, 9}, []float64{5, 3}, ratio)); got != 3 {
		t.Errorf("ratio %v, want 3: the first round measured nothing", got)
	}
}

func TestBucketsAreNarrow(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{0, 1, 31, 32, 33, 63, 64, 66, 127, 128, 1000, 12_345, time.Millisecond, time.Second, time.Minute, 17 * time.Minute} {
		i := bucketOf(d)
		if i <= last {
			t.Errorf("%v: bucket %d is not above that of a shorter one, %d", d, i, last)
		}
		last = i
		if u := upper(i); u < d || float64(u-d) > float64(d)/subBuckets {
			t.Errorf("%v is counted as up to %v", d, u)
		}
		if u := upper(i); bucketOf(u) != i || bucketOf(u+1) != i+1 {
			t.Errorf("bucket %d does not end at %v", i, u)
		}
	}
	if bucketOf(-1) != 0 || bucketOf(math.MaxInt64) != len(histogram{}.buckets)-1 {
		t.Error("what is out of range falls out")
	}
}

func TestQuantiles(t *testing.T) {
	var h, other histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for i := 1; i <= 100; i++ {
		d := time.Duration(i) * time.Millisecond
		if i%2 == 0 {
			h.add(d)
		} else {
			other.add(d)
		}
	}
	h.merge(&other)
	for q, want := range map[float64]time.Duration{
		0: time.Millisecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond,
	} {
		if got := h.quantile(q); got < want || got > want+want/subBuckets {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
