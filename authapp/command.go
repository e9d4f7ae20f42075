package authapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "auth",
		Usage: "user|group|client|registration|object|sync|key|overview|audit|import|export|backup|restore <command> [--json] [--address <listen>] [--config <path> [--adapter <name>]]",
		Short: "Administers users, clients and objects of auth_server",
		Long: `
Administers who can sign in, and to what.

The commands speak to the Caddy that is running, through its admin API: it has
the database open, which nobody else can do at the same time. The address of
that API is the default one, or --address, or what the --config file says. Only
restore is for a Caddy that is stopped.

Passwords are read from standard input: on a terminal you are asked for them,
otherwise they are the first line.`,
		CobraFunc: func(cmd *cobra.Command) {
			f := cmd.PersistentFlags()
			f.String("address", "", "Address of the administration API listener (if --config is not used)")
			f.StringP("config", "c", "", "Configuration file (if --address is not used)")
			f.StringP("adapter", "a", "", "Name of config adapter to apply (if --config is used)")
			f.Bool("json", false, "Print JSON")
			cmd.AddCommand(userCommand(), groupCommand(), clientCommand(), registrationCommand(), objectCommand(), syncCommand(), keyCommand(), importCommand(), exportCommand(), backupCommand(), restoreCommand(), auditCommand(), overviewCommand())
			cmd.SilenceUsage, cmd.RunE = true, onlySubcommands
			cmd.SetFlagErrorFunc(wrongFlag)
			// Those with onlySubcommands can be run, but that is no way to use them.
			cmd.SetUsageTemplate(strings.Replace(cmd.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
			addCompletions(cmd, "")
		},
	})
}

// command makes a subcommand. Errors are printed by Caddy's root command, and
// its exit code is then 1.
func command(use, short string, args cobra.PositionalArgs, run func(*session, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, given []string) error {
			err := args(cmd, given)
			if err == nil && slices.Contains(given, "") {
				err = errors.New("an argument is empty, as of a variable of a script that has no value")
			}
			if err == nil && !filed[cmd.Name()] {
				err = checkUTF8(cmd, given)
			}
			if err != nil {
				return fmt.Errorf("%w; write: %s", err, cmd.UseLine())
			}
			return nil
		},
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := newSession(cmd)
			if err != nil {
				return err
			}
			return run(s, args)
		},
	}
}

// checkUTF8 refuses arguments and flags that JSON cannot have as they are: it would
// have something else in their place. Names of files may be anything.
func checkUTF8(cmd *cobra.Command, args []string) (err error) {
	check := func(text string) {
		if !utf8.ValidString(text) {
			err = fmt.Errorf("%q is not UTF-8; write it in that encoding", text)
		}
	}
	for _, arg := range args {
		check(arg)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "config" {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				check(value)
			}
			return
		}
		check(f.Value.String())
	})
	return err
}

// group makes a command that only has subcommands.
func group(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, SilenceUsage: true, DisableFlagsInUseLine: true, RunE: onlySubcommands}
	cmd.AddCommand(subcommands...)
	return cmd
}

// onlySubcommands runs a command that is none of its own. What it is given is a
// mistyped subcommand: cobra would print the help and call that a success, and a
// script would go on.
func onlySubcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var there []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			there = append(there, sub.Name())
		}
	}
	return fmt.Errorf("%s has no command %q; there are: %s", cmd.CommandPath(), args[0], strings.Join(there, ", "))
}

// wrongFlag makes an error of what is wrong with a flag. A flag that a mistyped
// subcommand would have is not the mistake.
func wrongFlag(cmd *cobra.Command, err error) error {
	if given := cmd.Flags().Args(); cmd.HasSubCommands() && len(given) > 0 {
		return onlySubcommands(cmd, given)
	}
	return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
}

// session is one run of a command.
type session struct {
	cmd     *cobra.Command
	address string
	noAPI   bool // by the config
	json    bool
	out     io.Writer
}

func newSession(cmd *cobra.Command) (*session, error) {
	f := cmd.Flags()
	address, _ := f.GetString("address") // these flags exist on every command
	config, _ := f.GetString("config")
	adapter, _ := f.GetString("adapter")
	asJSON, _ := f.GetBool("json")
	if address == "" && config == "" && adapter != "" {
		return nil, errors.New("--adapter is for the file of --config; name that too")
	}
	var text []byte
	var err error
	var off bool
	if address == "" && config != "" {
		if text, _, _, err = caddycmd.LoadConfig(config, adapter); err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		var parts struct {
			Admin struct {
				Disabled bool `json:"disabled"`
			} `json:"admin"`
		}
		if err := json.Unmarshal(text, &parts); err != nil {
			return nil, fmt.Errorf("reading the config: %w", err)
		}
		off = parts.Admin.Disabled
	}
	address, err = caddycmd.DetermineAdminAPIAddress(address, text, config, adapter)
	if err != nil {
		return nil, fmt.Errorf("finding the address of Caddy's admin API: %w", err)
	}
	return &session{cmd: cmd, address: address, noAPI: off, json: asJSON, out: cmd.OutOrStdout()}, nil
}

// print writes v as JSON, or else what human writes.
func (s *session) print(v any, human func(io.Writer)) error {
	if s.json {
		enc := json.NewEncoder(plainJSON{s.out})
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	tw := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	human(tw)
	return tw.Flush()
}

// done tells that a command without an answer did its work.
func (s *session) done(what string) error {
	return s.print(map[string]string{"done": what}, func(w io.Writer) { fmt.Fprintln(w, what) })
}

// plain is text that others chose, as a terminal may have it: nothing in it moves the
// cursor, gives orders, or turns the direction of the text round.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\t', c == '\r':
			return ' '
		case isOrder(c):
			return utf8.RuneError
		}
		return c
	}, text)
}

// isOrder says whether a terminal may take c for more than a character to show.
func isOrder(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c)
}

// plainJSON takes JSON, a value at a time, and writes it as a terminal may have it.
// Encoders escape only the first 32 characters, which JSON demands (RFC 8259 section 7).
type plainJSON struct{ out io.Writer }

func (w plainJSON) Write(value []byte) (int, error) {
	text := make([]byte, 0, len(value))
	for _, c := range string(value) {
		if c != '\n' && isOrder(c) { // a line's end is outside of strings
			text = fmt.Appendf(text, `\u%04x`, c) // none is above U+FFFF
		} else {
			text = utf8.AppendRune(text, c)
		}
	}
	if _, err := w.out.Write(text); err != nil {
		return 0, err
	}
	return len(value), nil
}

// row writes cells of a table, each on one line; an empty one is a dash, so that
// columns can be told apart by programs too.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		text := plain(fmt.Sprint(c))
		if text == "" {
			text = "-"
		}
		if i > 0 {
			io.WriteString(w, "\t")
		}
		io.WriteString(w, text)
	}
	io.WriteString(w, "\n")
}

// assignments reads arguments such as company=Acme. A value may be empty, which
// takes the field's value away.
func assignments(args []string) (map[string]any, error) {
	out := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: write <field>=<value>", arg)
		}
		if name == "password" {
			return nil, errors.New("a password cannot be an argument, since others can see those; use: caddy auth user password <user>")
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		out[name] = value
	}
	return out, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
