package password

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"github.com/caddyito/caddyito/internal/lang"
)

//go:embed common.txt
var commonText string

// common are words with their place among them, from 1.
var common = sync.OnceValue(func() map[string]float64 {
	ranks := map[string]float64{}
	for word := range strings.Lines(commonText) {
		if word = strings.TrimSpace(word); word != "" && word[0] != '#' {
			ranks[word] = float64(len(ranks) + 1)
		}
	}
	return ranks
})

const (
	// enoughGuesses is what a password must be good for: guessing is slowed down
	// (limiter of the provider), so this is more than a year's of one account.
	enoughGuesses = 1e6
	// estimated is how many characters are looked at. Beyond, there are enough.
	estimated   = 60
	longestWord = 24
)

var (
	errWeak = lang.Err("is too easy to guess; take three or four words that have nothing to do with each other")
	errOwn  = lang.Err("is too easy to guess, since it is made of your name or address; take words that have nothing to do with you")
	// ErrKnown says that a password is on the list of breached ones.
	ErrKnown = lang.Err("is among the passwords that were stolen elsewhere and published; take another one")
)

// CheckStrength says what is wrong with a new password that Check let pass, but that
// is guessed soon. own are words of the person: names, addresses.
func CheckStrength(pw string, own ...string) error {
	if guesses(pw, nil) < enoughGuesses {
		return errWeak
	}
	if guesses(pw, ownWords(own)) < enoughGuesses {
		return errOwn
	}
	return nil
}

// ownWords are the words in what belongs to the person.
func ownWords(own []string) map[string]bool {
	words := map[string]bool{}
	for _, text := range own {
		text = strings.ToLower(text)
		for _, w := range append(strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), text) {
			if len([]rune(w)) >= 3 {
				words[w] = true
			}
		}
	}
	return words
}

// guesses is about how many tries it takes somebody who tries the likely first: the
// least over all ways to cut the password into words, runs, years and single
// characters, after the manner of zxcvbn.
func guesses(pw string, own map[string]bool) float64 {
	chars := []rune(pw)
	chars = chars[:min(len(chars), estimated)]
	plain := make([]rune, len(chars))
	for i, c := range chars {
		plain[i] = unicode.ToLower(c)
	}
	least := make([]float64, len(chars)+1)
	least[0] = 1
	for end := 1; end <= len(chars); end++ {
		least[end] = least[end-1] * 10
		for start := max(0, end-longestWord); start < end-2; start++ {
			if n := part(chars[start:end], plain[start:end], own); n > 0 {
				// Whoever tries has to come upon the cut, too.
				least[end] = min(least[end], least[start]*max(n, 10))
			}
		}
	}
	return least[len(chars)]
}

// part is how many tries a part takes as a whole, or 0 if it is nothing known.
func part(chars, plain []rune, own map[string]bool) float64 {
	text := string(plain)
	for _, word := range []string{text, unleet.Replace(text)} {
		n := common()[word]
		if own[word] {
			n = 1
		}
		if n == 0 {
			continue
		}
		if word != text {
			n *= 2
		}
		if string(chars) != text {
			n *= 2 // a capital somewhere
		}
		return n
	}
	switch {
	case isRun(plain):
		return float64(10 * len(plain))
	case len(text) == 4 && (text[:2] == "19" || text[:2] == "20") && unicode.IsDigit(plain[2]) && unicode.IsDigit(plain[3]):
		return 100 // a year
	}
	return 0
}

// unleet undoes what people put in place of letters.
var unleet = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i", "+", "t")

// rows are those of keyboards.
var rows = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertz", "yxcvbnm", "azerty", "qsdfghjklm", "wxcvbn", "1234567890", "1qaz2wsx3edc4rfv5tgb6yhn7ujm"}

// isRun says whether the characters follow each other: equal, by the alphabet, or on
// a keyboard, in either direction.
func isRun(plain []rune) bool {
	step := plain[1] - plain[0]
	even := step >= -1 && step <= 1
	for i := 2; i < len(plain) && even; i++ {
		even = plain[i]-plain[i-1] == step
	}
	if even {
		return true
	}
	text, back := string(plain), make([]rune, len(plain))
	for i, c := range plain {
		back[len(plain)-1-i] = c
	}
	for _, row := range rows {
		if strings.Contains(row, text) || strings.Contains(row, string(back)) {
			return true
		}
	}
	return false
}
