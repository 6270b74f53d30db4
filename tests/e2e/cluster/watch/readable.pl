# Run as a user with no rights: prints each file that can be read and holds one of the needles.
# stdin: the needles, one a line, then an empty line.
# Arguments: "once", then a time, before which no needle can have been written (files that did not
# change since are left out), then directories; or "always", then a directory whose new files are
# removed as soon as all that was written before them has been looked at, then directories, which
# are looked at until stdin ends, whenever something changes there.
use strict;
use warnings;

# From <sys/inotify.h> and <asm/unistd.h> of x86-64.
my ($INIT, $ADD_WATCH) = (294, 254);
my ($MODIFY, $ATTRIB, $CLOSE_WRITE, $MOVED_TO, $CREATE) = (0x2, 0x4, 0x8, 0x80, 0x100);
my ($ONLY_DIRECTORY, $OVERFLOW) = (0x0100_0000, 0x4000);

$| = 1;
my ($how, $limit, @tops) = @ARGV;
my @needles;
while (defined(my $line = <STDIN>)) {
  chomp $line;
  last if $line eq "";
  push @needles, quotemeta $line;
}
my $needle = join "|", @needles;
my ($longest, $small) = (200, 1 << 20);    # bytes
my ($events, $since) = (undef, $how eq "once" ? $limit : $^T);
my (%watched, %read, %told);
if ($how eq "always") {
  my $number = syscall $INIT, 0;
  open $events, "+<&=", $number or die "inotify: $!";
}
walk(@tops, $how eq "always" ? $limit : ());
print "watching as ", scalar getpwuid($>), "\n";
follow() if $events;
print "done\n";

sub walk {
  my @paths = @_;
  while (defined(my $path = pop @paths)) {
    my ($device, $inode, $size, $changed) = (lstat $path)[0, 1, 7, 10] or next;
    next if -l _;
    if (-d _) {
      next if $path =~ m{^/(proc|sys|dev/pts)$};
      watch($path) if $events;    # first: what is made from now on is told
      opendir(my $directory, $path) or next;
      push @paths, map { $path eq "/" ? "/$_" : "$path/$_" } grep { !/^\.\.?$/ } readdir $directory;
    } elsif (-f _ && $changed >= $since && open my $file, "<", $path) {
      print "$path\n" if holds($file, "$device $inode", $size) and !$told{$path}++;
    }
  }
}

sub watch {
  my ($path) = @_;
  my $mask = $MODIFY | $ATTRIB | $CLOSE_WRITE | $MOVED_TO | $CREATE | $ONLY_DIRECTORY;
  my $watch = syscall $ADD_WATCH, fileno $events, $path, $mask;
  $watched{$watch} = $path if $watch >= 0;
  die "$path: $!" if $watch < 0 && !$!{EACCES} && !$!{ENOENT} && !$!{ENOTDIR};
}

sub follow {
  my $wanted = "";
  vec($wanted, fileno $_, 1) = 1 for $events, *STDIN;
  while (select(my $ready = $wanted, undef, undef, undef)) {
    if (vec $ready, fileno $events, 1) {
      sysread $events, my $told, 1 << 16 or die "inotify: $!";
      while (length $told) {
        my ($watch, $mask, undef, $size) = unpack "iLLL", $told;
        die "more happened than could be told" if $mask & $OVERFLOW;
        my $name = unpack "Z*", substr $told, 16, $size;
        $told = substr $told, 16 + $size;
        my $path = $watched{$watch} . ($name eq "" ? "" : "/$name");
        %read = () if $mask & ($CREATE | $MOVED_TO);
        $watched{$watch} eq $limit && $name ne "" ? unlink $path : walk($path);
      }
    } elsif (vec $ready, fileno STDIN, 1) {
      return;
    }
  }
}

# Of a large file that has grown since, only what is new is read.
sub holds {
  my ($file, $which, $size) = @_;
  my $before = $read{$which} // 0;
  sysseek $file, $before - $longest, 0 if $before > $small && $size > $before;
  my $tail = "";
  while (sysread $file, my $part, 1 << 20) {
    my $text = $tail . $part;
    return 1 if $text =~ /$needle/;
    $tail = length $text > $longest ? substr $text, -$longest : $text;
  }
  $read{$which} = $size;
  return 0;
}
