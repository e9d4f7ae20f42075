package authapp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// A cursor of the store says where to go on, and counts for nothing where it was
// not made. The API's says besides what was asked for, so that a wrong one is told
// from a right one: a script that begins anew with each page does so for ever.

// pageAfter is the store's cursor in ?after= of a list by filters.
func pageAfter(r *http.Request) (string, error) {
	after := r.URL.Query().Get("after")
	if after == "" {
		return "", nil
	}
	cursor, ok := strings.CutPrefix(after, cursorMark(r))
	if !ok || cursor == "" {
		return "", refuse(http.StatusBadRequest, "after %.100q: it is the next of the page before, and the filters are those of that page", after)
	}
	return cursor, nil
}

// pageNext is next for a store's cursor.
func pageNext(r *http.Request, cursor string) string {
	if cursor == "" {
		return ""
	}
	return cursorMark(r) + cursor
}

// cursorMark stands for what is asked for.
func cursorMark(r *http.Request) string {
	filters := r.URL.Query()
	filters.Del("after")
	filters.Del("limit")
	sum := sha256.Sum256([]byte(r.URL.Path + "?" + filters.Encode()))
	return hex.EncodeToString(sum[:4]) + "."
}
