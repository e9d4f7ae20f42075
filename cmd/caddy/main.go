// Command caddy is Caddy with its standard modules and Caddyito's: the binary
// of "go run ./cmd/caddy". xcaddy builds the same from the root package.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito"
)

func main() {
	caddycmd.Main()
}
