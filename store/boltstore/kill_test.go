package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

// killDir tells the test binary that it is the child of TestKill.
const killDir = "BOLTSTORE_KILL_DIR"

// killLog is the size of a half of its log. With a small one it is killed while
// that is moved to the database, with a large one before.
const killLog = "BOLTSTORE_KILL_LOG"

// TestKill kills a process at a random moment, again and again: what it had
// acknowledged is there, what was spent stays spent, and the file is whole.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		killMe(t, dir)
		return
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	path := filepath.Join(dir, "auth.db")
	acknowledged := map[string]bool{}
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKill$")
		cmd.Env = append(os.Environ(), killDir+"="+dir, killLog+"="+strconv.Itoa(8192<<(2*round)))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		enough := 20 + random.IntN(400)
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
					t.Fatal(err)
				}
				break
			}
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
				acknowledged[id] = true
			}
			if n == enough {
				time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond) // anywhere within a commit
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		checkFile(t, path)
		s := open(t, path)
		for id := range acknowledged {
			err := s.Update(t.Context(), func(tx store.WriteTx) error {
				if _, err := tx.User(idOf(tx, id)); err != nil {
					return fmt.Errorf("user: %w", err)
				}
				if _, err := tx.Session(store.ServerRealm, store.HashOf(id)); err != nil {
					return fmt.Errorf("session: %w", err)
				}
				if _, err := tx.Token(store.KindAccess, store.HashOf(id)); err != nil {
					return fmt.Errorf("token: %w", err)
				}
				if _, err := tx.SpendToken(store.KindCode, store.HashOf(id)); !errors.Is(err, store.ErrSpent) {
					return fmt.Errorf("the code was spent, and now: %w", err)
				}
				return nil
			})
			if err != nil {
				t.Errorf("round %d: %s was acknowledged: %v", round, id, err)
			}
		}
		s.Close()
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d writes were acknowledged in all", len(acknowledged))
	}
}

func idOf(tx store.ReadTx, username string) int64 {
	u, err := tx.UserByUsername(username)
	if err != nil {
		return 0
	}
	return u.ID
}

// killMe writes, and says what is written, until it is killed.
func killMe(t *testing.T, dir string) {
	half, err := strconv.ParseInt(os.Getenv(killLog), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(filepath.Join(dir, "auth.db"), boltstore.SmallLog(half))
	if err != nil {
		t.Fatal(err)
	}
	start := strconv.FormatInt(time.Now().UnixNano(), 36)
	var out sync.Mutex
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 100_000 {
				id := fmt.Sprintf("%s-%d-%d", start, w, i)
				err := s.Update(context.Background(), func(tx store.WriteTx) error {
					u := &store.User{Username: id, DateJoined: benchDay, IsActive: true}
					if err := tx.PutUser(u, nil); err != nil {
						return err
					}
					f := benchFamily(0)
					f.ID, f.UserID = id, u.ID
					code, access := benchToken(store.KindCode, 0, id, time.Minute), benchToken(store.KindAccess, 0, id, time.Minute)
					code.Hash, access.Hash = store.HashOf(id), store.HashOf(id)
					session := benchSession("", 0)
					session.Hash = store.HashOf(id)
					if err := errors.Join(tx.PutFamily(f), tx.PutToken(code), tx.PutToken(access), tx.PutSession(session)); err != nil {
						return err
					}
					_, err := tx.SpendToken(store.KindCode, code.Hash)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Println("ok", id)
				out.Unlock()
			}
		})
	}
	writers.Wait()
}

// checkFile has bbolt check that every page is where it should be.
func checkFile(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("the file is inconsistent: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
