package options

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func parse(t *testing.T, line string) Mount {
	t.Helper()
	words := strings.Fields(line)
	m, err := Parse(words[0], words[1:])
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}

func TestDefaultsAreThoseOfNFS(t *testing.T) {
	m := parse(t, "mount.nfs storage:/var/nfs /mnt")
	want := Mount{Host: "storage", Path: "/var/nfs", Target: "/mnt", Port: 2049,
		Timeout: time.Minute, Retries: 2, Lock: true}
	if m != want {
		t.Errorf("%+v", m)
	}
}

func TestAsMountCallsIt(t *testing.T) {
	m := parse(t, "/sbin/mount.nfs4 [fd00::1]:/a//b/ /m -v -o ro,noexec,nolock,vers=4.1,soft,timeo=5,retrans=1,addr=x")
	if m.Host != "fd00::1" || m.Path != "/a/b" || m.Version != "4.1" {
		t.Errorf("%+v", m)
	}
	if m.Flags != syscall.MS_RDONLY|syscall.MS_NOEXEC || m.Lock || !m.Soft {
		t.Errorf("%+v", m)
	}
	if m.Timeout != 500*time.Millisecond || m.Retries != 1 {
		t.Errorf("%+v", m)
	}
	if m := parse(t, "mount.nfs4 a:/ /m"); m.Version != "4" || m.Path != "/" {
		t.Errorf("%+v", m)
	}
	if m := parse(t, "mount.nfs a:/x /m -r -f -o rw,noac,x-systemd.automount"); !m.Fake || !m.Sync || m.Flags != syscall.MS_RDONLY {
		t.Errorf("%+v", m)
	}
	if m := parse(t, "mount.nfs a:/x /m -s -o nonsense=1,actimeo=3"); m.CacheFor != 3*time.Second {
		t.Errorf("%+v", m)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for line, want := range map[string]string{
		"m":                             "usage",
		"m a:/b":                        "usage",
		"m a:/b /c -o":                  "usage",
		"m a /b":                        "not in 'host:dir' format",
		"m :/a /b":                      "not in 'host:dir' format",
		"m a:/b /c -o nonsense":         "incorrect mount option",
		"m a:/b /c -o vers=2":           "not supported",
		"m a:/b /c -o timeo=soon":       "invalid value for timeo",
		"m a:/b /c -o proto=udp":        "only knows proto=tcp",
		"m a:/b /c -o sec=krb5":         "only knows sec=sys",
		"m a:/b /c -o remount,ro":       "cannot remount",
		"m a:/b /c -o rsize=-1,port=20": "invalid value for rsize",
	} {
		words := strings.Fields(line)
		_, err := Parse(words[0], words[1:])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
