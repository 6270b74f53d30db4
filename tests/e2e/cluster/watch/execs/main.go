// Command execs notes argv and environment of every exec on this machine, none missed, none slowed.
//
//	execs FILE=SPACE ...
//
// Each FILE gets the execs in the PID namespace with the inode number SPACE and in those nested in
// it; "self" stands for the namespace of this program without those nested in it. An exec is two
// lines: `cmdline UID TEXT` and `environ UID TEXT`. Prints "watching" when it does, until stdin
// ends; then each file's last line says how many execs of this machine could not be noted: "lost N".
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// watched is a machine: a PID namespace whose execs are noted in a file.
type watched struct {
	space  uint32
	nested bool // whether the namespaces in it count
	file   *bufio.Writer
}

func (w watched) has(level uint32, spaces []uint32) bool {
	if level >= uint32(len(spaces)) {
		level = uint32(len(spaces)) - 1
	}
	if !w.nested {
		return spaces[level] == w.space
	}
	for _, each := range spaces[:level+1] {
		if each == w.space {
			return true
		}
	}
	return false
}

func open(argument string) (watched, error) {
	path, space, _ := strings.Cut(argument, "=")
	file, err := os.Create(path)
	if err != nil {
		return watched{}, err
	}
	if space == "self" {
		own, err := os.Stat("/proc/self/ns/pid")
		if err != nil {
			return watched{}, err
		}
		inode := own.Sys().(*syscall.Stat_t).Ino
		return watched{uint32(inode), false, bufio.NewWriter(file)}, nil
	}
	inode, err := strconv.ParseUint(space, 10, 32)
	return watched{uint32(inode), true, bufio.NewWriter(file)}, err
}

// note writes an exec down; it tells whether all of it is known.
func note(machines []watched, record []byte) bool {
	number := binary.NativeEndian.Uint32
	argv := binary.NativeEndian.Uint64(record[argvAt:])
	if binary.NativeEndian.Uint64(record[errorAt:]) != 0 {
		return false
	}
	var spaces []uint32
	for level := range depth {
		spaces = append(spaces, number(record[spacesAt+4*level:]))
	}
	text := record[textAt:]
	for _, machine := range machines {
		if machine.has(number(record[levelAt:]), spaces) {
			uid := number(record[uidAt:])
			fmt.Fprintf(machine.file, "cmdline %d %s\n", uid, line(text[:argv]))
			fmt.Fprintf(machine.file, "environ %d %s\n", uid, line(text[argv:]))
		}
	}
	return true
}

// line returns a text without what would end it or its line; it changes the text itself.
func line(text []byte) []byte {
	for i, each := range text {
		if each == 0 || each == '\n' {
			text[i] = ' '
		}
	}
	return text
}

func run(machines []watched) (lost uint64, err error) {
	records, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ring})
	if err != nil {
		return 0, err
	}
	defer records.Close()
	scratch, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4,
		ValueSize: textAt + textMax, MaxEntries: uint32(ebpf.MustPossibleCPU())})
	if err != nil {
		return 0, err
	}
	defer scratch.Close()
	count, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return 0, err
	}
	defer count.Close()
	program, err := load(records, scratch, count)
	if err != nil {
		return 0, err
	}
	reader, err := ringbuf.NewReader(records)
	if err != nil {
		return 0, err
	}
	attached, err := link.AttachTracing(link.TracingOptions{Program: program})
	if err != nil {
		return 0, err
	}
	fmt.Println("watching")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		attached.Close()
		reader.Flush() // what was written before is still read
	}()
	var record ringbuf.Record
	for {
		err := reader.ReadInto(&record)
		if errors.Is(err, ringbuf.ErrFlushed) {
			break
		}
		if err != nil {
			return 0, err
		}
		if !note(machines, record.RawSample) {
			lost++
		}
	}
	var unwritten uint64
	if err := count.Lookup(uint32(0), &unwritten); err != nil {
		return 0, err
	}
	about, err := program.Stats()
	if err != nil {
		return 0, err
	}
	return lost + unwritten + about.RecursionMisses, nil
}

func load(records, scratch, lost *ebpf.Map) (*ebpf.Program, error) {
	code, err := instructions(records, scratch, lost)
	if err != nil {
		return nil, err
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp,
		AttachTo: "sched_process_exec", Instructions: code, License: "GPL"})
}

func main() {
	log.SetFlags(0)
	var machines []watched
	for _, argument := range os.Args[1:] {
		machine, err := open(argument)
		if err != nil {
			log.Fatal(err)
		}
		machines = append(machines, machine)
	}
	lost, err := run(machines)
	if err != nil {
		log.Fatalf("execs cannot be watched on this machine: %v", err)
	}
	for _, machine := range machines {
		fmt.Fprintln(machine.file, "lost", lost)
		if err := machine.file.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}
