package authapp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal is the terminal that input comes from, if it does.
func (s *session) terminal() (fd int, ok bool) {
	f, isFile := s.cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// newPassword asks for a password twice, without echo, or reads a line.
func (s *session) newPassword() (string, error) {
	pw, err := s.askPassword()
	if err == nil && !utf8.ValidString(pw) {
		err = errors.New("the password is not UTF-8, and would be kept as another; write it in that encoding")
	}
	return pw, err
}

func (s *session) askPassword() (string, error) {
	fd, ok := s.terminal()
	if !ok {
		return readLine(s.cmd.InOrStdin())
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(s.cmd.ErrOrStderr(), prompt)
		b, err := readUnseen(fd)
		fmt.Fprintln(s.cmd.ErrOrStderr())
		return string(b), err
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	second, err := ask("Again: ")
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

// readUnseen is term.ReadPassword, but for who interrupts it: their terminal shows
// again what they type.
func readUnseen(fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	defer close(done)
	go func() {
		select {
		case sig := <-signals:
			_ = term.Restore(fd, before) // what else could be tried
			fmt.Fprintln(os.Stderr)
			code := 128 + int(syscall.SIGINT) // as of a shell
			if sig == syscall.SIGTERM {
				code = 128 + int(syscall.SIGTERM)
			}
			os.Exit(code)
		case <-done:
		}
	}()
	return term.ReadPassword(fd)
}

var errNoPassword = errors.New("there is no password on standard input")

// byteOrderMark is what some programs begin a text with, which is no part of it.
const byteOrderMark = "\ufeff"

func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	line = strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), byteOrderMark)
	if line == "" {
		return "", errNoPassword
	}
	return line, nil
}

// confirm asks on a terminal whether to go on, unless --yes. Scripts are not
// asked.
func (s *session) confirm(question string) error {
	if yes, _ := s.cmd.Flags().GetBool("yes"); yes {
		return nil
	}
	if _, ok := s.terminal(); !ok {
		return nil
	}
	fmt.Fprintf(s.cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(s.cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was changed")
}
