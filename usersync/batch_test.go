package usersync

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
)

func key(t testing.TB) []byte {
	k, err := Key(secret, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign makes a JWS of any header and claims.
func sign(header, claims string, key []byte) []byte {
	token := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token))
	return []byte(token + "." + b64.EncodeToString(mac.Sum(nil)))
}

const goodHeader = `{"alg":"HS256","typ":"caddyito-sync+jwt"}`

func claimsWith(changes string, more ...string) string {
	c := fmt.Sprintf(`{"iss":%q,"aud":"wiki","iat":%d,"exp":%d,"jti":"j","feed":"f","after":0,"upto":9,"head":9,"changes":[%s]`,
		issuer, day.Unix(), day.Unix()+300, changes)
	for _, m := range more {
		c += "," + m
	}
	return c + "}"
}

func TestSignVerify(t *testing.T) {
	var d store.Digest
	d.Add("user", "1", 5, false)
	b := &Batch{Issuer: issuer, Audience: "wiki", Feed: "f", After: 4, Upto: 1<<64 - 1, Head: 1<<64 - 1, Digest: &d, Changes: []Change{
		{Type: "user", ID: 1, Version: 5, Data: store.Fields{"username": "a", "groups": []string{"x"}, "company": store.Ref{Type: "company", ID: 7}, "badge": int64(1 << 62), "is_active": true}},
		{Type: "company", ID: 7, Version: 1<<64 - 1, Deleted: true},
	}}
	token, err := Sign(b, key(t), day)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(token, key(t), issuer, "wiki", day)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(b)
	have, _ := json.Marshal(got)
	if !bytes.Equal(want, have) {
		t.Errorf("read %s\nwant %s", have, want)
	}
}

func TestKey(t *testing.T) {
	if _, err := Key(secret[:31], issuer); err == nil || !strings.Contains(err.Error(), "rotate-secret") {
		t.Errorf("a short secret: %v", err)
	}
	k := key(t)
	if other, _ := Key(secret, issuer+"x"); bytes.Equal(k, other) {
		t.Error("two issuers have the same key")
	}
	if bytes.Equal(k, []byte(secret)) {
		t.Error("the key is the secret")
	}
}

// members of an object, each with another name.
func members(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"m%d":1`, i))
	}
	return strings.Join(list, ",")
}

func TestHostileBatches(t *testing.T) {
	k := key(t)
	user := `{"type":"user","id":1,"version":5,"data":{"username":"a"}}`
	good := claimsWith(user)
	if _, err := Verify(sign(goodHeader, good, k), k, issuer, "wiki", day); err != nil {
		t.Fatalf("a good one is refused: %v", err)
	}
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct {
		what  string
		token []byte
		says  string
	}{
		{"nothing", nil, "compact JWS"},
		{"garbage", []byte("garbage"), "compact JWS"},
		{"four parts", append(sign(goodHeader, good, k), ".x"...), "compact JWS"},
		{"alg none", sign(`{"alg":"none","typ":"caddyito-sync+jwt"}`, good, k), "algorithm"},
		{"alg none, unsigned", []byte(b64.EncodeToString([]byte(`{"alg":"none","typ":"caddyito-sync+jwt"}`)) + "." + b64.EncodeToString([]byte(good)) + "."), "algorithm"},
		{"alg RS256", sign(`{"alg":"RS256","typ":"caddyito-sync+jwt"}`, good, k), "algorithm"},
		{"alg hs256", sign(`{"alg":"hs256","typ":"caddyito-sync+jwt"}`, good, k), "algorithm"},
		{"an ID token", sign(`{"alg":"HS256","typ":"JWT"}`, good, k), "typ"},
		{"a logout token", sign(`{"alg":"HS256","typ":"logout+jwt"}`, good, k), "typ"},
		{"no typ", sign(`{"alg":"HS256"}`, good, k), "typ"},
		{"crit", sign(`{"alg":"HS256","typ":"caddyito-sync+jwt","crit":["b64"],"b64":false}`, good, k), "deeper"},
		{"b64", sign(`{"alg":"HS256","typ":"caddyito-sync+jwt","b64":false}`, good, k), "besides"},
		{"jku", sign(`{"alg":"HS256","typ":"caddyito-sync+jwt","jku":"https://evil.example/"}`, good, k), "besides"},
		{"jwk", sign(`{"alg":"HS256","typ":"caddyito-sync+jwt","jwk":{}}`, good, k), "deeper"},
		{"alg twice", sign(`{"alg":"HS256","alg":"HS256","typ":"caddyito-sync+jwt"}`, good, k), "twice"},
		{"a long header", sign(`{"alg":"HS256","typ":"caddyito-sync+jwt"`+strings.Repeat(" ", 1000)+`}`, good, k), "compact JWS"},
		{"the secret as key", sign(goodHeader, good, []byte(secret)), "signature"},
		{"an empty key", sign(goodHeader, good, []byte{0}), "signature"},
		{"another issuer's key", func() []byte { o, _ := Key(secret, "https://evil.example"); return sign(goodHeader, good, o) }(), "signature"},
		{"cut signature", sign(goodHeader, good, k)[:len(sign(goodHeader, good, k))-4], "signature"},
		{"padding", append(sign(goodHeader, good, k), '='), "base64url"},
		{"another issuer", sign(goodHeader, change(issuer, "https://evil.example"), k), "another issuer"},
		{"another client", sign(goodHeader, change(`"aud":"wiki"`, `"aud":"blog"`), k), "another client"},
		{"a list of clients", sign(goodHeader, change(`"aud":"wiki"`, `"aud":["wiki"]`), k), "cannot be read"},
		{"no iat", sign(goodHeader, change(fmt.Sprintf(`"iat":%d,`, day.Unix()), ``), k), "when it was made"},
		{"lives an hour", sign(goodHeader, change(fmt.Sprintf(`"exp":%d`, day.Unix()+300), fmt.Sprintf(`"exp":%d`, day.Unix()+3600)), k), "lives longer"},
		{"no object", sign(goodHeader, `[]`, k), "not an object"},
		{"two objects", sign(goodHeader, good+good, k), "follows"},
		{"no JSON", sign(goodHeader, good[:len(good)-1], k), "not JSON"},
		{"no UTF-8", sign(goodHeader, change(`"username":"a"`, "\"username\":\"\xff\""), k), "UTF-8"},
		{"a key twice", sign(goodHeader, claimsWith(user, `"feed":"g"`), k), "twice"},
		{"a key twice in another case", sign(goodHeader, claimsWith(user, `"FEED":"g"`), k), "twice"},
		{"a key twice in a record", sign(goodHeader, change(`"username":"a"`, `"is_active":false,"is_active":true`), k), "twice"},
		{"deep", sign(goodHeader, claimsWith(user, `"a":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), k), "deeper"},
		{"deep objects", sign(goodHeader, claimsWith(user, `"a":`+strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000)), k), "deeper"},
		{"a deep field", sign(goodHeader, change(`"username":"a"`, `"a":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), k), "not a string"},
		{"a reference with more in it", sign(goodHeader, change(`"username":"a"`, `"company":{"type":"company","id":1,"name":"x"}`), k), "an object here"},
		{"a number past 64 bits", sign(goodHeader, change(`"username":"a"`, `"a":9223372036854775808`), k), "64-bit"},
		{"2000 members", sign(goodHeader, change(`"username":"a"`, members(2000)), k), "more than 1000"},
		{"a number that is a fraction", sign(goodHeader, change(`"id":1`, `"id":1.5`), k), "cannot be read"},
		{"an id below 1", sign(goodHeader, change(`"id":1`, `"id":0`), k), "not positive"},
		{"a type of another house", sign(goodHeader, change(`"type":"user"`, `"type":"../user"`), k), "no type"},
		{"a version after upto", sign(goodHeader, change(`"version":5`, `"version":10`), k), "not among"},
		{"a version of none", sign(goodHeader, change(`"version":5`, `"version":0`), k), "not among"},
		{"neither data nor deleted", sign(goodHeader, change(`,"data":{"username":"a"}`, ``), k), "either"},
		{"data and deleted", sign(goodHeader, change(`"version":5`, `"version":5,"deleted":true`), k), "either"},
		{"backwards", sign(goodHeader, change(`"after":0`, `"after":10`), k), "goes from"},
		{"past the head", sign(goodHeader, change(`"head":9`, `"head":8`), k), "goes from"},
		{"no feed", sign(goodHeader, change(`"feed":"f"`, `"feed":""`), k), "no feed"},
		{"a short digest", sign(goodHeader, claimsWith(user, `"digest":"00"`), k), "cannot be read"},
		{"10 MB", sign(goodHeader, claimsWith(user, `"x":"`+strings.Repeat("x", 10<<20)+`"`), k), "longer than"},
	} {
		_, err := Verify(c.token, k, issuer, "wiki", day)
		if _, refused := errors.AsType[*RefusedError](err); !refused || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v; want a refusal that says %q", c.what, err, c.says)
		}
	}
	if _, err := Verify(sign(goodHeader, good, nil), nil, issuer, "wiki", day); err == nil {
		t.Error("no key is taken for one")
	}
}

func TestClocks(t *testing.T) {
	k := key(t)
	token := sign(goodHeader, claimsWith(""), k)
	for _, c := range []struct {
		off  time.Duration
		says string
	}{
		{0, ""}, {-59 * time.Second, ""}, {5*time.Minute + 59*time.Second, ""},
		{-61 * time.Second, "the clocks differ by 1m1s"},
		{-10 * time.Minute, "the clocks differ by 10m0s"},
		{10 * time.Minute, "the clocks differ"},
	} {
		_, err := Verify(token, k, issuer, "wiki", day.Add(c.off))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s off: %v; want %q", c.off, err, c.says)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := key(f)
	f.Add(goodHeader, claimsWith(`{"type":"user","id":1,"version":5,"data":{"username":"a"}}`))
	f.Add(`{"alg":"none"}`, `{}`)
	f.Add(goodHeader, `{"a":{"a":[{"b":1},[],{}]}}`)
	f.Add(goodHeader, claimsWith(`{"type":"user","id":1,"version":5,"deleted":true}`, `"digest":"x"`, `"resync":true`))
	f.Fuzz(func(t *testing.T, header, claims string) {
		b, err := Verify(sign(header, claims, k), k, issuer, "wiki", day)
		if err != nil {
			if _, refused := errors.AsType[*RefusedError](err); !refused {
				t.Errorf("not a refusal: %v", err)
			}
			return
		}
		if b.Issuer != issuer || b.Audience != "wiki" || b.After > b.Upto || b.Upto > b.Head {
			t.Errorf("took %+v", b)
		}
	})
}
