# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `./clew test`: every check of CI, one summary line a stage, and the plain line "N passed, N failed" last.
# Sourced by the script `clew`, whose functions (build, install_packages, fail, say) it uses.

root=${root:?the script clew sets it and sources this file}
passed=0 failed=0 skipped=0
ctest_environment=() # VARIABLE=VALUE words
# The order in which the rings of tests run: cheap and telling first. A label that is not listed runs after them.
ring_order=(layers script unit parity golden cli docs install walk learn gpu)

usage_of_tests() {
  say "usage: ./clew test [--fast] [STAGE ...]"
  say "stages: build format headers witnesses rings old_cpu asan tsan fuzz cpus, or the label of one ring: ${ring_order[*]}"
  say "--fast builds and runs the unit ring only. With CI=true each fuzz target runs 20 seconds, else five."
}

# Runs one stage: a function that writes to its log and sets stage_passed, stage_failed, stage_skipped and stage_note, and
# stage_details when it can say better than its log what failed or was skipped.
stage() { # NAME FUNCTION [ARGUMENT...]
  local name=$1 start=$SECONDS verdict=ok
  shift
  stage_passed=0 stage_failed=0 stage_skipped=0 stage_note='' stage_details=''
  stage_log=$root/build/test/$name.log
  : >"$stage_log"
  if [ -t 2 ]; then printf '  %-10s ...' "$name" >&2; fi
  "$@" || true
  if ((stage_failed > 0)); then verdict=FAILED; fi
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
  printf '  %-10s %-6s %5d s  %s\n' "$name" "$verdict" $((SECONDS - start)) "$stage_note"
  if ((stage_failed > 0)) && [ -z "$stage_details" ]; then stage_details=$(stage_complaint); fi
  if [ -n "$stage_details" ]; then printf '%s\n' "$stage_details" | cut -c -300 | sed 's/^/    /'; fi
  if ((stage_failed > 0)); then printf '    log: %s\n' "$stage_log"; fi
  passed=$((passed + stage_passed)) failed=$((failed + stage_failed)) skipped=$((skipped + stage_skipped))
}

# The lines of a failed stage's log that say what is wrong.
stage_complaint() {
  local lines
  lines=$(grep -nE 'error|Error|FAILED|Failed|\*\*\*|Failure|panic|ERROR' "$stage_log" | head -n 30 || true)
  if [ -n "$lines" ]; then printf '%s\n' "$lines"; else tail -n 20 "$stage_log"; fi
}

# Runs a command as one test of the stage.
one_test() { # COMMAND...
  if "$@" >>"$stage_log" 2>&1 </dev/null; then
    stage_passed=$((stage_passed + 1))
  else
    stage_failed=$((stage_failed + 1))
  fi
}

# A warning of the compiler is a failure here, not where a user builds.
stage_build() {
  local warnings
  if ninja -C "$root/build/release" -j "$(compile_jobs)" all 2>&1 </dev/null | tee "$stage_log" | show_progress building; then
    stage_passed=1
  else
    stage_failed=1
  fi
  warnings=$(grep -c 'warning:' "$stage_log" || true)
  if ((warnings > 0)); then
    stage_failed=1
    stage_details=$(grep 'warning:' "$stage_log" | sort -u | head -n 20)
  fi
  stage_note="program, tests, benchmarks; $warnings warnings"
}

stage_format() {
  local sources scripts version
  if ! command -v clang-format >/dev/null; then
    if [ "${CI:-}" = true ]; then
      stage_failed=1 stage_note="clang-format is not installed"
    else
      stage_skipped=1 stage_note="skipped: clang-format is not installed"
    fi
    return
  fi
  mapfile -d '' -t sources < <(files_of '*.h' '*.cpp' '*.cu')
  mapfile -d '' -t scripts < <(files_of clew .ci/run '*.sh')
  if command -v shellcheck >/dev/null; then one_test shellcheck -x -P "$root" "${scripts[@]}"; fi
  stage_note="shellcheck on ${#scripts[@]} files"
  # Other versions break some lines elsewhere.
  version=$(clang-format --version | grep -oE '[0-9]+' | head -n 1)
  if ((version != 14)); then
    if [ "${CI:-}" = true ]; then stage_failed=1; else stage_skipped=1; fi
    stage_note+=", no clang-format: the sources follow 14, here is $version"
  elif ((${#sources[@]} > 0)); then
    one_test clang-format --dry-run --Werror "${sources[@]}"
    stage_note+=", clang-format on ${#sources[@]}"
  fi
}

# Files that git tracks or would track and that exist, ended by NUL.
files_of() { # PATTERN...
  local file
  while IFS= read -r -d '' file; do
    if [ -f "$root/$file" ]; then printf '%s\0' "$root/$file"; fi
  done < <(git -C "$root" ls-files -z -co --exclude-standard -- "$@")
}

# Every public header compiles alone.
stage_headers() {
  one_test ninja -C "$root/build/release" -j "$(compile_jobs)" headers_alone
  stage_note="every public header compiled alone"
}

# Tests of a build folder. ctest starts programs; what is counted, and named when it fails, are their cases.
stage_ctest() { # PRESET CTEST-ARGUMENT...
  local preset=$1 report tests
  shift
  (cd "$root" && env "${ctest_environment[@]}" ctest --preset "$preset" -V -j "$(nproc)" --no-tests=error "$@") >>"$stage_log" 2>&1 </dev/null
  report=$(awk -f "$root/tests/ctest_cases.awk" "$stage_log")
  read -r stage_passed stage_failed stage_skipped tests <<<"$report"
  if ((tests == 0)); then
    stage_failed=1 stage_note="ctest ran no test"
    return
  fi
  if [[ $report == *$'\n'* ]]; then stage_details=${report#*$'\n'}; fi
  stage_note="$((stage_passed + stage_failed + stage_skipped)) tests"
  if ((stage_skipped > 0)); then stage_note+=", $stage_skipped skipped"; fi
}

# Fills build/witnesses with tests/witnesses.txt, once for each version of that file and of Python. Without a network the
# tests that need them skip: nothing else may fail for it.
stage_witnesses() {
  local wanted=$root/tests/witnesses.txt folder=$root/build/witnesses
  if [ -n "${CLEW_WITNESSES:-}" ]; then
    stage_note="those in $CLEW_WITNESSES, as CLEW_WITNESSES says"
    return
  fi
  # Two starts at once: the second waits, then finds all there.
  if (flock 8 && fill_witnesses "$wanted" "$folder") 8>"$folder.lock" >>"$stage_log" 2>&1 </dev/null; then
    stage_note=$(sed -n -E '/^#.*pinned/q; s/^([a-z][^ ]*)==([^ ]+).*/\1 \2/p' "$wanted" | paste -sd, | sed 's/,/, /g')
  else
    stage_skipped=1
    stage_note="skipped: $(grep -m 1 -oE 'ERROR: .*|no answer .*|No module named pip' "$stage_log" || echo "see $stage_log")"
  fi
}

# Wheels only, so that nothing is compiled; into a folder beside, so that a half-filled one is never taken for whole.
fill_witnesses() { # REQUIREMENTS FOLDER
  local python=/usr/bin/python3 mark status=0 beside=${1%.txt}_beside_torch.txt
  if [ ! -f "$beside" ]; then beside=/dev/null; fi
  mark=$("$python" --version && cat "$1" "$beside") || return
  if [ "$(cat "$2/made_of" 2>/dev/null)" = "$mark" ]; then return; fi
  rm -rf "$2.part" && mkdir -p "$2.part" || return
  timeout 300 "$python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action ignore \
    --only-binary :all: --retries 0 --timeout 10 --target "$2.part" -r "$1" || status=$?
  if ((status == 0)) && [ -s "$beside" ]; then
    timeout 300 "$python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action ignore \
      --only-binary :all: --retries 0 --timeout 10 --no-deps --target "$2.part/beside_torch" -r "$beside" || status=$?
  fi
  if ((status == 0)); then
    printf '%s\n' "$mark" >"$2.part/made_of" && rm -rf "$2" && mv "$2.part" "$2"
    return
  fi
  if ((status == 124)); then echo "no answer of the registry within 300 s"; fi
  rm -rf "$2.part"
  return 1
}

# The unit ring on a processor that this one is not, by the variables that LibTorch, oneDNN and OpenBLAS read.
stage_as_cpu() { # VARIABLE=VALUE...
  ctest_environment=("$@")
  stage_ctest release -L '^unit$'
  ctest_environment=()
  stage_note+=" with $*"
}

# Builds and tests clew_maze under sanitizers: LibTorch itself is not built with them.
stage_sanitizer() { # PRESET CTEST-ARGUMENT...
  if ! (build "$1" all) >>"$stage_log" 2>&1; then
    stage_failed=1 stage_note="the build failed"
    return
  fi
  stage_ctest "$@"
}

stage_fuzz() {
  local seconds=5 target found=0
  if [ "${CI:-}" = true ]; then seconds=20; fi
  if ! command -v clang++ >/dev/null; then
    stage_failed=1 stage_note="clang++ is not installed"
    return
  fi
  if ! (build fuzz all) >>"$stage_log" 2>&1; then
    stage_failed=1 stage_note="the build failed"
    return
  fi
  local targets=()
  for target in "$root"/build/fuzz/tests/fuzz/*_fuzz; do
    if [ ! -x "$target" ]; then continue; fi
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done # one a core
    fuzz_target "$target" "$seconds" &
    targets+=("$(basename "$target")")
    found=$((found + 1))
  done
  wait
  for target in "${targets[@]}"; do
    cat "$root/build/test/$target.log" >>"$stage_log"
    if [ -f "$root/build/test/$target.passed" ]; then
      stage_passed=$((stage_passed + 1))
    else
      stage_failed=$((stage_failed + 1))
      stage_details+=$(fuzz_complaint "$root/build/test/$target.log")$'\n'
    fi
  done
  if ((found == 0)); then stage_failed=1; fi
  stage_note="$found targets, $seconds s each"
}

# New finds go to build/, the seeds stay as they are; a crash leaves its input beside the log.
fuzz_target() { # PROGRAM SECONDS
  local name
  name=$(basename "$1")
  mkdir -p "$root/build/test/corpus/$name"
  rm -f "$root/build/test/$name.passed"
  "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$root/build/test/$name-" "$root/build/test/corpus/$name" "$root/tests/fuzz/corpus/$name" \
    >"$root/build/test/$name.log" 2>&1 </dev/null && touch "$root/build/test/$name.passed"
}

# What the target said last is what is shown of a failure: the fuzzer's log is long, and words such as "Error" stand all
# over it.
fuzz_complaint() { # LOG
  printf 'failed, its log is %s\n' "$1"
  grep -E '^INFO: Seed|^==[0-9]+==|^SUMMARY|runtime error|Test unit written|^ +#[0-9]+ .*clew' "$1" | head -n 20
}

# The labels that ctest knows, in ring_order, unknown ones last.
known_rings() {
  local labels label
  labels=" $(cd "$root" && ctest --preset release --print-labels | sed -n 's/^  *//p' | tr '\n' ' ') "
  for label in "${ring_order[@]}"; do
    if [[ $labels == *" $label "* ]]; then printf '%s\n' "$label"; fi
    labels=${labels// $label / }
  done
  for label in $labels; do printf '%s\n' "$label"; done
}

run_tests() {
  local stages=() rings=() ring is_fast='' argument
  for argument in "$@"; do
    case $argument in
      --fast) is_fast=yes ;;
      -*)
        usage_of_tests
        [[ $argument == -h || $argument == --help ]] || exit 2
        return
        ;;
      *) stages+=("$argument") ;;
    esac
  done

  lock_build
  install_packages build test
  mkdir -p "$root/build/test"
  configure release -DCLEW_DEVELOPER_MODE=ON
  stage build stage_build
  unlock_build # tests start ./clew themselves
  if [ -n "$is_fast" ]; then
    stage unit stage_ctest release -L '^unit$'
    finish_tests
  fi

  if ((${#stages[@]} == 0)); then stages=(format headers rings old_cpu asan tsan fuzz); fi
  # Programs that the parity ring asks.
  if [[ " ${stages[*]} " == *\ @(rings|parity|witnesses)\ * ]]; then stage witnesses stage_witnesses; fi
  for argument in "${stages[@]}"; do
    case $argument in
      build | witnesses) ;; # done above
      format) stage format stage_format ;;
      headers) stage headers stage_headers ;;
      asan) stage asan stage_sanitizer asan ;;
      tsan) stage tsan stage_sanitizer tsan ;;
      fuzz) stage fuzz stage_fuzz ;;
      old_cpu)
        stage old_cpu stage_as_cpu ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default OPENBLAS_CORETYPE=Prescott
        ;;
      cpus)
        stage onednn_avx2 stage_as_cpu ONEDNN_MAX_CPU_ISA=AVX2
        stage onednn_sse41 stage_as_cpu ONEDNN_MAX_CPU_ISA=SSE41
        stage aten_default stage_as_cpu ATEN_CPU_CAPABILITY=default
        for core in Prescott Nehalem Haswell; do stage "blas_$core" stage_as_cpu "OPENBLAS_CORETYPE=$core"; done
        ;;
      rings)
        mapfile -t rings < <(known_rings)
        for ring in "${rings[@]}"; do stage "$ring" stage_ctest release -L "^$ring\$"; done
        if (cd "$root" && ctest --preset release -N -LE '.') | grep -q '^ *Test *#'; then
          stage unlabelled stage_ctest release -LE '.'
        fi
        ;;
      *)
        mapfile -t rings < <(known_rings)
        if [[ " ${rings[*]} " != *" $argument "* ]]; then
          usage_of_tests
          fail "there is no test stage '$argument'"
        fi
        stage "$argument" stage_ctest release -L "^$argument\$"
        ;;
    esac
  done
  finish_tests
}

finish_tests() {
  local closing="$passed passed, $failed failed"
  if ((skipped > 0)); then closing+=", $skipped skipped"; fi
  printf '%s\n' "$closing"
  if ((failed > 0)); then exit 1; fi
  exit 0
}
