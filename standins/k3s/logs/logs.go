// Package logs writes lines as k3s does: time="..." level=info msg="...".
package logs

import (
	"fmt"
	"os"
	"time"
)

func line(level, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n",
		time.Now().UTC().Format(time.RFC3339), level, fmt.Sprintf(format, args...))
}

// Info tells what happens.
func Info(format string, args ...any) { line("info", format, args...) }

// Warn tells what is odd but does not stop the work.
func Warn(format string, args ...any) { line("warning", format, args...) }

// Error tells what failed and will be tried again.
func Error(format string, args ...any) { line("error", format, args...) }

// Fatal tells why the program ends, and ends it with exit code 1.
func Fatal(format string, args ...any) {
	line("fatal", format, args...)
	os.Exit(1)
}
