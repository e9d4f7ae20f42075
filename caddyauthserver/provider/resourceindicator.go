package provider

import (
	"slices"

	"github.com/caddyito/caddyito/store"
)

// Resource indicators (RFC 8707): for which APIs an access token is. Without one it
// is for this server: userinfo and profile.

// maxResources bounds how many a request may name.
const maxResources = 10

// grantableResources reads the resource parameters of a request: each must be one
// that the client is registered for, or this server.
func (p *Provider) grantableResources(c *client, asked []string) ([]string, *oauthError) {
	allowed := append([]string{p.Issuer}, c.Resources...)
	return resourcesAmong(allowed, asked, "this client may not ask for a token for this resource")
}

// narrowedResources reads those of a token request: of what was granted, all of it
// if absent (section 2.2), less what the client may no longer ask for.
func (p *Provider) narrowedResources(c *client, granted, asked []string) ([]string, *oauthError) {
	want, oe := resourcesAmong(granted, asked, "the resource was not granted")
	if oe != nil || len(granted) == 0 {
		return nil, oe
	}
	if len(asked) == 0 {
		want = granted
	}
	left := slices.DeleteFunc(slices.Clone(want), func(r string) bool { return r != p.Issuer && !slices.Contains(c.Resources, r) })
	if len(left) == 0 {
		return nil, &oauthError{code: "invalid_target", description: "no resource is left for which this client may ask"}
	}
	return left, nil
}

func resourcesAmong(allowed, asked []string, otherwise string) ([]string, *oauthError) {
	if len(asked) > maxResources {
		return nil, &oauthError{code: "invalid_target", description: "too many resources at once"}
	}
	var out []string
	for _, r := range asked {
		if store.CheckResource(r) != nil {
			return nil, &oauthError{code: "invalid_target", description: "resource must be an absolute URI without a fragment"}
		}
		if !slices.Contains(allowed, r) {
			return nil, &oauthError{code: "invalid_target", description: otherwise}
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}
