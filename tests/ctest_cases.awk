# SPDX-License-Identifier: Apache-2.0
# Reads what `ctest -V` printed. A test of ctest is a GoogleTest program with many cases, or one check of another kind.
# Prints "PASSED FAILED SKIPPED TESTS" (cases of programs, one for each other check; TESTS counts those of ctest), then lines
# for people: each failed case or check with what it said, and each reason for skipping with how often it stood.

function name_after(mark) { # the case that a line of GoogleTest names
  rest = substr(text, index(text, mark) + length(mark))
  sub(/[ ,].*/, "", rest)
  return rest
}
function end_case(id) { running[id] = ""; kept[id] = 0 }
function say(line) { said[++lines] = line }
function say_output(id, first, last,   i) {
  for (i = first > 1 ? first : 1; i <= last && i <= kept[id]; ++i) if (output[id, i] != "") say("  " output[id, i])
}
function skip(why) {
  if (!(why in reasons)) order[++kinds] = why
  ++reasons[why]
  ++skipped
}

# "47: text", said by test 47 of ctest.
/^[0-9]+: / {
  id = $0 + 0
  text = substr($0, index($0, ": ") + 2)
  is_timed = text ~ / ms\)$/
  if (index(text, "[ RUN      ] ")) {
    is_program[id] = 1
    end_case(id)
    running[id] = name_after("[ RUN      ] ")
  } else if (is_timed && index(text, "[       OK ] ")) {
    ++passes[id]
    end_case(id)
  } else if (is_timed && index(text, "[  FAILED  ] ")) {
    ++failures[id]
    say("failed: " name_after("[  FAILED  ] "))
    say_output(id, 1, 15)
    end_case(id)
  } else if (is_timed && index(text, "[  SKIPPED ] ")) {
    why = "no reason given"
    for (i = 1; i < kept[id]; ++i) if (output[id, i] ~ /: Skipped$/ && output[id, i + 1] != "") why = output[id, i + 1]
    skip(why)
    end_case(id)
  } else if (text ~ /^\[  PASSED  \] /) {
    is_closed[id] = 1
  } else if (text !~ /^(Test command: |Working Directory: |Test timeout computed to be: )/) {
    output[id, ++kept[id]] = text
  }
  next
}

# " 3/21 Test #47: name .....   Passed    3.37 sec", or "***Failed", "***Skipped", "SegFault***Exception:", ...
/^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: / {
  text = $0
  sub(/^[^#]*#/, "", text)
  id = text + 0
  sub(/^[0-9]+: /, "", text)
  ++tests
  name = text
  sub(/ .*/, "", name)
  verdict = "Passed"
  if (match(text, /\*\*\*/)) {
    verdict = substr(text, RSTART + 3)
    sub(/:? +[0-9.]+ sec.*/, "", verdict)
    if (verdict == "Exception") verdict = substr(text, 1, RSTART - 1)
    sub(/.*\.\.+/, "", verdict)
  }
  if (is_program[id]) {
    passed += passes[id]
    failed += failures[id]
    if (verdict ~ /^(Passed|Skipped)/ && is_closed[id]) next
    if (running[id] != "") { # ended by a signal, the clock or a call of exit
      ++failed
      say("failed: " running[id] " (" name ": " verdict "); no case after it ran")
    } else if (!failures[id]) {
      ++failed
      say("failed: " name " (" verdict "), outside of its cases")
    } else {
      next
    }
    say_output(id, kept[id] - 14, kept[id])
  } else if (verdict == "Passed") {
    ++passed
  } else if (verdict ~ /^(Skipped|Not Run \(Disabled\))/) {
    skip(name)
  } else {
    ++failed
    say("failed: " name " (" verdict ")")
    say_output(id, kept[id] - 19, kept[id])
  }
}

END {
  print passed + 0, failed + 0, skipped + 0, tests + 0
  for (i = 1; i <= kinds; ++i) print reasons[order[i]] " skipped: " order[i]
  for (i = 1; i <= lines && i <= 80; ++i) print said[i]
  if (lines > 80) print "and " lines - 80 " more lines"
}
