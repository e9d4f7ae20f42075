package usersync

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"sync/atomic"
	"time"
)

// Receiver takes what the server pushes. It answers
//
//	200 {"feed", "upto"}        the mirror stands there now
//	409 {"feed", "upto"}        the batch does not fit; the mirror stands there
//	400, 401 {"err", "description"}   the batch is refused (RFC 8935 section 2.4)
//	503                         the mirror cannot be written; try again
type Receiver struct {
	Mirror *Mirror
	Log    *slog.Logger

	last atomic.Int64 // when a batch was last taken, in nanoseconds; 0 for never
}

// maxUnseen is for how much of a batch there is room before any of it has come.
const maxUnseen = 64 << 10

// ServeHTTP takes one batch.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		rc.refuse(w, http.StatusMethodNotAllowed, &RefusedError{codeInvalid, "batches come by POST"})
		return
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != ContentType {
		rc.refuse(w, http.StatusBadRequest, &RefusedError{codeInvalid, "the content type is not " + ContentType})
		return
	}
	var body bytes.Buffer
	if 0 < r.ContentLength { // which a stranger may say, and then send nothing
		body.Grow(int(min(r.ContentLength, maxUnseen)) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBatch))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		rc.refuse(w, http.StatusRequestEntityTooLarge, &RefusedError{codeInvalid, "the batch is longer than 4 MB"})
		return
	} else if err != nil {
		rc.refuse(w, http.StatusBadRequest, &RefusedError{codeInvalid, "the batch broke off"})
		return
	}
	b, err := rc.Mirror.Verify(body.Bytes())
	if err != nil {
		rc.refuseBatch(w, err)
		return
	}
	p, ok, err := rc.Mirror.Apply(r.Context(), b)
	if err != nil {
		rc.Log.Error("cannot write a batch to the mirror", "mirror", rc.Mirror.Name, "error", err)
		w.Header().Set("Retry-After", "5")
		rc.refuse(w, http.StatusServiceUnavailable, &RefusedError{codeInvalid, "the mirror cannot be written"})
		return
	}
	rc.last.Store(rc.Mirror.Now().UnixNano())
	status := http.StatusOK
	if !ok {
		rc.Log.Info("a batch does not fit the mirror; the server goes on from where it stands",
			"mirror", rc.Mirror.Name, "batch_after", b.After, "mirror_at", p.Upto, "same_feed", p.Feed == b.Feed)
		status = http.StatusConflict
	}
	Answer(w, status, p)
}

// pushedSince says whether the server has reached the gate in that time.
func (rc *Receiver) pushedSince(d time.Duration) bool {
	last := rc.last.Load()
	return last != 0 && rc.Mirror.Now().Sub(time.Unix(0, last)).Abs() < d // a clock may be put back
}

func (rc *Receiver) refuseBatch(w http.ResponseWriter, err error) {
	r, ok := errors.AsType[*RefusedError](err)
	if !ok {
		r = &RefusedError{codeForbidden, "this gate takes no batches: " + err.Error()}
	}
	rc.Log.Warn("refused a batch", "mirror", rc.Mirror.Name, "error", r.Description)
	status := http.StatusBadRequest
	if r.Code == codeKey {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `JWT realm="sync"`)
	}
	rc.refuse(w, status, r)
}

func (rc *Receiver) refuse(w http.ResponseWriter, status int, e *RefusedError) {
	Answer(w, status, map[string]string{"err": e.Code, "description": e.Description})
}

// Answer writes JSON from a program to another, which no cache keeps.
func Answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only for types that are not JSON
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body)
}
