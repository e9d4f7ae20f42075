package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// cheap keeps the tests quick; what is promised does not depend on the cost.
func cheap() *Hasher { return New(Params{Memory: 64, Time: 1}) }

func TestRoundTrip(t *testing.T) {
	h := cheap()
	for _, pw := range []string{"correct horse", "", " space ", "\x00nul\x00", "pässwörd", strings.Repeat("x", MaxLength)} {
		encoded, err := h.Hash(t.Context(), pw)
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), encoded, pw); !ok || rehash || err != nil {
			t.Errorf("Verify(%q) = %v, %v, %v", pw, ok, rehash, err)
		}
		if ok, _, err := h.Verify(t.Context(), encoded, pw+"x"); ok || err != nil {
			t.Errorf("Verify with another password than %q = %v, %v", pw, ok, err)
		}
	}
}

func TestSaltIsNewEachTime(t *testing.T) {
	h := cheap()
	a, _ := h.Hash(t.Context(), "same")
	b, _ := h.Hash(t.Context(), "same")
	if a == b {
		t.Errorf("two hashes of one password are alike: %s", a)
	}
}

func TestDefaultCost(t *testing.T) {
	encoded, err := New(Params{}).Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(encoded, want) {
		t.Errorf("hash %s does not begin with %s", encoded, want)
	}
}

// Foreign hashes, made by the reference implementations: `argon2` of libargon2
// (test.c), and Django's own test suite.
func TestKnownHashes(t *testing.T) {
	for _, c := range []struct{ encoded, pw string }{
		{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		{"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
		{"pbkdf2_sha256$1000000$seasalt$r1uLUxoxpP2Ued/qxvmje7UH9PUJBkRrvf9gGPL7Cps=", "lètmein"},
	} {
		ok, rehash, err := cheap().Verify(t.Context(), c.encoded, c.pw)
		if !ok || !rehash || err != nil {
			t.Errorf("Verify(%s) = %v, %v, %v; want true, true", c.encoded, ok, rehash, err)
		}
		ok, rehash, err = cheap().Verify(t.Context(), c.encoded, c.pw+" ")
		if ok || rehash || err != nil {
			t.Errorf("Verify(%s) of a wrong password = %v, %v, %v; want false, false", c.encoded, ok, rehash, err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	old, err := New(Params{Memory: 32, Time: 1}).Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := cheap().Verify(t.Context(), old, "password"); !ok || !rehash || err != nil {
		t.Errorf("a hash of another cost: %v, %v, %v; want true, true", ok, rehash, err)
	}
}

func TestComposedAndDecomposedAreOnePassword(t *testing.T) {
	h := cheap()
	encoded, err := h.Hash(t.Context(), "caf\u00e9 caf\u00e9")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Verify(t.Context(), encoded, "cafe\u0301 cafe\u0301"); !ok {
		t.Error("the same letters in another Unicode form were refused")
	}
}

func TestNothingStoredLetsNobodyIn(t *testing.T) {
	if ok, _, err := cheap().Verify(t.Context(), "", ""); ok || err != nil {
		t.Errorf("Verify without a hash = %v, %v", ok, err)
	}
}

func TestTooLong(t *testing.T) {
	h, long := cheap(), strings.Repeat("x", MaxLength+1)
	if _, err := h.Hash(t.Context(), long); err == nil {
		t.Error("a password of 1025 bytes was hashed")
	}
	encoded, _ := h.Hash(t.Context(), long[1:])
	if ok, _, err := h.Verify(t.Context(), encoded, long); ok || err != nil {
		t.Errorf("Verify of 1025 bytes = %v, %v", ok, err)
	}
}

func TestHostileHashes(t *testing.T) {
	salt, key := "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	pbkdf2Key := "bYMZ/hJ9Jpsmjq+ksvaYi6kF9gP93CgYxZcTQ0sHFG8="
	for _, encoded := range []string{
		"x", "$", "$argon2id$", "plain", "!unusable",
		"$argon2i$v=19$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$m=256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + key, // 4 TiB
		"$argon2id$v=19$m=131073,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=11,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=0,p=1$" + salt + "$" + key, // panics in x/crypto
		"$argon2id$v=19$m=256,t=2,p=0$" + salt + "$" + key, // panics in x/crypto
		"$argon2id$v=19$m=256,t=2,p=257$" + salt + "$" + key,
		"$argon2id$v=19$m=7,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=+256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=0256,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=-1,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$t=2,m=256,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=1,x=1$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$", // an empty key equals an empty key
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$AAAA",
		"$argon2id$v=19$m=256,t=2,p=1$$" + key,
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "=",
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "\n",
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + key + "$",
		"$argon2id$v=19$m=256,t=2,p=1$" + salt + "$" + strings.Repeat("A", 4096),
		"pbkdf2_sha256$", "pbkdf2_sha256$$$",
		"pbkdf2_sha256$0$salt$" + pbkdf2Key,
		"pbkdf2_sha256$-1$salt$" + pbkdf2Key,
		"pbkdf2_sha256$3000001$salt$" + pbkdf2Key,
		"pbkdf2_sha256$99999999999999999999$salt$" + pbkdf2Key,
		"pbkdf2_sha256$1000$$" + pbkdf2Key,
		"pbkdf2_sha256$1000$salt$",
		"pbkdf2_sha256$1000$salt$AAAA",
		"pbkdf2_sha256$1000$sa$lt$" + pbkdf2Key,
		"pbkdf2_sha1$1000$salt$" + pbkdf2Key,
	} {
		ok, _, err := cheap().Verify(t.Context(), encoded, "password")
		if ok || !errors.Is(err, ErrMalformed) {
			t.Errorf("Verify(%.80q) = %v, %v; want ErrMalformed", encoded, ok, err)
		}
	}
}

// hold takes every slot of h and gives them back when called.
func hold(h *Hasher) (release func()) {
	for range cap(h.slots.taken) {
		h.slots.taken <- struct{}{}
	}
	return func() {
		for range cap(h.slots.taken) {
			<-h.slots.taken
		}
	}
}

// A Caddy with three servers makes no more hashes at once than one with one.
func TestSlotsAreTheProcess(t *testing.T) {
	one, another := New(Params{}), New(Params{Memory: 64, Time: 1})
	release := hold(one)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := another.Dummy(ctx, "pw"); !errors.Is(err, context.Canceled) {
		t.Errorf("all slots are taken by one Hasher, yet another hashed: %v", err)
	}
	if err := New(Params{Memory: 64, Time: 1, Slots: 1}).Dummy(t.Context(), "pw"); err != nil {
		t.Errorf("one that has slots of its own: %v", err)
	}
	if n := cap(one.slots.taken); n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d slots", n)
	}
}

func TestBoundedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Params{Memory: 64, Time: 1, Slots: 2, Queue: 3})
		release := hold(h)
		results := make(chan error, 3)
		for range 3 {
			go func() { results <- h.Dummy(t.Context(), "pw") }()
		}
		synctest.Wait() // the three are in the queue
		if err := h.Dummy(t.Context(), "pw"); !errors.Is(err, ErrBusy) {
			t.Errorf("Dummy behind a full queue: %v, want ErrBusy", err)
		}
		if _, err := h.Hash(t.Context(), "pw"); !errors.Is(err, ErrBusy) {
			t.Errorf("Hash behind a full queue: %v, want ErrBusy", err)
		}
		for _, encoded := range []string{"", "garbage", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"} {
			if ok, _, err := h.Verify(t.Context(), encoded, "password"); ok || !errors.Is(err, ErrBusy) {
				t.Errorf("Verify(%.12q) behind a full queue: %v, %v, want ErrBusy", encoded, ok, err)
			}
		}
		release()
		for range 3 {
			if err := <-results; err != nil {
				t.Errorf("one that waited: %v", err)
			}
		}
		if err := h.Dummy(t.Context(), "pw"); err != nil {
			t.Errorf("after the rush: %v", err)
		}
		if n := h.slots.waiting.Load(); n != 0 {
			t.Errorf("%d are still counted as waiting", n)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Params{Memory: 64, Time: 1, Slots: 1, Queue: 1})
		release := hold(h)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { result <- h.Dummy(ctx, "pw") }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled wait: %v", err)
		}
		release()
		if _, err := h.Hash(ctx, "pw"); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits for this any more, yet it was hashed: %v", err)
		}
		if err := h.Dummy(t.Context(), "pw"); err != nil {
			t.Errorf("the place in the queue was lost: %v", err)
		}
	})
}

func TestNewRefusesWhatVerifyWould(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New took 1 GiB for a hash, which Verify would refuse")
		}
	}()
	New(Params{Memory: 1 << 20})
}

func TestCheck(t *testing.T) {
	for pw, want := range map[string]error{
		"1234567":                          errTooShort,
		"äöüäöüä":                          errTooShort, // 14 bytes, 7 characters
		"12345678":                         nil,
		"äöüäöüäö":                         nil,
		"         ":                        errBlank,
		"\xff\xff\xff\xff\xff\xff\xff\xff": errNotText,
		strings.Repeat("x", 1024):          nil,
		strings.Repeat("x", 1025):          errTooLong,
	} {
		if err := Check(pw); err != want {
			t.Errorf("Check(%.20q) = %v, want %v", pw, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"pbkdf2_sha256$1000$seasalt$r1uLUxoxpP2Ued/qxvmje7UH9PUJBkRrvf9gGPL7Cps=",
		"$argon2id$v=19$m=4294967295,t=4294967295,p=255$$", "pbkdf2_sha256$99999999999$a$b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stored, err := parse(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("parse(%q): %v is not ErrMalformed", s, err)
			}
			return
		}
		switch h := stored.(type) {
		case argon2idHash:
			if !h.cost.allowed() || len(h.key) < 16 || len(h.key) > 64 || len(h.salt) < 8 || len(h.salt) > 64 {
				t.Errorf("parse(%q) let out-of-bounds %+v through", s, h)
			}
			if h.String() != s {
				t.Errorf("%q has another spelling: %q", s, h)
			}
		case pbkdf2Hash:
			if h.iterations < 1 || h.iterations > maxIterations || len(h.key) != 32 {
				t.Errorf("parse(%q) let out-of-bounds %+v through", s, h)
			}
		}
	})
}
