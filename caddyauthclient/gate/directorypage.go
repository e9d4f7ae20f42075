package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

const (
	directoryLimit    = 100 // records of a page, unless asked otherwise
	maxDirectoryLimit = 1000
	maxDirectoryQuery = 4096 // bytes
	maxDirectoryTerms = 20
	// maxScan is how many records one page looks at. One that found little
	// before ends early, and names the next.
	maxScan = 10_000
	// maxPage is from how many bytes on a page takes no more.
	maxPage   = 1 << 20
	scanChunk = 500
)

// directoryQuery is what is asked of the directory.
type directoryQuery struct {
	after   string // the id after which the page begins
	seq     uint64 // of the mirror when the first page was read; by the cursor
	limit   int
	changes bool
	since   uint64 // if changes: the version after which the page begins
	feed    string
	filters map[string]string
	expand  expansion
	values  url.Values
}

// expansion are relations whose objects are to be shown in place of their ids.
type expansion map[string]expansion

// parseDirectoryQuery reads a query. For one record there is only expand.
func parseDirectoryQuery(raw string, one bool) (*directoryQuery, error) {
	if len(raw) > maxDirectoryQuery {
		return nil, fmt.Errorf("the query is longer than %d bytes", maxDirectoryQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query is not well-formed")
	}
	if len(values) > maxDirectoryTerms {
		return nil, fmt.Errorf("the query has more than %d parameters", maxDirectoryTerms)
	}
	q := &directoryQuery{limit: directoryLimit, filters: map[string]string{}, expand: expansion{}, values: values}
	for name, list := range values {
		if len(list) > 1 {
			return nil, fmt.Errorf("%.60q is given twice", name)
		}
		v := list[0]
		switch {
		case name == "expand":
			err = q.expand.add(v)
		case one:
			err = fmt.Errorf("%.60q is not a parameter for one record; there is: expand", name)
		case name == "after":
			err = q.setCursor(v)
		case name == "limit":
			if q.limit, err = strconv.Atoi(v); err != nil || q.limit < 1 || q.limit > maxDirectoryLimit {
				err = fmt.Errorf("limit must be a number from 1 to %d", maxDirectoryLimit)
			}
		case name == "updated_after":
			q.changes = true
			if q.since, err = strconv.ParseUint(v, 10, 64); err != nil {
				err = errors.New("updated_after must be the seq of an earlier answer")
			}
		case name == "feed":
			q.feed = v
		case !nameGrammar.MatchString(name) || usersync.Withheld(name):
			err = fmt.Errorf("%.60q is neither a field to filter by nor a parameter; there are: after, limit, updated_after, feed, expand", name)
		default:
			q.filters[name] = v
		}
		if err != nil {
			return nil, err
		}
	}
	if q.changes && q.after != "" {
		if q.since, err = strconv.ParseUint(q.after, 10, 64); err != nil {
			return nil, errCursor
		}
	}
	return q, nil
}

var errCursor = errors.New("after must be what next of the answer before has")

// setCursor reads what cursor wrote.
func (q *directoryQuery) setCursor(s string) (err error) {
	seq, id, ok := strings.Cut(s, "-")
	if q.seq, err = strconv.ParseUint(seq, 10, 64); err != nil || !ok || id == "" {
		return errCursor
	}
	q.after = id
	return nil
}

// cursor leads on from a record: by its id, or among changes by its version.
func cursor(seq uint64, after string) string { return strconv.FormatUint(seq, 10) + "-" + after }

func (e expansion) add(list string) error {
	for path := range strings.SplitSeq(list, ",") {
		if !fieldGrammar.MatchString(path) {
			return fmt.Errorf("expand: %.60q is not a relation as in company or company.country", path)
		}
		at := e
		for name := range strings.SplitSeq(path, ".") {
			if at[name] == nil {
				at[name] = expansion{}
			}
			at = at[name]
		}
	}
	return nil
}

// matches says whether a record belongs to the answer.
func (q *directoryQuery) matches(rec *store.Record) bool {
	if !q.changes && rec.Deleted && len(rec.Fields) == 0 {
		return false // nothing but that there was one
	}
	for name, want := range q.filters {
		if !hasValue(rec.Fields, name, want) {
			return false
		}
	}
	return true
}

func hasValue(fields store.Fields, name, want string) bool {
	switch v := fields[name].(type) {
	case nil:
		return false
	case []string:
		return slices.Contains(v, want)
	}
	have := fields.Text(name)
	if name == "username" {
		have, want = store.CanonicalName(have), store.CanonicalName(want)
	}
	return have == want
}

type directoryPage struct {
	Feed string `json:"feed,omitempty"`
	// Seq is how far the mirror was when the first page was read: what changed
	// after it is what updated_after=<seq> gives.
	Seq   uint64            `json:"seq"`
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next,omitempty"`
}

// directoryReader reads in one transaction.
type directoryReader struct {
	tx      store.MirrorReader
	mirror  string
	state   store.MirrorState
	objects map[store.Ref]*store.Record // looked up for this answer; nil for what is not there
}

func (d *directoryReader) one(typ, id string, q *directoryQuery) (any, error) {
	rec, err := d.tx.MirrorRecord(d.mirror, typ, id)
	if err != nil {
		return nil, err
	}
	if rec.Deleted && len(rec.Fields) == 0 {
		return nil, store.ErrNotFound
	}
	return d.item(rec, q.expand)
}

func (d *directoryReader) page(typ string, q *directoryQuery, path string) (*directoryPage, error) {
	p := &directoryPage{Feed: feedName(d.state), Seq: d.state.Seq, Items: []json.RawMessage{}}
	if q.after != "" {
		p.Seq = min(p.Seq, q.seq)
	}
	from, size := *q, 0
	for scanned := 0; ; {
		chunk := scanChunk
		if len(q.filters) == 0 {
			chunk = min(chunk, q.limit-len(p.Items))
		}
		records, err := d.records(typ, &from, chunk)
		if err != nil {
			return nil, err
		}
		for _, rec := range records {
			from.after, from.since = rec.ID, rec.Version
			if scanned++; !q.matches(rec) {
				continue
			}
			item, err := d.item(rec, q.expand)
			if err != nil {
				return nil, err
			}
			body, err := json.Marshal(item)
			if err != nil {
				return nil, fmt.Errorf("writing %s %s: %w", typ, rec.ID, err)
			}
			p.Items = append(p.Items, body)
			if size += len(body); len(p.Items) == q.limit || size > maxPage {
				p.Next = d.next(&from, p.Seq, path, typ)
				return p, nil
			}
		}
		switch {
		case len(records) < chunk:
			return p, nil
		case scanned >= maxScan:
			p.Next = d.next(&from, p.Seq, path, typ)
			return p, nil
		}
	}
}

// records are the next that a query may ask for.
func (d *directoryReader) records(typ string, q *directoryQuery, limit int) ([]*store.Record, error) {
	if q.changes {
		return d.tx.MirrorChanges(d.mirror, typ, q.since, limit)
	}
	return d.tx.MirrorRecords(d.mirror, typ, q.after, limit)
}

// next is the URL of the page that begins where q has come to.
func (d *directoryReader) next(q *directoryQuery, seq uint64, path, typ string) string {
	v := url.Values{}
	for name, list := range q.values {
		v[name] = list
	}
	after := q.after
	if q.changes {
		after = strconv.FormatUint(q.since, 10)
	}
	v.Set("after", cursor(seq, after))
	if d.state.FeedID != "" {
		v.Set("feed", feedName(d.state))
	}
	if typ != store.UserType {
		path += "/objects/" + typ
	}
	return path + "?" + v.Encode()
}

// item is a record as the directory shows it.
func (d *directoryReader) item(rec *store.Record, expand expansion) (map[string]any, error) {
	out := make(map[string]any, len(rec.Fields)+3)
	for name, v := range rec.Fields {
		ref, isRef := v.(store.Ref)
		switch {
		case usersync.Withheld(name): // a mirror may know it from a sign-in
		case !isRef:
			out[name] = v
		case expand[name] == nil:
			out[name] = ref.ID
		default:
			object, err := d.object(ref)
			if err != nil {
				return nil, err
			}
			if out[name] = ref.ID; object != nil {
				if out[name], err = d.item(object, expand[name]); err != nil {
					return nil, err
				}
			}
		}
	}
	out["id"] = rec.ID
	if n, err := strconv.ParseInt(rec.ID, 10, 64); err == nil && rec.Version > 0 {
		out["id"] = n // of a server of ours; another's sub is text whatever it looks like
		out["version"] = rec.Version
	}
	if rec.Deleted {
		out["deleted"] = true
	}
	return out, nil
}

func (d *directoryReader) object(ref store.Ref) (*store.Record, error) {
	if rec, ok := d.objects[ref]; ok {
		return rec, nil
	}
	rec, err := d.tx.MirrorRecord(d.mirror, ref.Type, strconv.FormatInt(ref.ID, 10))
	if errors.Is(err, store.ErrNotFound) || err == nil && rec.Deleted {
		rec, err = nil, nil
	}
	if err == nil {
		d.objects[ref] = rec
	}
	return rec, err
}
