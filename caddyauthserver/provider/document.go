package provider

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// documentCached is how long clients may keep a document without asking again.
const documentCached = 5 * time.Minute

var documentCacheControl = fmt.Sprintf("public, max-age=%d", int(documentCached/time.Second))

// document is JSON that everybody may read: metadata and keys. Who asks for it does
// so often and gets the same for a long time, so most of the answer is made ahead.
type document struct {
	body   []byte
	length string
}

func newDocument(v any) *document {
	body := encodeJSON(v)
	return &document{body, strconv.Itoa(len(body))}
}

func (d *document) serve(w http.ResponseWriter) {
	// Not shared with other answers, as what stands behind may change headers in
	// place; but in one piece.
	values := [...]string{documentCacheControl, d.length, "application/json"}
	h := w.Header()
	h["Cache-Control"] = values[0:1:1]
	h["Content-Length"] = values[1:2:2]
	h["Content-Type"] = values[2:3:3]
	w.WriteHeader(http.StatusOK)
	w.Write(d.body)
}
