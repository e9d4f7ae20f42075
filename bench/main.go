package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// command is a subcommand: a thing that can be measured.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, out, progress io.Writer) error
}

var commands = []command{
	{"gate", "what the gate costs a request, beside plain Caddy and a bare stub", runGate},
	{"sync", "how soon a change is in force at the gates, and what filling them costs", runSync},
	{"provider", "how many sign-ins and tokens the server gives, with few users and with many", runProvider},
	{"admin", "how quickly the list of users comes, with few users and with many", runAdmin},
}

func main() {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(runChild(role))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out, progress)
			}
		}
	}
	fmt.Fprintln(progress, "usage: go run ./bench <what> [flags]     (<what> -h lists its flags)")
	for _, c := range commands {
		fmt.Fprintf(progress, "  %-8s  %s\n", c.name, c.summary)
	}
	return flag.ErrHelp
}
