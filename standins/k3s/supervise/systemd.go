package supervise

import (
	"net"
	"os"

	"whisklab/standins/k3s/logs"
)

// Ready tells systemd that the service has started (sd_notify); without systemd it does nothing.
func Ready() {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", socket)
	if err == nil {
		_, err = conn.Write([]byte("READY=1"))
		conn.Close()
	}
	if err != nil {
		logs.Warn("systemd was not told that the service is ready: %v", err)
	}
}
