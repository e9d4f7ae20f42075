package boltstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/caddyito/caddyito/internal/durable"
)

// The log is a file beside the database with a head and two halves. Records are
// written to one half while what is in the other is moved to the database.
//
//	head      logHead as JSON, then zeros, 4096 bytes
//	half      records, one after the other, each at a multiple of 8
//	record    tag [8], seq, length of the rest, checksum, the rest: the writes
//
// A record is whole before the next is begun, so that only the last can be torn.
// Those that have been moved stay until others are written over them. So a log is
// read by looking for records anywhere: what has a seq beyond what the database
// has is yet to be moved, and if a seq is missing among these, the log is damaged.
// The tag comes of the log's random id, as does the checksum: what strangers have
// us write into a record is never taken for one.

const (
	logHeadSize    = 4096
	recordHeadSize = 24
	// logHalf is how much is written before it is moved. It bounds the memory,
	// and a longer one has more in common pages when it is moved.
	logHalf = 8 << 20
	// logStep is by how much a half grows, until it has its size. To write over
	// what is there costs the disk much less than to write at the end of a file.
	logStep = 256 << 10
)

func logPath(path string) string { return path + ".wal" }

// logHead is how a log begins.
type logHead struct {
	Log          string `json:"caddyito_log"` // its id
	Installation string `json:"installation"`
}

// wal is the log of an open store.
type wal struct {
	file  *os.File
	stamp logStamp
	size  int64 // of a half
	half  int64 // 0 or 1: the one that is written
	at    int64 // where in it the next record comes
	grown [2]int64
	seq   uint64 // of the last record
	buf   []byte
}

// logStamp marks what belongs to one log.
type logStamp struct {
	tag [8]byte
	sum uint32 // where checksums begin
}

func newStamp(id string) logStamp {
	h := sha256.Sum256([]byte(id))
	return logStamp{tag: [8]byte(h[:8]), sum: binary.BigEndian.Uint32(h[8:])}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a record with a zero in the place of it.
func (s *logStamp) checksum(record []byte) uint32 {
	sum := crc32.Update(s.sum, castagnoli, record[:20])
	return crc32.Update(sum, castagnoli, record[recordHeadSize:])
}

// createLog makes a log in the place of one that is of no use any more. Its first
// record will have the seq after the one given.
func createLog(path string, head logHead, seq uint64, half int64) (*wal, error) {
	text, err := json.Marshal(&head)
	if err != nil {
		return nil, fmt.Errorf("making the log of the database: %w", err)
	}
	name := logPath(path)
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the log of the database: %w", err)
	}
	_, err = f.Write(append(text, make([]byte, logHeadSize-len(text))...))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err == nil {
		f, err = os.OpenFile(name, os.O_RDWR, 0)
	}
	if err != nil {
		_ = os.Remove(name + ".new")
		return nil, fmt.Errorf("making the log of the database: %w", err)
	}
	return &wal{file: f, stamp: newStamp(head.Log), size: half, seq: seq}, nil
}

// encode makes a record of writes. It is good until the next call.
func (l *wal) encode(writes []write) []byte {
	r := append(l.buf[:0], make([]byte, recordHeadSize)...)
	for i := range writes {
		r = writes[i].append(r)
	}
	r = append(r, make([]byte, -len(r)&7)...)
	copy(r, l.stamp.tag[:])
	binary.BigEndian.PutUint64(r[8:], l.seq+1)
	binary.BigEndian.PutUint32(r[16:], uint32(len(r)-recordHeadSize))
	binary.BigEndian.PutUint32(r[20:], l.stamp.checksum(r))
	if l.buf = r; len(r) > 1<<20 {
		l.buf = nil
	}
	return r
}

// append puts a write at the end of a record. It names the bucket, because
// another version may have others.
func (w *write) append(r []byte) []byte {
	r = part(r, bucketNames[w.bucket])
	r = append(binary.AppendUvarint(r, uint64(len(w.key))), w.key...)
	if w.is != kept {
		return append(r, 0)
	}
	return append(binary.AppendUvarint(r, uint64(len(w.value))+1), w.value...)
}

// fits says whether a record has room in the half that is written.
func (l *wal) fits(record []byte) bool { return l.at+int64(len(record)) <= l.size }

// turn goes on in the other half, whose records are of no use any more.
func (l *wal) turn() { l.half, l.at = 1-l.half, 0 }

// add returns once a record is on the disk. After an error nothing of it counts,
// unless it is errSync.
func (l *wal) add(record []byte) error {
	begin := logHeadSize + l.half*l.size
	end := l.at + int64(len(record))
	if grown := &l.grown[l.half]; end > *grown {
		to := min((end+logStep-1)/logStep*logStep, l.size)
		if _, err := l.file.WriteAt(make([]byte, to-*grown), begin+*grown); err != nil {
			return err
		}
		if err := l.file.Sync(); err != nil {
			return fmt.Errorf("%w: %w", errSync, err)
		}
		*grown = to
	}
	if _, err := l.file.WriteAt(record, begin+l.at); err != nil {
		return err
	}
	if err := datasync(l.file); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	l.at = end
	l.seq++
	return nil
}

// errSync: the system may have dropped what it could not write, and the next sync
// would not tell. Nobody knows what is on the disk.
var errSync = errors.New("sync")

// logRecord is a record that was found in a log.
type logRecord struct {
	seq    uint64
	writes []byte
}

// readLog finds the records of a log that come after seq. There is no head if
// there is no file.
func readLog(path string, seq uint64) (*logHead, []logRecord, error) {
	b, err := os.ReadFile(logPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the log of the database: %w", err)
	}
	var head logHead
	text, _, _ := bytes.Cut(b[:min(len(b), logHeadSize)], []byte{0})
	if json.Unmarshal(text, &head) != nil || head.Log == "" || head.Installation == "" {
		return nil, nil, fmt.Errorf("%w: it does not begin as a log does", errLog)
	}
	records, err := findRecords(head.Log, b, seq)
	return &head, records, err
}

// errLog: the log is damaged.
var errLog = errors.New("the log is damaged")

func findRecords(id string, b []byte, seq uint64) ([]logRecord, error) {
	stamp := newStamp(id)
	var records []logRecord
	for at := logHeadSize; at+recordHeadSize <= len(b); {
		r := b[at:]
		n := int64(binary.BigEndian.Uint32(r[16:])) + recordHeadSize
		if [8]byte(r) != stamp.tag || n > int64(len(r)) || n%8 != 0 || stamp.checksum(r[:n]) != binary.BigEndian.Uint32(r[20:]) {
			at += 8
			continue
		}
		if s := binary.BigEndian.Uint64(r[8:]); s > seq {
			records = append(records, logRecord{s, r[recordHeadSize:n]})
		}
		at += int(n)
	}
	slices.SortFunc(records, func(a, b logRecord) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	for i, r := range records {
		if r.seq != seq+1+uint64(i) {
			return nil, fmt.Errorf("%w, or does not belong to this state of the database: record %d is missing, and there are later ones", errLog, seq+1+uint64(i))
		}
	}
	return records, nil
}

// replay puts what a record says into a tree.
func (t *tree) replay(r logRecord, edit uint64) error {
	d := &decoder{rest: string(r.writes)}
	for d.rest != "" && d.rest[0] != 0 { // no name is empty: zeros fill up the record
		name, key, n := d.string(), d.string(), d.uint()
		it := &item{key: []byte(key), is: gone}
		if n > 0 {
			if n--; n > uint64(len(d.rest)) {
				d.fail()
			} else {
				it.value, it.is = []byte(d.rest[:n]), kept
				d.rest = d.rest[n:]
			}
		}
		if d.bad {
			return fmt.Errorf("%w: record %d", errLog, r.seq)
		}
		b := slices.Index(bucketNames[:], name)
		if b < 0 {
			return fmt.Errorf("the log was written by a newer version, which knows of %q, as this one does not: use that version", name)
		}
		t.set(bucket(b), it, edit)
	}
	return nil
}
