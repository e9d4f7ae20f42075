// Package registration says what may be said of an OAuth client, whoever says it:
// the config, an administrator, or software that registers itself. So all three
// are held to the same rules, and told of a mistake in the same words.
package registration
