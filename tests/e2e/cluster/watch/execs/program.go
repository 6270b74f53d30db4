package main

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

const (
	// A record: header, then argv and environment as they lie in the new process's memory.
	uidAt    = 0  // real user id
	levelAt  = 4  // how deep its PID namespace is nested
	argvAt   = 8  // size of argv in bytes
	sizeAt   = 16 // size of argv and environment
	errorAt  = 24 // of reading them, 0 if none
	spacesAt = 32 // inode numbers of its PID namespaces, outermost first
	depth    = 4  // how many of those
	textAt   = spacesAt + 4*depth

	textMax = 1 << 19 // bytes; execve takes more, but nobody gives it that
	ring    = 1 << 26 // bytes; some ten thousand execs that wait to be read
)

// offsets gives the places of fields in this very kernel's structures.
type offsets struct {
	spec *btf.Spec
	err  error
}

func (o *offsets) of(structure, field string) int16 {
	var found *btf.Struct
	if err := o.spec.TypeByName(structure, &found); err != nil {
		o.err = err
		return 0
	}
	bits, ok := offset(found.Members, field)
	if !ok {
		o.err = fmt.Errorf("the kernel has no %s.%s", structure, field)
	}
	return int16(bits.Bytes())
}

func offset(members []btf.Member, field string) (btf.Bits, bool) {
	for _, member := range members {
		if member.Name == field {
			return member.Offset, true
		}
		inner, anonymous := btf.UnderlyingType(member.Type).(*btf.Struct)
		if member.Name != "" || !anonymous {
			continue
		}
		if bits, ok := offset(inner.Members, field); ok {
			return member.Offset + bits, true
		}
	}
	return 0, false
}

// instructions of the program that runs at the tracepoint sched_process_exec, when the new argv and
// environment are in place and the process has not run yet. Its first argument is the task.
func instructions(records, scratch, lost *ebpf.Map) (asm.Instructions, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	o := &offsets{spec: spec}
	const task, mm, record, start = asm.R6, asm.R7, asm.R8, asm.R9
	program := asm.Instructions{
		asm.LoadMem(task, asm.R1, 0, asm.DWord),
		asm.LoadMem(mm, task, o.of("task_struct", "mm"), asm.DWord),
		asm.FnGetSmpProcessorId.Call(), // each processor has a record of its own to write
		asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
		asm.LoadMapPtr(asm.R1, scratch.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "lost"),
		asm.Mov.Reg(record, asm.R0),
		asm.FnGetCurrentUidGid.Call(),
		asm.StoreMem(record, uidAt, asm.R0, asm.Word),
	}
	program = append(program, spaces(o, task, record)...)
	program = append(program,
		asm.LoadMem(start, mm, o.of("mm_struct", "arg_start"), asm.DWord),
		asm.LoadMem(asm.R1, mm, o.of("mm_struct", "arg_end"), asm.DWord),
		asm.Sub.Reg(asm.R1, start),
		asm.StoreMem(record, argvAt, asm.R1, asm.DWord),
		asm.LoadMem(asm.R2, mm, o.of("mm_struct", "env_end"), asm.DWord),
		asm.Sub.Reg(asm.R2, start),
		asm.StoreMem(record, sizeAt, asm.R2, asm.DWord),
		asm.JGT.Imm(asm.R2, textMax, "lost"),
		asm.Mov.Reg(asm.R3, start),
		asm.Mov.Reg(start, asm.R2),
		asm.Mov.Reg(asm.R1, record),
		asm.Add.Imm(asm.R1, textAt),
		asm.FnProbeReadUser.Call(),
		asm.StoreMem(record, errorAt, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, records.FD()),
		asm.Mov.Reg(asm.R2, record),
		asm.Mov.Reg(asm.R3, start),
		asm.Add.Imm(asm.R3, textAt),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.LoadMapValue(asm.R1, lost.FD(), 0).WithSymbol("lost"),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	)
	return program, o.err
}

// spaces writes down in which PID namespaces the task is.
func spaces(o *offsets, task, record asm.Register) asm.Instructions {
	inode := o.of("pid_namespace", "ns") + o.of("ns_common", "inum")
	var upid *btf.Struct
	if err := o.spec.TypeByName("upid", &upid); err != nil {
		o.err = err
		return nil
	}
	program := asm.Instructions{
		asm.LoadMem(asm.R1, task, o.of("task_struct", "thread_pid"), asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, o.of("pid", "level"), asm.Word),
		asm.StoreMem(record, levelAt, asm.R2, asm.Word),
	}
	for level := range int16(depth) {
		each := o.of("pid", "numbers") + level*int16(upid.Size) + o.of("upid", "ns")
		program = append(program,
			asm.LoadMem(asm.R2, asm.R1, each, asm.DWord),
			asm.LoadMem(asm.R2, asm.R2, inode, asm.Word),
			asm.StoreMem(record, spacesAt+4*level, asm.R2, asm.Word),
		)
	}
	return program
}
