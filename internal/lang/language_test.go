package lang

import (
	"testing"
	"time"
)

func named(t *testing.T, code string) *Language {
	t.Helper()
	l, ok := Named(code)
	if !ok {
		t.Fatalf("there is no language %q", code)
	}
	return l
}

func TestSay(t *testing.T) {
	attempts := func(n int) Text { return T("Too many attempts. Please wait %d seconds and try again.", n) }
	for _, c := range []struct {
		code string
		text Text
		want string
	}{
		{"en", T("Sign in"), "Sign in"},
		{"de", T("Sign in"), "Anmelden"},
		{"fr", T("Sign in"), "Se connecter"},
		{"es", T("Sign in"), "Iniciar sesión"},
		{"de", Text{Key: "Nobody translated 100% of this"}, "Nobody translated 100% of this"},
		{"de", T("Signed in as %s", "100%"), "Angemeldet als 100%"},
		{"de", T("Error: %s", T("Sign in")), "Fehler: Anmelden"},
		{"en", attempts(1), "Too many attempts. Please wait 1 second and try again."},
		{"en", attempts(2), "Too many attempts. Please wait 2 seconds and try again."},
		{"de", attempts(1), "Zu viele Versuche. Bitte warten Sie 1 Sekunde und versuchen Sie es noch einmal."},
		{"de", attempts(1234), "Zu viele Versuche. Bitte warten Sie 1.234 Sekunden und versuchen Sie es noch einmal."},
		// In French nothing is singular, too.
		{"fr", attempts(0), "Trop de tentatives. Attendez 0 seconde et réessayez."},
		{"en", Text{Key: "since %s", Args: []any{Date(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))}}, "since 1 May 2026"},
		{"de", Text{Key: "since %s", Args: []any{Date(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC))}}, "seit 5. März 2026"},
		{"fr", Text{Key: "since %s", Args: []any{Date(time.Date(2026, 8, 5, 0, 0, 0, 0, time.UTC))}}, "depuis le 5 août 2026"},
		{"es", Text{Key: "since %s", Args: []any{Date(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))}}, "desde el 31 de diciembre de 2026"},
	} {
		if got := named(t, c.code).Say(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.code, got, c.want)
		}
	}
}

func TestEveryLanguageHasAName(t *testing.T) {
	names := map[string]bool{}
	for _, l := range All() {
		names[l.Name()] = true
	}
	if All()[0] != English() || len(names) != len(All()) || !names["Deutsch"] || !names["English"] {
		t.Errorf("languages are called %v", names)
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"},
		{[]string{"", "de"}, "de"},
		{[]string{"fr-CA"}, "fr"},
		{[]string{"ja, es;q=0.5"}, "es"},
		{[]string{"en;q=0.5, de;q=0.9"}, "de"},
		{[]string{"de;q=0, fr"}, "fr"},
		// What nobody here speaks is as good as no wish.
		{[]string{"ja", "de"}, "de"},
		{[]string{"!!", "de"}, "de"},
		{[]string{"xx, !!, fr", "de"}, "fr"},
		{[]string{string(make([]byte, 10_000)), "de"}, "de"},
	} {
		if got := Choose(c.wishes...).Code(); got != c.want {
			t.Errorf("of %q: %s, want %s", c.wishes, got, c.want)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("de, en;q=0.5", "fr-CA")
	f.Add("*", "x-klingon")
	f.Fuzz(func(t *testing.T, first, second string) {
		if _, ok := Named(Choose(first, second).Code()); !ok {
			t.Errorf("%q, %q: a language that is none", first, second)
		}
	})
}
