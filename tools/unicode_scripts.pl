#!/usr/bin/perl
# Writes src/model/token/scripts_table.h: the Script property as ranges, from Perl's Unicode data.
#     perl tools/unicode_scripts.pl > src/model/token/scripts_table.h
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap);

my ($starts, $names) = prop_invmap("Script");
my (%number, @rows, $last);
for my $i (0 .. $#$starts) {
    my $name = $names->[$i] eq "Unknown" ? "" : $names->[$i];
    my $n = $name eq "" ? 0 : ($number{$name} //= 1 + keys %number);
    push @rows, "{ $starts->[$i], $n }" unless defined $last && $last == $n;
    $last = $n;
}
my $version = Unicode::UCD::UnicodeVersion();
print "/* scripts_table.h - made by tools/unicode_scripts.pl from Unicode $version; do not edit.\n",
      " * Each range lasts until the next begins; script 0 is none. */\n";
print "#ifndef MODEL_TOKEN_SCRIPTS_TABLE_H\n#define MODEL_TOKEN_SCRIPTS_TABLE_H\n\n#include <stdint.h>\n\n";
print "enum { SCRIPT_HAN = $number{Han}, SCRIPT_HIRAGANA = $number{Hiragana}, SCRIPT_KATAKANA = $number{Katakana} };\n";
print "static const struct {\n    uint32_t from, script;\n} script_range[] = {\n";
my $line = "   ";
for (@rows) {
    if (length($line) + length($_) > 116) { print "$line\n"; $line = "   "; }
    $line .= " $_,";
}
print "$line\n};\n#endif\n";
