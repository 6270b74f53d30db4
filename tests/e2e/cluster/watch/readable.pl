# Run as a user with no rights: prints each file that can be read and holds one of the needles.
# stdin: the needles, one a line, then an empty line; without "once" it looks until stdin ends.
# Arguments: "once" or "always", then a time, before which no needle can have been written (files that
# did not change since are left out), then directories.
use strict;
use warnings;
use Time::HiRes qw(lstat time);

$| = 1;
my ($how, $since, @tops) = @ARGV;
my @needles;
while (defined(my $line = <STDIN>)) {
  chomp $line;
  last if $line eq "";
  push @needles, quotemeta $line;
}
my $needle = join "|", @needles;
my (%seen, %told);
my $stdin = "\1";
my $began;
print "watching as ", scalar getpwuid($>), "\n";
do {
  $began = time;
  my @paths = @tops;
  while (defined(my $path = pop @paths)) {
    my ($dev, $inode, $size, $modified, $changed) = (lstat $path)[0, 1, 7, 9, 10] or next;
    next if -l _;
    if (-d _) {
      next if $path =~ m{^/(proc|sys|dev/pts)$};
      opendir(my $directory, $path) or next;
      push @paths, map { $path eq "/" ? "/$_" : "$path/$_" } grep { !/^\.\.?$/ } readdir $directory;
    } elsif (-f _ && $changed >= $since && !$seen{"$path $dev $inode $size $modified $changed"}) {
      open(my $file, "<", $path) or next;
      $seen{"$path $dev $inode $size $modified $changed"} = 1;
      print "$path\n" if holds($file) and !$told{$path}++;
    }
  }
} until ($how eq "once" or select(my $ended = $stdin, undef, undef, 0.1 + time - $began));
print "done\n";

sub holds {
  my ($file) = @_;
  my $tail = "";
  while (sysread $file, my $part, 1 << 20) {
    my $text = $tail . $part;
    return 1 if $text =~ /$needle/;
    $tail = substr $text, -200;
  }
  return 0;
}
