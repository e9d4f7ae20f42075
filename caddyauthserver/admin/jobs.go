package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
	"github.com/caddyito/caddyito/store"
)

// jobs are what takes longer than an answer may. They live in memory: a reload of the
// config breaks off those under way, and each does its work in steps that can be done
// once more.
type jobs struct {
	mu      sync.Mutex // guards what follows
	all     map[string]*job
	order   []string
	running sync.WaitGroup
	ctx     context.Context // ends with close
	stop    context.CancelFunc
}

func newJobs() *jobs {
	s := &jobs{all: map[string]*job{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// maxJobs is how many are kept, with those that are finished, and maxRunning how
// many run at once.
const (
	maxJobs    = 50
	maxRunning = 4
)

var errTooManyJobs = errors.New("too many jobs")

// job is one of them.
type job struct {
	owner   int64 // who began it and may look
	title   lang.Text
	back    string
	current string // entry of the menu that it belongs to

	mu       sync.Mutex // guards what follows
	done     int
	total    int // 0 if it is not known
	finished bool
	failed   bool
	troubles []lang.Text
	report   *importReport  // what became of a list
	pending  *pendingImport // the list, as long as it was tried alone
}

// maxTroubles is how many troubles of a job are kept.
const maxTroubles = 200

func (j *job) progress(done int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = done
}

// forget lets a list go that nobody brought in.
func (j *job) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = nil
}

// of says how much there is to do.
func (j *job) of(total int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total = total
}

func (j *job) trouble(t lang.Text) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.troubles) < maxTroubles {
		j.troubles = append(j.troubles, t)
	}
}

// start begins a job and says under which id it is found.
func (s *jobs) start(owner int64, title lang.Text, back, current string, run func(context.Context, *job) error) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := 0
	for _, j := range s.all {
		if !j.isFinished() {
			running++
		}
	}
	if s.ctx.Err() != nil || running >= maxRunning {
		return "", errTooManyJobs
	}
	if len(s.order) >= maxJobs { // of which most are finished
		oldest := slices.IndexFunc(s.order, func(id string) bool { return s.all[id].isFinished() })
		delete(s.all, s.order[oldest])
		s.order = slices.Delete(s.order, oldest, oldest+1)
	}
	for _, old := range s.all {
		if old.owner == owner {
			old.forget()
		}
	}
	j, id := &job{owner: owner, title: title, back: back, current: current}, store.NewSecret()
	s.all[id], s.order = j, append(s.order, id)
	s.running.Go(func() {
		err := run(s.ctx, j)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.finished, j.failed = true, err != nil
	})
	return id, nil
}

func (j *job) isFinished() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.finished
}

func (s *jobs) find(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[id]
}

// close breaks off what is under way, and waits for it.
func (s *jobs) close() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock() // whoever starts one did so, or is refused
	s.running.Wait()
}

// jobPage shows how far a job is.
type jobPage struct {
	frame
	Title            lang.Text
	Done, Total      int
	Finished, Failed bool
	Troubles         []lang.Text
	Report           *importReport
	Back             string
}

// showJob comes anew by itself until the job is finished.
func (a *Admin) showJob(w http.ResponseWriter, r *http.Request, v *visit) error {
	j := a.jobs.find(r.PathValue("id"))
	if j == nil || j.owner != v.User.ID {
		return store.ErrNotFound
	}
	j.mu.Lock()
	page := jobPage{v.frame(), j.title, j.done, j.total, j.finished, j.failed, slices.Clone(j.troubles), nil, j.back}
	if j.finished && j.report != nil {
		report := *j.report
		page.Report, report.CSRF = &report, page.CSRF
		if j.pending != nil && report.Created+report.Changed > 0 {
			report.Action = r.URL.Path
		}
	}
	j.mu.Unlock()
	head := webpage.Head{Title: page.Title, Menu: a.menu(v, j.current)}
	if !page.Finished {
		head.RefreshURL, head.RefreshAfter = r.URL.EscapedPath(), 2*time.Second
	}
	a.views["job"].Render(w, http.StatusOK, head, page)
	return nil
}
