// SPDX-License-Identifier: Apache-2.0
// What the built-in levels give, byte for byte: signatures.txt holds one number a level
// (signature.h), playthrough/ holds a short game of each as text, which says in a diff what a new
// number cannot. To make both anew after a change that is meant to change them, run this program
// with CLEW_RECORD=1 set, and review the diff.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "clew/core/error.h"
#include "clew/maze/level_text.h"
#include "clew/maze/signature.h"
#include "clew/maze/vector_env.h"

namespace clew::maze {
namespace maze_golden_test {

const std::string kFolder = CLEW_GOLDEN_FOLDER;

bool is_recording() { return std::getenv("CLEW_RECORD") != nullptr; }

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Compares with the file, or writes it.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = kFolder + "/" + name;
  if (is_recording()) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    ASSERT_TRUE(file.flush().good()) << "cannot write " << path;
    return;
  }
  EXPECT_EQ(read(path), text) << name;
}

std::shared_ptr<const Level> builtin(const std::string& name) {
  return std::make_shared<const Level>(load_builtin(name));
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

TEST(MazeGolden, SignaturesOfAllBuiltInLevels) {
  std::string text;
  for (const std::string& name : builtin_level_names()) {
    text += hex(signature(builtin(name))) + ' ' + name + '\n';
  }
  expect_golden("signatures.txt", text);
}

// A player that walks the shortest way to the goal as far as turning in steps of four frames lets
// it, and looks about now and then.
std::string playthrough(const std::string& name) {
  static constexpr const char* kNames[kActions] = {
      "look_left", "look_right", "strafe_left",       "strafe_right",
      "forward",   "backward",   "look_left_forward", "look_right_forward"};
  const auto level = builtin(name);
  VectorEnv env(level, {.render = {.width = 16, .height = 16}});
  float reward = 0, position[2] = {}, heading = 0;
  std::int32_t cell = 0, goal_distance = 0;
  std::uint8_t event = 0, is_loop = 0, is_done = 0, depth_class[64] = {};
  const StepBuffers out{.reward = {&reward, 1},
                        .is_done = {&is_done, 1},
                        .position = position,
                        .heading = {&heading, 1},
                        .cell = {&cell, 1},
                        .depth_class = depth_class,
                        .is_loop = {&is_loop, 1},
                        .goal_distance = {&goal_distance, 1},
                        .event = {&event, 1}};
  env.reset(Key{2024}, out);
  std::string text =
      "# level " + name + ": every fifth step and those in which something happened;\n";
  text +=
      "# step, action, x, y, heading in degrees, cell, walk to the goal, depth classes of the "
      "third row, events\n";
  const Grid& grid = *env.layout(0).grid;
  Stream random(Key{7});
  const auto add_line = [&](int step, const char* action) {
    if (step % 5 != 0 && event == 0) return;
    char line[128];
    std::snprintf(line, sizeof line, "%4d %-18s %8.4f %8.4f %6.2f %4d %3d ", step, action,
                  static_cast<double>(position[0]), static_cast<double>(position[1]),
                  static_cast<double>(heading) * 360, cell, goal_distance);
    text += line;
    for (int i = 32; i < 48; ++i) text += static_cast<char>('0' + depth_class[i]);
    if (reward != 0) text += concat(" reward ", reward);
    if ((event & kEventGoal) != 0) text += " goal";
    if ((event & kEventFruit) != 0) text += " fruit";
    if ((event & kEventRespawn) != 0) text += " respawn";
    if ((event & kEventEpisodeEnd) != 0) text += " end";
    if (is_loop != 0) text += " loop";
    text += '\n';
  };
  add_line(0, "-");
  for (int step = 1; step <= 240; ++step) {
    // The neighbour nearest to the goal, and the compass heading that leads there.
    int side = 0, nearest = 65536;
    const Cell here{static_cast<std::int16_t>(cell % grid.width),
                    static_cast<std::int16_t>(cell / grid.width)};
    for (int s = 0; s < 4; ++s) {
      if (grid.has_wall(here, static_cast<Side>(s))) continue;
      const Cell next = neighbour(here, static_cast<Side>(s));
      const int distance = env.layout(0).goal_distance[static_cast<std::size_t>(grid.index(next))];
      if (distance < nearest) {
        nearest = distance;
        side = s;
      }
    }
    const auto wanted =
        static_cast<std::uint16_t>((side + 3) << 14);  // north is 3 quarters, east 0
    const auto off = static_cast<std::int16_t>(wanted - env.state(0).camera.heading);
    std::int32_t action = static_cast<std::int32_t>(Action::kForward);
    if (random.below(8) == 0) {
      action = static_cast<std::int32_t>(random.below(kActions));
    } else if (off > 1200) {
      action =
          static_cast<std::int32_t>(off < 6000 ? Action::kLookRightForward : Action::kLookRight);
    } else if (off < -1200) {
      action =
          static_cast<std::int32_t>(off > -6000 ? Action::kLookLeftForward : Action::kLookLeft);
    }
    env.step({&action, 1}, out);
    add_line(step, kNames[action]);
  }
  return text;
}

TEST(MazeGolden, PlaythroughsOfAllBuiltInLevels) {
  for (const std::string& name : builtin_level_names())
    expect_golden("playthrough/" + name + ".txt", playthrough(name));
}

}  // namespace maze_golden_test
}  // namespace clew::maze
