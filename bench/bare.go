package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyito/caddyito/internal/password"
)

// What a login and a token cannot cost less than: the check of a password, and a
// signature. Both are measured in the process of the server, where they compete for
// the same caches and the same collector of garbage.

// hashFor checks a password on every core for d, and says how often.
func hashFor(d time.Duration) (done int, err error) {
	encoded, err := passwordHash()
	if err != nil {
		return 0, err
	}
	return onEveryCore(d, func() error {
		ok, _, err := hasher.Verify(context.Background(), encoded, userPassword)
		if err == nil && !ok {
			err = errors.New("the right password is wrong")
		}
		return err
	})
}

// signFor signs on every core for d, and says how often.
func signFor(d time.Duration) (done int, err error) {
	key, err := rsaKey()
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256([]byte("what is signed"))
	return onEveryCore(d, func() error {
		_, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		return err
	})
}

var hasher = password.New(password.Params{})

// passwordHash and rsaKey are made once: that takes long.
var passwordHash = sync.OnceValues(func() (string, error) { return hasher.Hash(context.Background(), userPassword) })

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func onEveryCore(d time.Duration, f func() error) (int, error) {
	var done atomic.Int64
	errs := make([]error, runtime.GOMAXPROCS(0))
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for time.Now().Before(end) && errs[i] == nil {
				errs[i] = f()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return int(done.Load()), errors.Join(errs...)
}
