package token

import "testing"

func TestForms(t *testing.T) {
	ca := []byte("a certificate")
	full := Format(ca, "server", "pass:word")
	got, err := Parse(full + "\n")
	if err != nil || got.Password != "pass:word" || got.User != "server" {
		t.Fatalf("%+v %v", got, err)
	}
	if err := got.CheckCA(ca); err != nil {
		t.Error(err)
	}
	if err := got.CheckCA([]byte("another")); err == nil {
		t.Error("another CA is accepted")
	}
	short, err := Parse("K10 is how it begins")
	if err != nil || short.Password != "K10 is how it begins" || short.CheckCA([]byte("any")) != nil {
		t.Errorf("%+v %v", short, err)
	}
	for _, bad := range []string{"", " \n", "K10abc::server:x", Format(ca, "server", ""), "K10" + Hash(ca) + "::x"} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
	if Same("a", "b") || !Same("a", "a") {
		t.Error("Same")
	}
}
