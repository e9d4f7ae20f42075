package webpage

import (
	"reflect"
	"time"

	"github.com/caddyito/caddyito/internal/lang"
)

// SampleText is what every text of a sample says.
const SampleText = "sample"

// Sample is a value of the type of model to try a template with: with something in
// every field, or else with nothing anywhere, so that most of what a template asks
// after is seen both ways.
func Sample(model any, full bool) any {
	t := reflect.TypeOf(model)
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	v := reflect.New(t)
	if full {
		fill(v.Elem(), 0)
	}
	if pointer {
		return v.Interface()
	}
	return v.Elem().Interface()
}

func fill(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() && v.Kind() != reflect.Struct {
		return
	}
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)))
		return
	case reflect.TypeFor[lang.Text]():
		v.Set(reflect.ValueOf(lang.Text{Key: SampleText}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(SampleText)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(3)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	}
}
