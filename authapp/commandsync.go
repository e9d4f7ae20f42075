package authapp

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/caddyito/caddyito/usersync"
)

func syncCommand() *cobra.Command {
	resync := command("resync <client>", "Sends a client everything anew; until it is complete it uses what it has", cobra.ExactArgs(1), resyncCmd)
	resync.Flags().BoolP("wait", "w", false, "Wait until it is complete, and show how far it is; on a terminal, this is the default (--wait=false)")
	return group("sync", "Shows and repairs how gates follow users and objects",
		command("status", "Shows how far every client is", cobra.NoArgs, syncStatusCmd),
		resync,
	)
}

func syncStatusCmd(s *session, _ []string) error {
	var v usersync.Status
	if err := s.call(http.MethodGet, "/auth/sync", nil, &v); err != nil {
		return err
	}
	return s.print(v, func(w io.Writer) {
		row(w, "CLIENT", "NAME", "AT", "OF", "LAG", "PUSHED", "PULLED", "STATE", "LAST ERROR")
		for _, c := range v.Clients {
			lag := fmt.Sprint(c.Lag)
			if c.Lag > 0 {
				lag = fmt.Sprintf("%d, %ds", c.Lag, c.LagSeconds)
			}
			row(w, c.ClientID, c.Name, c.Seq, v.Head, lag, when(c.PushedAt), when(c.PulledAt), stateOf(c), lastError(c))
		}
	})
}

func lastError(c *usersync.ClientStatus) string {
	switch c.LastError {
	case "":
		return ""
	case c.Error: // which is in sight already
		return when(c.LastErrorAt)
	}
	return when(c.LastErrorAt) + " " + c.LastError
}

// stateOf is what a client does, and why where it is in trouble.
func stateOf(c *usersync.ClientStatus) string {
	switch s := c.State(); s {
	case usersync.Asks, usersync.Parked, usersync.Failing:
		return string(s) + ": " + c.Error
	default:
		return string(s)
	}
}

func resyncCmd(s *session, args []string) error {
	if err := s.call(http.MethodPost, apiPath("sync", args[0], "resync"), nil, nil); err != nil {
		return err
	}
	if s.waits() {
		return s.awaitResync(args[0])
	}
	return s.done("client " + args[0] + " is sent everything anew; caddy auth sync status shows how far it is")
}

// waits says whether the command is to wait for what it began: by --wait, or
// because somebody looks on.
func (s *session) waits() bool {
	f := s.cmd.Flags()
	if wait, _ := f.GetBool("wait"); f.Changed("wait") {
		return wait
	}
	return s.onTerminal() && !s.json
}

func (s *session) onTerminal() bool {
	f, isFile := s.out.(*os.File)
	return isFile && term.IsTerminal(int(f.Fd()))
}

// awaitResync shows how far a client is until it has everything.
func (s *session) awaitResync(id string) error {
	p := s.progress()
	for {
		var v usersync.Status
		if err := s.call(http.MethodGet, "/auth/sync", nil, &v); err != nil {
			return err
		}
		i := slices.IndexFunc(v.Clients, func(c *usersync.ClientStatus) bool { return c.ClientID == id })
		if i < 0 {
			return fmt.Errorf("client %s is not told of changes any more", id)
		}
		c := v.Clients[i]
		switch {
		case c.Resync && c.Error != "":
			p.show(id + " waits: " + stateOf(c))
		case c.Resync:
			p.show(id + " waits: it has not begun yet")
		case c.Lag == 0:
			p.show(fmt.Sprintf("%s: 100%%, %d of %d", id, c.Seq, v.Head))
			p.end()
			if s.json {
				return s.print(c, nil)
			}
			return nil
		default:
			line := fmt.Sprintf("%s: %d%%, %d of %d", id, 100*c.Seq/v.Head, c.Seq, v.Head)
			if c.Error != "" { // it may ask for the rest
				line += "; " + stateOf(c)
			}
			p.show(line)
		}
		select {
		case <-time.After(progressEvery):
		case <-s.cmd.Context().Done():
			p.end()
			return s.cmd.Context().Err()
		}
	}
}

// progressEvery is how often the server is asked how far a client is; it notes
// that once a second.
const progressEvery = 500 * time.Millisecond

// progress is a line that changes: on a terminal in its place, else one below
// the other.
type progress struct {
	out               io.Writer
	overwrite, silent bool
	last              string
	tenth             int // that was shown last
}

// progress shows how far a command is, unless it is to print JSON.
func (s *session) progress() *progress {
	return &progress{out: s.out, overwrite: s.onTerminal(), silent: s.json}
}

func (p *progress) show(line string) {
	if line = plain(line); p.silent || line == p.last {
		return
	}
	if p.overwrite {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
	p.last = line
}

// count shows how many of how many are done: a bar on a terminal, otherwise a line for
// each tenth.
func (p *progress) count(done, total int) {
	if p.overwrite {
		p.show(bar(done, total))
		return
	}
	if tenth := 10 * done / max(total, 1); tenth > p.tenth {
		p.tenth = tenth
		p.show(fmt.Sprintf("%d of %d", done, total))
	}
}

// say writes a line to w, which may be the same terminal.
func (p *progress) say(w io.Writer, line string) {
	switch {
	case p.silent:
		return
	case p.overwrite && p.last != "":
		fmt.Fprint(p.out, "\r\x1b[K")
		p.last = ""
	}
	fmt.Fprintln(w, plain(line))
}

func (p *progress) end() {
	if p.overwrite && !p.silent {
		fmt.Fprintln(p.out)
	}
}
