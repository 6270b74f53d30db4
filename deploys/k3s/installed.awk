# Prints what a k3s that somebody else has installed is told: path, name and, unless it may be a
# secret, value, with tabs between. Before each file stands kind=env, config or unit.
# Variables: shown, names whose value may be seen; secret, flags that always have a value.

function words(text,    i, c, quote, open, word) {
  count = 0; quote = word = ""; open = 0
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "\\" && quote != "'") { word = word substr(text, ++i, 1); open = 1 }
    else if (quote != "") { if (c == quote) quote = ""; else word = word c }
    else if (c == "'" || c == "\"") { quote = c; open = 1 }
    else if (c == " " || c == "\t") { if (open) found[++count] = word; word = ""; open = 0 }
    else { word = word c; open = 1 }
  }
  if (open) found[++count] = word
}

function tell(path, name, value) {
  if (name !~ /^[A-Za-z][A-Za-z0-9_-]*$/) return
  print path "\t" name (index(shown, " " name " ") ? "\t" value : "")
}

function flags(path,    i, at, name, value) {
  for (i = 2; i <= count; i++) {
    if (found[i] !~ /^-/) continue
    name = found[i]; sub(/^--?/, "", name); at = index(name, "=")
    value = "true"
    if (at) { value = substr(name, at + 1); name = substr(name, 1, at - 1) }
    if (name in long) name = long[name]
    if (!at && i < count && (index(secret, " " name " ") || found[i + 1] !~ /^-/)) value = found[++i]
    tell(path, name, value)
  }
}

BEGIN {
  long["c"] = "config"; long["d"] = "data-dir"; long["i"] = "node-ip"
  long["o"] = "write-kubeconfig"; long["s"] = "server"; long["t"] = "token"
}

kind == "env" && /^[A-Za-z_][A-Za-z0-9_]*=/ {
  words($0); at = index(found[1], "=")
  tell(FILENAME, substr(found[1], 1, at - 1), substr(found[1], at + 1))
}

kind == "config" && /^["']?[A-Za-z][A-Za-z0-9-]*\+?["']?[ \t]*:/ {
  key = $0; sub(/[ \t]*:.*/, "", key); gsub(/["'+]/, "", key)
  value = $0; sub(/^[^:]*:[ \t]*/, "", value)
  listed = value ~ /^(#.*)?$/
  # A list that follows is told by its items, or by its name alone.
  if (!listed) tell(FILENAME, key, value)
  else if (!index(shown, " " key " ")) tell(FILENAME, key)
}
kind == "config" && /^[^ \t#-]/ && !/:/ { listed = 0 }
kind == "config" && listed && /^[ \t]*-[ \t]/ && index(shown, " " key " ") {
  value = $0; sub(/^[ \t]*-[ \t]+/, "", value); tell(FILENAME, key, value)
}

# systemd.syntax(7): a line goes on behind a backslash, over comments; an empty one takes all back.
kind == "unit" && !/^[ \t]*[#;]/ {
  unit = FILENAME; line = line $0
  if (sub(/\\$/, " ", line)) next
  if (line ~ /^[ \t]*ExecStart[ \t]*=/) { command = line; sub(/^[^=]*=/, "", command) }
  line = ""
}
END {
  if (line ~ /^[ \t]*ExecStart[ \t]*=/) { command = line; sub(/^[^=]*=/, "", command) }
  words(command); flags(unit)
}
