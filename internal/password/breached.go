package password

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Breached is a list of passwords that were stolen and published: the file "ordered
// by hash" of Have I Been Pwned, of lines with a SHA-1 hash in hexadecimal, and
// perhaps ":" and how often it was seen. It is searched on the disk, for it has many
// gigabytes. It is safe for concurrent use.
type Breached struct {
	file *os.File
	size int64
}

const (
	hashLength = 2 * sha1.Size
	// longestLine is more than any line of such a file.
	longestLine = 128
)

// OpenBreached opens such a file.
func OpenBreached(path string) (*Breached, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the list of breached passwords: %w", err)
	}
	b := &Breached{file: file}
	if err := b.look(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w; it must have lines of SHA-1 hashes in order, as the file that haveibeenpwned.com orders by hash", path, err)
	}
	return b, nil
}

// look finds out whether the file is one, by its first and last lines.
func (b *Breached) look() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("is not a file")
	}
	b.size = info.Size()
	first, _, err := b.lineAt(0)
	if err != nil {
		return err
	}
	last, _, err := b.lineAt(b.size - 1)
	if err != nil {
		return err
	}
	if last < first {
		return errors.New("is not in order")
	}
	return nil
}

// Close closes the file.
func (b *Breached) Close() error { return b.file.Close() }

// Check says that a password is on the list.
func (b *Breached) Check(pw string) error {
	known, err := b.contains(pw)
	if err != nil {
		return fmt.Errorf("searching the list of breached passwords: %w", err)
	}
	if known {
		return ErrKnown
	}
	return nil
}

// contains halves the file until one line is left.
func (b *Breached) contains(pw string) (bool, error) {
	sum := sha1.Sum([]byte(pw))
	want := strings.ToUpper(hex.EncodeToString(sum[:]))
	low, high := int64(0), b.size // the line begins in [low, high)
	for low < high {
		middle := low + (high-low)/2
		hash, start, err := b.lineAt(middle)
		if err != nil {
			return false, err
		}
		switch {
		case hash == want:
			return true, nil
		case hash < want:
			low = middle + 1
		default:
			high = start
		}
	}
	return false, nil
}

// lineAt is the hash of the line in which offset lies, and where that begins.
func (b *Breached) lineAt(offset int64) (hash string, start int64, err error) {
	begin := max(0, offset-longestLine)
	buf := make([]byte, longestLine+longestLine)
	n, err := b.file.ReadAt(buf, begin)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, err
	}
	buf = buf[:n]
	at := int(offset - begin)
	if at < 0 || at >= len(buf) {
		return "", 0, errors.New("is empty, or became shorter")
	}
	from := bytes.LastIndexByte(buf[:at], '\n') + 1
	if from == 0 && begin > 0 {
		return "", 0, errors.New("has a line that is too long")
	}
	line := buf[from:]
	if len(line) < hashLength {
		return "", 0, errors.New("has a line without a hash")
	}
	hash = strings.ToUpper(string(line[:hashLength]))
	if strings.Trim(hash, "0123456789ABCDEF") != "" || len(line) > hashLength && !strings.ContainsRune(":\r\n", rune(line[hashLength])) {
		return "", 0, errors.New("has a line without a hash")
	}
	return hash, begin + int64(from), nil
}
