package main

import "slices"

// median of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// quartiles of values: a quarter of them lies below the first, a quarter above
// the other. They tell how much the rounds differed.
func quartiles(values []float64) (low, high float64) {
	v := slices.Sorted(slices.Values(values))
	return median(v[:(len(v)+1)/2]), median(v[len(v)/2:])
}

// paired applies f to what a and b measured in the same round, so that a slow
// round (another process had the cores) weighs on both or on neither. Rounds in
// which either measured nothing are left out.
func paired(a, b []float64, f func(a, b float64) float64) []float64 {
	var results []float64
	for i := range min(len(a), len(b)) {
		if a[i] != 0 && b[i] != 0 {
			results = append(results, f(a[i], b[i]))
		}
	}
	return results
}

func ratio(a, b float64) float64      { return a / b }
func difference(a, b float64) float64 { return a - b }
