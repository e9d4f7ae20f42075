package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// signFor makes the signatures that a token cannot cost less than, on every core for
// d, and says how many. It is done in the process of the server, with the same caches
// and the same collector of garbage.
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

// rsaKey is made once: that takes long.
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
