package authapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddyito/caddyito/store"
)

func (api *adminAPI) backupRoutes() {
	api.mux.HandleFunc("GET /auth/backup", api.backup)
}

// backup sends a copy of the store as it is now. One that cannot be completed
// ends in a broken connection, so that nobody takes it for whole.
func (api *adminAPI) backup(w http.ResponseWriter, r *http.Request) {
	out := &lateHeader{ResponseWriter: w}
	_, err := api.answer(w, r, func(a *App, r *http.Request) (any, error) {
		b, ok := a.shared.Store.(store.Backuper)
		if !ok {
			return nil, refuse(http.StatusNotImplemented, "this kind of store cannot be copied from here; use its own tools")
		}
		err := a.audited(r, store.ActionBackup, store.AuditParty{})
		if err != nil {
			return nil, err
		}
		return nil, b.Backup(r.Context(), &patientWriter{out, http.NewResponseController(w), readerPatience})
	})
	switch {
	case err == nil:
	case out.begun:
		api.log.Error("a backup broke off", zap.Error(err))
		panic(http.ErrAbortHandler)
	default:
		status, value := api.explain(r, err)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value) // the caller is gone, if this fails
	}
}

// readerPatience is how long whoever takes a backup may take none of it. As long as it
// takes, what the copy is of is kept, and writers may have to wait.
const readerPatience = 30 * time.Second

// patientWriter fails once the reader has taken nothing for so long.
type patientWriter struct {
	to       io.Writer
	control  *http.ResponseController
	patience time.Duration
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("setting until when to wait for who takes the backup: %w", err)
	}
	return p.to.Write(b)
}

// lateHeader sends its header with the first byte: until then an error can be
// answered.
type lateHeader struct {
	http.ResponseWriter
	begun bool
}

func (l *lateHeader) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.Header().Set("Content-Type", "application/octet-stream")
		l.Header().Set("Cache-Control", "no-store")
		l.WriteHeader(http.StatusOK)
	}
	return l.ResponseWriter.Write(b)
}
