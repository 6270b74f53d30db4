# Run as root: notes argv and environment of every exec on this machine, none missed. For a kernel
# without eBPF's tracepoints (User-mode Linux); elsewhere see execs/main.go, which costs less.
# It traces all processes: at its exec each of them waits until both are read, and only there.
# Prints "watching", then, once stdin has ended, the lines `cmdline UID TEXT` and `environ UID TEXT`
# and "lost N".
use strict;
use warnings;

# From <sys/ptrace.h> and <sys/wait.h> of x86-64.
my ($PTRACE, $CONT, $SEIZE, $LISTEN) = (101, 7, 0x4206, 0x4208);
my ($FORK, $VFORK, $CLONE, $EXEC, $STOP) = (1, 2, 3, 4, 128);
my $OPTIONS = 1 << $FORK | 1 << $VFORK | 1 << $CLONE | 1 << $EXEC;
my ($WALL, $SIGTRAP) = (0x40000000, 5);

my $lost = 0;
open(my $noted, "+>", undef) or die "temporary file: $!";
pipe(my $from_tracer, my $to_us) or die "pipe: $!";
# Not by this process itself: what it prints goes through processes that are traced.
my $tracer = fork() // die "fork: $!";
if (!$tracer) {
  eval { local $SIG{TERM} = sub { die "end\n" }; trace() };
  die $@ if $@ ne "end\n";
  print $noted "lost $lost\n";
  close $noted or die "temporary file: $!";
  exit;
}
close $to_us;
defined(readline $from_tracer) or die "nothing can be traced";
$| = 1;
print "watching\n";
1 while readline STDIN;
kill TERM => $tracer;
waitpid $tracer, 0;
$? and die "the tracer ended with $?";
seek $noted, 0, 0;
print while readline $noted;

sub trace {
  seize();
  syswrite $to_us, "tracing\n";
  while ((my $pid = waitpid -1, $WALL) > 0) {
    my $status = ${^CHILD_ERROR_NATIVE};
    next if ($status & 0xff) != 0x7f;    # it has ended
    my ($signal, $event) = ($status >> 8 & 0xff, $status >> 16);
    note($pid) if $event == $EXEC;
    my $listens = $event == $STOP && $signal != $SIGTRAP;    # it was stopped by a signal, and stays so
    syscall $PTRACE, $listens ? $LISTEN : $CONT, $pid, 0, $event ? 0 : $signal;
  }
}

# Children of those that are traced are from their beginning.
sub seize {
  my (%tried, $new);
  do {
    $new = 0;
    for my $task (glob "/proc/[0-9]*/task/[0-9]*") {
      my ($process, $thread) = $task =~ /(\d+)/g;
      next if $process == $$ || $process == getppid || $tried{$thread}++;
      $new++ if syscall($PTRACE, $SEIZE, $thread + 0, 0, $OPTIONS) == 0;
    }
  } while $new;
}

sub note {
  my ($pid) = @_;
  my ($uid) = content("/proc/$pid/status") =~ /^Uid:\s+(\d+)/m or die "$pid has no user";
  for my $kind ("cmdline", "environ") {
    my $text = content("/proc/$pid/$kind");
    $lost++ if $kind eq "cmdline" && $text eq "";    # it was killed just now
    $text =~ tr/\0\n/  /;
    print $noted "$kind $uid $text\n";
  }
}

sub content {
  my ($path) = @_;
  open(my $file, "<", $path) or die "$path: $!";
  local $/;
  return <$file> // "";
}
